package desktop_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"understudy/desktop"
	"understudy/site"
	"understudy/wire"
)

// fakeHost is a provider that does as the test says. Its calls come one by one.
type fakeHost struct {
	ended  []string
	fail   error
	events chan desktop.Event
	told   chan error
}

func (h *fakeHost) Prepare(context.Context, desktop.Seat) (wire.Prepared, error) {
	return wire.Prepared{Address: "d1", Port: 3389, Protocol: "rdp"}, h.fail
}

func (h *fakeHost) End(_ context.Context, session wire.Session) error {
	h.ended = append(h.ended, session.ID+session.User)
	return nil
}

func (h *fakeHost) Reset(context.Context) error { return h.fail }

func (h *fakeHost) Watch(ctx context.Context, tell func(desktop.Event) error) error {
	for {
		select {
		case e := <-h.events:
			h.told <- tell(e)
		case <-ctx.Done():
			return nil
		}
	}
}

func (h *fakeHost) tell(e desktop.Event) error {
	h.events <- e
	return <-h.told
}

// leavingHost can also send users away.
type leavingHost struct{ *fakeHost }

func (h leavingHost) Disconnect(_ context.Context, session wire.Session) error {
	h.ended = append(h.ended, "away "+session.ID+session.User)
	return h.fail
}

// Issue 5, 1: the host is asked to send away whose session it is; what it cannot do is
// said, and no words of a program leave the host.
func TestDisconnectedOnTheHost(t *testing.T) {
	h := leavingHost{&fakeHost{}}
	bubble(t, 30, func(r *rig) {
		r.options.Provider = func(site.FQDN) desktop.Provider { return h }
	}, func(r *rig) {
		t := r.t
		r.prepare(t, "alice", "s1")
		if got := r.call(t, http.MethodPost, "/v1/sessions/s1/disconnect", nil); got != "204" || !slices.Equal(h.ended, []string{"away s1alice"}) {
			t.Errorf("got %s and asked %v, want alice sent away", got, h.ended)
		}
		h.fail = errors.New("no such display")
		if got := r.call(t, http.MethodPost, "/v1/sessions/s1/disconnect", nil); got != "500 internal" {
			t.Errorf("got %s, want 500 internal", got)
		}
	})
	onHost(t, func(r *rig, _ *fakeHost) {
		r.prepare(r.t, "alice", "s1")
		if got := r.call(r.t, http.MethodPost, "/v1/sessions/s1/disconnect", nil); got != "409 conflict" {
			r.t.Errorf("of a host that cannot: got %s, want 409 conflict", got)
		}
	})
}

func onHost(t *testing.T, body func(r *rig, h *fakeHost)) {
	t.Helper()
	h := &fakeHost{}
	bubble(t, 30, func(r *rig) {
		h.events, h.told = make(chan desktop.Event), make(chan error)
		r.options.Provider = func(site.FQDN) desktop.Provider { return h }
	}, func(r *rig) { body(r, h) })
}

// Design 6: "A reservation lives 200 s, then is withdrawn on the host too."
func TestWithdrawnOnTheHost(t *testing.T) {
	onHost(t, func(r *rig, h *fakeHost) {
		t := r.t
		r.prepare(t, "alice", "s1")
		after(31 * time.Second)
		if !slices.Equal(h.ended, []string{"s1alice"}) {
			t.Errorf("got ended %v, want s1", h.ended)
		}
		if err := h.tell(desktop.Event{Session: "s1", Event: wire.SessionConnected}); err == nil || len(h.ended) != 2 {
			t.Errorf("got %v and ended %v, want who comes too late logged off", err, h.ended)
		}
	})
}

func TestEndedOnTheHost(t *testing.T) {
	onHost(t, func(r *rig, h *fakeHost) {
		t := r.t
		r.prepare(t, "alice", "s1")
		if err := h.tell(desktop.Event{Session: "s1", Event: wire.SessionConnected}); err != nil {
			t.Fatal(err)
		}
		if got := r.call(t, http.MethodDelete, "/v1/sessions/s1", nil); got != "204" || !slices.Equal(h.ended, []string{"s1alice"}) {
			t.Errorf("got %s and ended %v, want s1 logged off", got, h.ended)
		}
	})
}

// What the host cannot do is taken back, so that the next user is not kept out.
func TestHostFails(t *testing.T) {
	onHost(t, func(r *rig, h *fakeHost) {
		t := r.t
		h.fail = errors.New("no session host")
		if got := r.prepare(t, "alice", "s1"); got != "500 internal" {
			t.Errorf("got %s, want 500 internal", got)
		}
		if got := r.reset(t); got != "202" {
			t.Errorf("reset: got %s, want 202", got)
		}
		synctest.Wait()
		h.fail = nil
		if got := r.prepare(t, "bob", "s2"); got != "201" {
			t.Errorf("after it: got %s, want 201", got)
		}
	})
}

// LHC-36: a desktop whose broker gave a launch up, because it failed here or the
// answer was lost, has no owner for it: the user gets another one.
func TestWithdrawnAssignment(t *testing.T) {
	assign := func(r *rig, user string) string {
		return r.call(r.t, http.MethodPost, "/v1/sessions", wire.Prepare{
			Lease: "lease1", Term: 1, Session: user, User: user, Resource: "desktop:Own", Assign: true, Life: site.Duration(time.Minute),
		})
	}
	onHost(t, func(r *rig, h *fakeHost) {
		t := r.t
		h.fail = errors.New("no session host")
		if got := assign(r, "alice"); got != "500 internal" {
			t.Errorf("got %s, want 500 internal", got)
		}
		h.fail = nil
		if got := assign(r, "bob"); got != "201" {
			t.Errorf("after what failed: got %s, want 201", got)
		}
		if got := r.call(t, http.MethodDelete, "/v1/sessions/bob?withdraw=true", nil); got != "204" {
			t.Errorf("withdraw: got %s, want 204", got)
		}
		if got := assign(r, "carol"); got != "201" {
			t.Errorf("after a withdrawal: got %s, want 201", got)
		}
		after(2 * time.Minute)
		if got := assign(r, "dave"); got != "409 assigned" {
			t.Errorf("after a reservation that lapsed: got %s, want 409 assigned", got)
		}
	})
}

// LHC-37: a user whose broker forgot their session gets it back under the name that
// the broker now has, and the broker hears of it at once.
func TestSessionTakesTheNewName(t *testing.T) {
	onHost(t, func(r *rig, h *fakeHost) {
		t := r.t
		r.prepare(t, "alice", "s1")
		synctest.Wait()
		r.zone.take()
		if got := r.prepare(t, "alice", "s2"); got != "201" {
			t.Fatalf("got %s, want 201", got)
		}
		synctest.Wait()
		log := r.zone.take()
		if len(log) != 1 || log[0].method != http.MethodPut {
			t.Fatalf("got %v, want a heartbeat at once", lines(log))
		}
		if body := decode[wire.Heartbeat](t, log[0]); body.Sessions == nil || len(*body.Sessions) != 1 || (*body.Sessions)[0].ID != "s2" {
			t.Errorf("got %+v, want the list with s2 only", body)
		}
	})
}
