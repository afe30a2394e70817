package desktop_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"understudy/desktop"
	"understudy/wire"
)

const reregister = "/v1/reregister"

func to(term uint64, hosts ...string) wire.Invitation {
	i := wire.Invitation{Term: term}
	for _, h := range hosts {
		i.Connectors = append(i.Connectors, connector(h))
	}
	return i
}

func granting(z *fakeZone, term uint64) func(seen) (int, any, string) {
	return func(s seen) (int, any, string) {
		status, body, retry := z.serve(s)
		if l, ok := body.(wire.Lease); ok {
			l.Term = term
			body = l
		}
		return status, body, retry
	}
}

// NEW-02, LHC-32: "the broker calls VDAs in": the host registers with who invites
// it, at once, and keeps what it has.
func TestCalledIn(t *testing.T) {
	bubble(t, 1, plain, func(r *rig) {
		t := r.t
		after(20 * time.Second)
		r.zone.take()
		r.zone.set(granting(r.zone, 7))
		at := time.Since(r.zone.start)
		if got := r.call(t, http.MethodPost, reregister, to(7, "cc09")); got != "202" {
			t.Fatalf("got %s, want 202", got)
		}
		after(0)
		log := r.zone.take()
		if len(log) != 1 || log[0].method != http.MethodPost || log[0].host != "cc09" || log[0].at != at {
			t.Fatalf("got %v, want one registration with cc09 at once", lines(log))
		}
		after(70 * time.Second)
		if log = r.zone.take(); len(log) != 1 || log[0].host != "cc09" || log[0].method != http.MethodPut {
			t.Errorf("got %v, want the heartbeats to go there", lines(log))
		}
	})
}

// LHC-32: "a VDA ignores one that is not for a higher term".
func TestStaleInvitation(t *testing.T) {
	bubble(t, 1, func(r *rig) { r.zone.answer = granting(r.zone, 5) }, func(r *rig) {
		t := r.t
		r.zone.take()
		for _, term := range []uint64{0, 4, 5} {
			if got := r.call(t, http.MethodPost, reregister, to(term, "cc09")); got != "409 stale_term" {
				t.Errorf("got %s for term %d, want 409 stale_term", got, term)
			}
		}
		after(0)
		if log := r.zone.take(); len(log) != 0 {
			t.Errorf("got %v, want nothing", lines(log))
		}
	})
}

// LHC-25, LHC-32: of two inviters in a broken zone the one with the higher term gets
// the host, in either order, and the other hears that it is stale.
func TestTwoInviters(t *testing.T) {
	bubble(t, 1, plain, func(r *rig) {
		t := r.t
		r.zone.take()
		r.zone.set(func(s seen) (int, any, string) {
			if s.host == "cc09" {
				return granting(r.zone, 9)(s)
			}
			return silent(s)
		})
		if got := r.call(t, http.MethodPost, reregister, to(7, "cc07")); got != "202" {
			t.Errorf("got %s, want 202", got)
		}
		if got := r.call(t, http.MethodPost, reregister, to(9, "cc09")); got != "202" {
			t.Errorf("got %s, want 202", got)
		}
		if got := r.call(t, http.MethodPost, reregister, to(8, "cc07")); got != "409 stale_term" {
			t.Errorf("got %s for the lower term, want 409", got)
		}
		after(0)
		log := r.zone.take()
		if len(log) == 0 || log[len(log)-1].host != "cc09" || log[len(log)-1].method != http.MethodPost {
			t.Errorf("got %v, want the last registration with cc09", lines(log))
		}
	})
}

// LHC-32: who follows an invitation that leads nowhere is deaf to a lower one, until
// somebody has taken it.
func TestLowerInvitationWhileOneIsFollowed(t *testing.T) {
	bubble(t, 1, plain, func(r *rig) {
		t := r.t
		r.zone.take()
		r.zone.set(silent)
		if got := r.call(t, http.MethodPost, reregister, to(9, "cc09")); got != "202" {
			t.Errorf("got %s, want 202", got)
		}
		after(time.Second)
		if got := r.call(t, http.MethodPost, reregister, to(8, "cc08")); got != "409 stale_term" {
			t.Errorf("got %s while one of term 9 is followed, want 409", got)
		}
		r.zone.set(granting(r.zone, 7))
		after(time.Minute)
		if got := r.call(t, http.MethodPost, reregister, to(8, "cc08")); got != "202" {
			t.Errorf("got %s once a broker of term 7 has taken it, want 202", got)
		}
	})
}

