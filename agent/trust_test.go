package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"understudy/events"
	"understudy/trust"
	"understudy/wire"
)

// "Certificates and keys reload without a restart": a key that is removed from the file
// is refused after the reload, one that was added is known, and a file that is cut off
// changes nothing. Each is told of.
func TestReloadedKeys(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys")
	put := func(lines ...string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	first, second := "first "+trust.HashOf("key-1").String(), "second "+trust.HashOf("key-2").String()
	put(first)
	a := muted(Options{Trust: trust.New(time.Now)})
	keys, err := trust.Follow(a.o.Trust, "keys", file, trust.ParseKeys)
	if err != nil {
		t.Fatal(err)
	}
	a.o.FrontKeys = keys.Now
	knows := func(key string) bool { _, known := a.o.FrontKeys().Holder(key); return known }
	put(second)
	answer, err := a.OrderReload(t.Context(), wire.ReloadOrder{})
	if err != nil || len(answer.Changed) != 1 || knows("key-1") || !knows("key-2") {
		t.Errorf("got %+v, %v; key-1 known %t, key-2 known %t", answer, err, knows("key-1"), knows("key-2"))
	}
	put(second[:20])
	if err := a.Reload(t.Context()); err == nil || !knows("key-2") {
		t.Errorf("a cut file: got %v, key-2 known %t; want the old keys and why", err, knows("key-2"))
	}
	if got := a.unreadable(); len(got) != 1 || got[0].File != file || got[0].Since.IsZero() || !strings.Contains(got[0].Reason, "line 1") {
		t.Errorf("status has %+v, want the file, since when, and why", got)
	}
	put(second)
	if err := a.Reload(t.Context()); err != nil || len(a.unreadable()) != 0 {
		t.Errorf("mended: %v, and status has %+v", err, a.unreadable())
	}
	if got := a.raised(); len(got) != 4 || got[0] != events.TrustReloaded || got[1] != events.TrustReloaded || got[2] != events.TrustUnreadable {
		t.Errorf("raised %q", got)
	}
}
