package desktop_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"understudy/desktop"
	"understudy/site"
	"understudy/wire"
)

// host is a single-session desktop whose process may crash at every point.
type host struct {
	t     *rapid.T
	store desktop.Store
	state desktop.State
	now   time.Time

	// What the brokers and users of the world believe.
	user  string // who was told that the desktop is theirs
	dirty bool   // somebody was on it since its last boot
	term  uint64 // the highest that was ever answered or granted
	boots int
}

// crash loses what is in memory, and may leave half a file behind.
func (h *host) crash() {
	if rapid.Bool().Draw(h.t, "torn file") {
		if err := os.WriteFile(filepath.Join(h.store.Dir, "desktop.json.new"), []byte(`{"format":1,"sta`), 0o600); err != nil {
			h.t.Fatal(err)
		}
	}
	state, err := h.store.Load("pool-01.example.test")
	if err != nil {
		h.t.Fatal(err)
	}
	h.state = state.Restored(h.now)
}

// commit saves and answers, unless the process crashes before or between.
func (h *host) commit(next desktop.State) (saved, answered bool) {
	switch rapid.SampledFrom([]string{"no crash", "no crash", "no crash", "no crash", "before the save", "after the save"}).Draw(h.t, "crash") {
	case "before the save":
		h.crash()
		return false, false
	case "after the save":
		h.save(next)
		h.crash()
		return true, false
	default:
		h.save(next)
		h.state = next
		return true, true
	}
}

func (h *host) save(next desktop.State) {
	if err := h.store.Save(next); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) prepare(t *rapid.T) {
	ask := desktop.Ask{Wall: h.now, Prepare: wire.Prepare{
		Lease:   rapid.SampledFrom([]string{h.state.Lease, h.state.Lease, "A", "B", "C"}).Draw(t, "lease"),
		Term:    h.state.Term + rapid.SampledFrom([]uint64{1, 1, 2, 0}).Draw(t, "term") - min(1, h.state.Term),
		Session: rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "session"),
		User:    rapid.SampledFrom([]string{"alice", "ALICE", "bob"}).Draw(t, "user"),
		Reuse:   rapid.Bool().Draw(t, "reuse"), Life: site.Duration(time.Minute),
	}}
	own := len(h.state.Sessions) == 1 && strings.EqualFold(h.state.Sessions[0].User, ask.User)
	next, _, err := desktop.Arbiter{Capacity: 1}.Prepare(h.now, h.state, ask)
	if err != nil {
		return
	}
	if _, answered := h.commit(next); !answered {
		return
	}
	if h.user != "" && !strings.EqualFold(h.user, ask.User) {
		t.Fatalf("LHC-25: the desktop of %s was given to %s", h.user, ask.User)
	}
	if !own && h.dirty && !ask.Reuse {
		t.Fatalf("LHC-34: a used desktop was given to %s", ask.User)
	}
	if ask.Term < h.term {
		t.Fatalf("term %d was accepted after %d", ask.Term, h.term)
	}
	h.user, h.term = ask.User, max(h.term, ask.Term)
}

func (h *host) lease(t *rapid.T) {
	l := wire.Lease{Lease: rapid.SampledFrom([]string{"A", "B"}).Draw(t, "new lease"), Term: rapid.Uint64Range(0, 6).Draw(t, "lease term")}
	if _, answered := h.commit(h.state.Leased(l)); answered {
		h.term = max(h.term, l.Term)
	}
}

func (h *host) event(t *rapid.T) {
	if len(h.state.Sessions) == 0 {
		return
	}
	event := rapid.SampledFrom([]wire.SessionEvent{wire.SessionConnected, wire.SessionDisconnected, wire.SessionEnded}).Draw(t, "event")
	user := h.state.Sessions[0].User
	next, err := h.state.Happened(h.state.Sessions[0].ID, event)
	if err != nil {
		return
	}
	if saved, _ := h.commit(next); !saved {
		return
	}
	switch event {
	case wire.SessionConnected:
		h.dirty, h.user = true, user
	case wire.SessionEnded:
		h.user = ""
	}
}

func (h *host) expire(t *rapid.T) {
	h.now = h.now.Add(time.Duration(rapid.IntRange(1, 90).Draw(t, "seconds")) * time.Second)
	next, gone := h.state.Expire(h.now)
	if len(gone) == 0 {
		return
	}
	if saved, _ := h.commit(next); saved {
		h.user = ""
	}
}

func (h *host) boot(*rapid.T) {
	h.boots++
	if saved, _ := h.commit(h.state.Booted(strings.Repeat("x", h.boots))); saved {
		h.user, h.dirty = "", false
	}
}

func (h *host) check(t *rapid.T) {
	if len(h.state.Sessions) > 1 {
		t.Fatalf("LHC-25: a single-session desktop holds %+v", h.state.Sessions)
	}
	if h.state.Term < h.term {
		t.Fatalf("the term went back from %d to %d", h.term, h.state.Term)
	}
	if h.user != "" && (len(h.state.Sessions) != 1 || !strings.EqualFold(h.state.Sessions[0].User, h.user)) {
		t.Fatalf("%s was given the desktop and lost it to %+v", h.user, h.state.Sessions)
	}
}

// LHC-25: two connectors "must never hand one single-session desktop to two
// users", and terms never go back, over random sequences with a crash at every
// point.
func TestCrashesNeverShareADesktop(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		sub, err := os.MkdirTemp(dir, "host") //nolint:usetesting // one folder for each of rapid's runs
		if err != nil {
			t.Fatal(err)
		}
		store := desktop.Store{Dir: sub, NoSync: true}
		h := &host{t: t, store: store, now: epoch(), state: desktop.State{Machine: "pool-01.example.test", Lease: "A"}}
		h.save(h.state)
		t.Repeat(map[string]func(*rapid.T){
			"": h.check, "prepare": h.prepare, "lease": h.lease, "event": h.event, "another event": h.event, "another prepare": h.prepare, "expire": h.expire, "boot": h.boot,
			"crash": func(*rapid.T) { h.crash() },
		})
	})
}
