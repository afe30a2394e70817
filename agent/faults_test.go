package agent

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"understudy/wire"
	"understudy/zone"
)

// Design 4: "3 s of failure resigns". Losing the office needs no disk, so one that
// cannot write does not keep it.
func TestABrokenDiskLosesTheOffice(t *testing.T) {
	c := started(t, "c0", zone.Record{Number: 5, Term: 5, Writer: "c0", Outage: "x", Mode: zone.ExtendedHA})
	in := aloneInputs()
	in.health = health{checked: true, trouble: "the cloud broker does not answer"}
	in.canServe, in.whyNot = false, "the state database cannot be written"
	in.peers = []peerWord{
		{fqdn: "c1", heard: true, answered: true, facts: wire.Facts{
			FQDN: "c1", CanServe: true, Highest: 9, State: zone.ExtendedHA,
			Record: zone.Record{Number: 9, Term: 9, Writer: "c1", Outage: "x", Mode: zone.ExtendedHA},
		}},
		{fqdn: "c2", answered: true},
	}
	for range maxSteps {
		ch, ok := c.decide(in)
		if !ok || ch.record != nil || ch.highest > 0 {
			break // it cannot be made durable
		}
		if _, err := c.commit(t.Context(), in.now, ch); err != nil {
			t.Fatal(err)
		}
	}
	if c.office {
		t.Error("the office is kept though c1 has written a higher record")
	}
}

// One word of one desktop must not use up the numbers of the zone.
func TestALeapingTermIsNotFollowed(t *testing.T) {
	a := muted(Options{})
	a.wakeup = make(chan struct{}, 1)
	a.stance.Store(&stance{term: 7})
	for _, term := range []uint64{1<<64 - 1, 1 << 40} {
		a.sawTerm(term)
		if got := a.seenTerm.Load(); got != 0 {
			t.Errorf("term %d was taken as %d", term, got)
		}
	}
	a.sawTerm(9)
	if got := a.seenTerm.Load(); got != 9 {
		t.Errorf("got %d, want 9", got)
	}
}

// A file at the socket's path that is no socket stays.
func TestOnlyASocketIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := muted(Options{})
	if _, err := a.listen(context.Background(), "admin", "unix:"+path); err == nil {
		t.Error("a file that is no socket was replaced")
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "precious" {
		t.Errorf("got %q, %v", b, err)
	}
}