// NEW-02: an invitation cuts short the pause of a host that no broker takes.
func TestCalledInWhileFailing(t *testing.T) {
	bubble(t, 1, func(r *rig) { r.zone.answer = silent }, func(r *rig) {
		t := r.t
		after(3 * time.Minute) // it tries each 30 s by now
		r.zone.take()
		r.zone.set(func(s seen) (int, any, string) {
			if s.host == "cc09" {
				return r.zone.serve(s)
			}
			return silent(s)
		})
		at := time.Since(r.zone.start)
		if got := r.call(t, http.MethodPost, reregister, to(1, "cc09")); got != "202" {
			t.Fatalf("got %s, want 202", got)
		}
		after(0)
		if log := r.zone.take(); len(log) != 1 || log[0].host != "cc09" || log[0].at != at {
			t.Errorf("got %v, want one registration at once", lines(log))
		}
	})
}

// NEW-02: an inviter that is gone when the host comes costs nothing: the host goes on
// through its own connectors.
func TestInviterGone(t *testing.T) {
	bubble(t, 1, plain, func(r *rig) {
		t := r.t
		r.zone.take()
		r.zone.set(func(s seen) (int, any, string) {
			if s.host == "cc09" {
				return silent(s)
			}
			return r.zone.serve(s)
		})
		r.call(t, http.MethodPost, reregister, to(7, "cc09"))
		after(0)
		log := r.zone.take()
		if len(log) != 2 || log[1].method != http.MethodPost || log[1].host == "cc09" {
			t.Errorf("got %v, want a registration with another connector", lines(log))
		}
	})
}

// NEW-02: "at a pace the cloud broker asks for (Retry-After honoured)": a host asks no
// other connector meanwhile, for the same broker is behind it.
func TestTooManyRequests(t *testing.T) {
	bubble(t, 1, func(r *rig) {
		r.zone.answer = func(seen) (int, any, string) {
			p := wire.NewProblem(http.StatusTooManyRequests, wire.CodeTooMany, "later")
			p.RetryAfter = 90 * time.Second
			return p.Status, p, ""
		}
	}, func(r *rig) {
		t := r.t
		if log := r.zone.take(); len(log) != 1 {
			t.Fatalf("got %v, want one request", lines(log))
		}
		r.zone.set(r.zone.serve)
		after(90*time.Second - time.Millisecond)
		if log := r.zone.take(); len(log) != 0 {
			t.Errorf("got %v before its time", lines(log))
		}
		after(time.Second + time.Millisecond)
		if log := r.zone.take(); len(log) != 1 || log[0].method != http.MethodPost {
			t.Errorf("got %v, want one registration", lines(log))
		}
	})
}

// NEW-02: only an address that is as safe as the host's own is followed.
func TestInvitationToAnotherScheme(t *testing.T) {
	bubble(t, 1, plain, func(r *rig) {
		t := r.t
		r.zone.take()
		r.call(t, http.MethodPost, reregister, wire.Invitation{Term: 7, Connectors: []string{"https://cc09.example.test:7480"}})
		after(0)
		log := r.zone.take()
		if len(log) != 1 || slices.Contains([]string{"cc09"}, log[0].host) {
			t.Errorf("got %v, want a registration with its own connectors", lines(log))
		}
	})
}

// LHC-32: the rule itself.
func TestInvited(t *testing.T) {
	s := desktop.State{Term: 5}
	for term, want := range map[uint64]bool{4: false, 5: false, 6: true} {
		if got := s.Invited(wire.Invitation{Term: term}) == nil; got != want {
			t.Errorf("term %d: got %t, want %t", term, got, want)
		}
	}
}
