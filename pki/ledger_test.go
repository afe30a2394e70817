package pki_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"understudy/datadir"
	"understudy/env"
	"understudy/pki"
	"understudy/site"
)

func issue(t testing.TB, a *pki.Authority, name site.FQDN, life time.Duration) {
	t.Helper()
	if _, err := a.Issue(t.Context(), pki.Order{Names: []site.FQDN{name}, Life: life, Key: newKey(t).Public(), How: pki.ByHand}); err != nil {
		t.Fatal(err)
	}
}

// states are the names of a list with their states.
func states(t testing.TB, a *pki.Authority, all bool) string {
	t.Helper()
	entries, err := a.List(t.Context(), all)
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, e := range entries {
		words = append(words, fmt.Sprintf("%s:%s", strings.TrimSuffix(string(e.Name), ".example.test"), e.State))
	}
	return strings.Join(words, " ")
}

// "pki list: expired, expiring, revoked-by-name."
func TestList(t *testing.T) {
	e, now := clocked()
	dir := filepath.Join(t.TempDir(), "ca")
	if err := pki.Init(e, dir, []string{"example.test"}); err != nil {
		t.Fatal(err)
	}
	a := open(t, e, dir)
	issue(t, a, "a.example.test", time.Hour)
	issue(t, a, "b.example.test", 2*time.Hour)
	issue(t, a, "c.example.test", 20*time.Hour)
	issue(t, a, "d.example.test", 20*time.Hour)
	for _, name := range []site.FQDN{"d.example.test", "e.example.test"} {
		if err := a.Deny(t.Context(), name, false); err != nil {
			t.Fatal(err)
		}
	}
	*now = now.Add(90 * time.Minute)
	issue(t, a, "c.example.test", 20*time.Hour)
	if got, want := states(t, a, false), "a:expired b:expiring c:valid d:denied e:denied"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := states(t, a, true), "a:expired b:expiring c:valid c:valid d:denied e:denied"; got != want {
		t.Errorf("all: got %s, want %s", got, want)
	}
}

// A process that was killed while it wrote leaves a line without its end: that record was
// never acknowledged, and the next one takes its place.
func TestTornLedger(t *testing.T) {
	a, dir := authority(t, env.Real())
	issue(t, a, "a.example.test", time.Hour)
	file := filepath.Join(dir, "ledger.jsonl")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(whole) {
		if err := os.WriteFile(file, append(slices.Clip(whole), whole[:cut]...), 0o600); err != nil {
			t.Fatal(err)
		}
		b := open(t, env.Real(), dir)
		if got := states(t, b, true); got != "a:valid" {
			t.Fatalf("cut at %d: %s, want a alone", cut, got)
		}
		if cut%50 == 0 {
			issue(t, b, "b.example.test", time.Hour)
			if got := states(t, open(t, env.Real(), dir), true); got != "a:valid b:valid" {
				t.Fatalf("cut at %d, and one more: %s", cut, got)
			}
		}
	}
}

// What is torn may be longer than what comes next.
func TestLongTornLedger(t *testing.T) {
	a, dir := authority(t, env.Real())
	issue(t, a, "a.example.test", time.Hour)
	file := filepath.Join(dir, "ledger.jsonl")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(whole, strings.Repeat("x", 5000)...), 0o600); err != nil {
		t.Fatal(err)
	}
	issue(t, open(t, env.Real(), dir), "b.example.test", time.Hour)
	issue(t, open(t, env.Real(), dir), "c.example.test", time.Hour)
	if got := states(t, open(t, env.Real(), dir), true); got != "a:valid b:valid c:valid" {
		t.Errorf("got %s", got)
	}
}

