package desktop_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"understudy/desktop"
	"understudy/wire"
)

// holding is a state with one session of each user, in that state.
func holding(state wire.SessionState, users ...string) desktop.State {
	var s desktop.State
	for _, u := range users {
		s.Sessions = append(s.Sessions, desktop.Held{Session: wire.Session{ID: "of " + u, User: u, State: state}})
	}
	return s
}

// LHC-31, design 6: what the host shows becomes the sessions' states and reports,
// whatever happened while nobody looked; reservations wait for their users.
func TestObserved(t *testing.T) {
	on, off := true, false
	for _, c := range []struct {
		name  string
		state wire.SessionState // of alice's session; empty: none
		seen  *bool             // connected; nil: not there
		want  wire.SessionEvent // empty: nothing
	}{
		{"reserved and not there", wire.Reserved, nil, ""},
		{"reserved and there", wire.Reserved, &on, wire.SessionStarted},
		{"reserved, came and left", wire.Reserved, &off, wire.SessionStarted},
		{"active and there", wire.Active, &on, ""},
		{"active and left", wire.Active, &off, wire.SessionDisconnected},
		{"active and gone", wire.Active, nil, wire.SessionEnded},
		{"disconnected and there", wire.Disconnected, &off, ""},
		{"disconnected and back", wire.Disconnected, &on, wire.SessionConnected},
		{"disconnected and gone", wire.Disconnected, nil, wire.SessionEnded},
	} {
		s := holding(c.state, "alice", "bob")
		list := []desktop.Presence{{User: "bob", Connected: c.state != wire.Disconnected}}
		if c.state == wire.Reserved {
			list = nil
		}
		if c.seen != nil {
			list = append(list, desktop.Presence{User: "Alice", Connected: *c.seen})
		}
		after, news, strangers := s.Observed(list)
		var got wire.SessionEvent
		if len(after.Reports) > 0 {
			got = after.Reports[0].Event
		}
		if got != c.want || len(after.Reports) > 1 || len(news) != len(after.Reports) || len(strangers) > 0 {
			t.Errorf("%s: reports %+v, news %v, strangers %v; want %q", c.name, after.Reports, news, strangers, c.want)
		}
	}
}

// A host may leave the domain of its users out, or the broker may; which of two it
// means is not guessed. A connected session of a user counts before one that is left.
func TestObservedNames(t *testing.T) {
	for _, c := range []struct {
		name     string
		users    []string
		seen     string
		stranger bool
	}{
		{"as the broker has it", []string{"alice"}, "ALICE", false},
		{"host without the domain", []string{`EXAMPLE\alice`}, "alice", false},
		{"host without the realm", []string{"alice@example.test"}, "alice", false},
		{"broker without the domain", []string{"alice"}, `EXAMPLE\alice`, false},
		{"another domain", []string{`OTHER\alice`}, `EXAMPLE\alice`, true},
		{"two domains", []string{`OTHER\alice`, `EXAMPLE\alice`}, "alice", true},
		{"nobody's", []string{"alice"}, "bob", true},
	} {
		_, _, strangers := holding(wire.Reserved, c.users...).Observed([]desktop.Presence{{User: c.seen, Connected: true}})
		if (len(strangers) > 0) != c.stranger {
			t.Errorf("%s: strangers %v", c.name, strangers)
		}
	}
	after, _, _ := holding(wire.Active, "alice").Observed([]desktop.Presence{{User: "alice", Connected: true}, {User: "alice"}})
	if after.Sessions[0].State != wire.Active {
		t.Errorf("two sessions, one connected: %+v", after.Sessions)
	}
}

// LHC-25: who is on the host without a reservation is logged off; whose session ends
// there is reported to the broker.
func TestSeenOnTheHost(t *testing.T) {
	onHost(t, func(r *rig, h *fakeHost) {
		t := r.t
		r.prepare(t, "alice", "s1")
		if err := h.tell(desktop.Event{Seen: []desktop.Presence{{User: "mallory", Connected: true}, {User: "alice", Connected: true}}}); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(h.ended, []string{"mallory"}) {
			t.Errorf("got ended %v, want mallory", h.ended)
		}
		synctest.Wait()
		r.zone.take()
		time.Sleep(time.Second)
		if err := h.tell(desktop.Event{Seen: []desktop.Presence{}}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		log := r.zone.take()
		if len(log) == 0 {
			t.Fatal("the logoff is not reported")
		}
		if body := decode[wire.SessionReport](t, log[0]); body.Event != wire.SessionEnded || body.Session.ID != "s1" {
			t.Errorf("reported %+v, want that s1 ended", body)
		}
	})
}
