package storefront_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"understudy/broker"
	"understudy/wire"
)

// VPN-02: the launch goes on to the next host, and nobody asks the one that failed
// again before it is back.
func TestLaunchPutsTheHostAside(t *testing.T) {
	f := newFront(t)
	f.hosts.answer = func(ctx context.Context, c wire.Call) (wire.CallAnswer, error) {
		if c.Machine == "p1" {
			return wire.CallAnswer{}, errors.New("no answer")
		}
		return agree(ctx, c)
	}
	f.register(t, "p3")
	for _, user := range []string{"bob", "alice"} {
		read[wire.LaunchAnswer](t, f.post("sessions", `{"user":"`+user+`","resource":"desktop:pool"}`), 201)
	}
	if got, want := f.hosts.log(), "p1 POST sessions, p2 POST sessions, p3 POST sessions"; got != want {
		t.Errorf("calls %q, want %q", got, want)
	}
	if got := f.engine.Registrations(time.Now())[0]; got.Aside == "" {
		t.Errorf("p1 is not aside: %+v", got)
	}
}

// VPN-02: a host that is busy or used has not failed: a session of it ended, or was
// begun, whose report is on its way.
func TestTakenHostIsNotPutAside(t *testing.T) {
	for _, code := range []string{wire.CodeBusy, wire.CodeUsed} {
		f := newFront(t)
		f.hosts.answer = func(ctx context.Context, c wire.Call) (wire.CallAnswer, error) {
			if c.Machine == "p1" {
				return refuse(http.StatusConflict, code)
			}
			return agree(ctx, c)
		}
		read[wire.LaunchAnswer](t, f.post("sessions", bobsPool), 201)
		if got := f.engine.Registrations(time.Now())[0]; got.Machine != "p1" || got.Aside != "" {
			t.Errorf("%s: %+v, want p1 not aside", code, got)
		}
	}
}

// LHC-37: a desktop that does not answer keeps its user, for the session there may
// still run; one at which nobody listens does not.
func TestUserOfADesktopThatDoesNotAnswer(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func() (wire.CallAnswer, error)
		status int
	}{
		{"no answer", func() (wire.CallAnswer, error) { return wire.CallAnswer{}, errors.New("i/o timeout") }, 503},
		{"a connector got none", func() (wire.CallAnswer, error) { return refuse(502, wire.CodeNoAnswer) }, 503},
		{"it has another lease", func() (wire.CallAnswer, error) { return refuse(403, wire.CodeLeaseStale) }, 503},
		{"nobody listens", func() (wire.CallAnswer, error) {
			return wire.CallAnswer{}, wire.NewProblem(http.StatusBadGateway, wire.CodeGone, "")
		}, 201},
		{"a connector found nobody", func() (wire.CallAnswer, error) { return refuse(502, wire.CodeGone) }, 201},
		{"it says no", func() (wire.CallAnswer, error) { return refuse(409, wire.CodeBusy) }, 201},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFront(t)
			_, _, err := f.engine.Register(time.Now(), "again", broker.Registration{
				Machine: "p1", Zone: "east", Callback: "http://p1", Capacity: 1,
				Sessions: []broker.Session{{ID: "old", User: "bob", Resource: "desktop:pool", State: broker.Active}},
			})
			if err != nil {
				t.Fatal(err)
			}
			f.hosts.answer = func(ctx context.Context, call wire.Call) (wire.CallAnswer, error) {
				if call.Machine == "p1" {
					return c.answer()
				}
				return agree(ctx, call)
			}
			w := f.post("sessions", bobsPool)
			var p wire.Problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
				t.Fatal(err)
			}
			if w.Code != c.status || w.Code == 503 && p.Code != wire.CodeNoAnswer {
				t.Errorf("status %d: %s", w.Code, w.Body)
			}
		})
	}
}