func TestDamagedLedger(t *testing.T) {
	a, dir := authority(t, env.Real())
	issue(t, a, "a.example.test", time.Hour)
	file := filepath.Join(dir, "ledger.jsonl")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"no JSON":      string(whole) + "hello\n",
		"empty line":   string(whole) + "\n",
		"no name":      string(whole) + `{"v":1,"kind":"denied"}` + "\n",
		"unknown kind": string(whole) + `{"v":1,"kind":"later","name":"a.example.test"}` + "\n",
		"no end":       string(whole) + `{"v":1,"kind":"issued","name":"a.example.test","names":["a.example.test"],"serial":"1"}` + "\n",
		"no version":   string(whole) + `{"kind":"denied","name":"a.example.test"}` + "\n",
		"too long":     string(whole) + `{"v":1,"kind":"denied","name":"` + strings.Repeat("a", 70_000) + `"}` + "\n",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		b := open(t, env.Real(), dir)
		_, err := b.List(t.Context(), false)
		if err == nil || !strings.Contains(err.Error(), "line 2 of the ledger") {
			t.Errorf("%s: %v, want that line 2 is damaged", name, err)
		}
		if _, err := b.Issue(t.Context(), pki.Order{Names: []site.FQDN{"b.example.test"}, Life: time.Hour, Key: newKey(t).Public()}); err == nil {
			t.Errorf("%s: one more was issued", name)
		}
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Issue(t.Context(), pki.Order{Names: []site.FQDN{"b.example.test"}, Life: time.Hour, Key: newKey(t).Public()}); err == nil || !strings.Contains(err.Error(), "shorter than it was") {
		t.Errorf("a ledger that lost what was read: %v, want refused", err)
	}
}

// "A newer one is refused with a clear message and nothing is touched."
func TestNewerLedger(t *testing.T) {
	_, dir := authority(t, env.Real())
	file := filepath.Join(dir, "ledger.jsonl")
	const text = `{"v":2,"kind":"denied","name":"a.example.test","much":"more"}` + "\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := open(t, env.Real(), dir).NewToken(t.Context(), []site.FQDN{"a.example.test"}, time.Hour)
	newer, ok := errors.AsType[*datadir.NewerError](err)
	if !ok || newer.File != file || newer.Version != 2 || newer.Known != pki.LedgerVersion {
		t.Errorf("got %v, want a newer ledger refused", err)
	}
	if after, err := os.ReadFile(file); err != nil || string(after) != text {
		t.Errorf("it was changed to %q (%v)", after, err)
	}
}

// A command beside the service: neither loses what the other writes.
func TestTwoProcessesWrite(t *testing.T) {
	a, dir := authority(t, env.Real())
	b := open(t, env.Real(), dir)
	done := make(chan error)
	for _, x := range []*pki.Authority{a, b} {
		go func() {
			var err error
			for range 20 {
				if err == nil {
					_, _, err = x.NewToken(t.Context(), []site.FQDN{"a.example.test"}, time.Hour)
				}
			}
			done <- err
		}()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "ledger.jsonl"))
	if lines := strings.Count(string(text), "\n"); lines != 40 || err != nil {
		t.Errorf("the ledger has %d records (%v), want 40", lines, err)
	}
}

// Whatever is in the ledger, it is read or refused, and never loses a whole record.
func FuzzLedger(f *testing.F) {
	f.Add(`{"v":1,"kind":"denied","name":"a.example.test"}` + "\n")
	f.Add(`{"v":1,"kind":"issued","name":"a.example.test","names":["a.example.test"],"serial":"1","not_after":"2026-01-01T00:00:00Z"}` + "\n" + `{"v":1,"kind":`)
	f.Add(`{"v":1,"kind":"token","name":"a.example.test","names":["a.example.test"],"token":"00","until":"2026-01-01T00:00:00Z"}` + "\n")
	a, dir := authority(f, env.Real())
	file := filepath.Join(dir, "ledger.jsonl")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := a.List(t.Context(), true); err != nil {
			return
		}
		if err := open(t, env.Real(), dir).Deny(t.Context(), "z.example.test", false); err != nil {
			t.Fatalf("it was read, and cannot be written: %v", err)
		}
		after, err := os.ReadFile(file)
		whole := text[:strings.LastIndex(text, "\n")+1]
		if err != nil || !strings.HasPrefix(string(after), whole) || strings.Count(string(after), "\n") != strings.Count(whole, "\n")+1 {
			t.Errorf("%q became %q (%v)", text, after, err)
		}
	})
}
