package server_test

import (
	"os"
	"path/filepath"
	"testing"

	"understudy/site"
	"understudy/wire"
)

// Design 5: "the history is the UTC second of the store's creation or restoration
// plus four random characters". Connectors that hold a newer version than the
// backup take what is published after it, and at once where the content differs.
func TestRestoredStoreHasANewHistory(t *testing.T) {
	data, backup := t.TempDir(), filepath.Join(t.TempDir(), "cloud.db")
	s := start(t, data)
	put(t, s.client(t, adminSecret, ""), exampleSite())
	s.stop()
	copyFile(t, filepath.Join(data, "cloud.db"), backup)
	s = start(t, data)
	changed := exampleSite()
	changed.Machines = changed.Machines[:1]
	put(t, s.client(t, adminSecret, ""), changed)
	lost := version(t, s)
	s.stop()

	copyFile(t, backup, filepath.Join(data, "cloud.db"))
	o := options(t, data)
	o.Restored = true
	s = startWith(t, o)
	restored := version(t, s)
	if restored.Compare(lost) <= 0 || restored.History == lost.History {
		t.Errorf("restored as %s, want a history after that of %s", restored, lost)
	}
	if header := served(t, s); header.Version != restored || header.Counts["machines"] != 2 {
		t.Errorf("connectors get %s with %v, want %s with both machines", header.Version, header.Counts, restored)
	}
	s.stop()

	s = start(t, data)
	if got := version(t, s); got != restored {
		t.Errorf("the next start: %s, want %s: once is enough", got, restored)
	}
	put(t, s.client(t, adminSecret, ""), changed)
	if got := version(t, s); got.History != restored.History || got.Compare(restored) <= 0 {
		t.Errorf("published as %s after %s", got, restored)
	}
}

// An empty store has nothing to restore; its history is new anyway.
func TestRestoredEmptyStore(t *testing.T) {
	o := options(t, t.TempDir())
	o.Restored = true
	s := startWith(t, o)
	if got := version(t, s); !got.IsZero() {
		t.Errorf("got %s, want no version yet", got)
	}
	put(t, s.client(t, adminSecret, ""), exampleSite())
}

func version(t testing.TB, s running) site.Version {
	t.Helper()
	h, err := s.client(t, connectorSecret, "cc1.example").Health(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return h.Version
}

// served is what a connector gets that has nothing yet.
func served(t testing.TB, s running) wire.ConfigHeader {
	t.Helper()
	stream, _, err := s.client(t, connectorSecret, "cc1.example").Configuration(t.Context(), wire.ConfigAsk{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.Close() }()
	_, header, err := wire.ReadConfig(stream)
	if err != nil {
		t.Fatal(err)
	}
	return header
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
