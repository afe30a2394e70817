package broker_test

import (
	"fmt"
	"strings"
	"testing"

	"understudy/broker"
	"understudy/site"
)

// takeover is one broker after another, and a host that has a reservation of bob's and
// a session of ann's from the first.
type takeover struct {
	next   *broker.Engine
	at     *bench
	brings broker.Registration
}

func takenOver(t *testing.T, mode site.Failover) takeover {
	t.Helper()
	s := farm(site.LeastLoad, 100, 100)
	s.Groups[0].Failover, s.STAFailover = mode, mode
	e := inOutage(s)
	e.Mirror()
	if _, _, err := e.Register(e.now, "l1", e.registration("h1")); err != nil {
		t.Fatal(err)
	}
	brings := e.registration("h1")
	for _, user := range []string{"ann", "bob"} {
		held, err := e.Reserve(e.now, staff(user, "desktop:farm", "of-"+user))
		if err != nil {
			t.Fatal(err)
		}
		e.Commit(e.now, held)
		brings.Sessions = append(brings.Sessions, broker.Session{ID: "of-" + user, User: user, Resource: "desktop:farm", State: broker.Reserved})
	}
	brings.Sessions[0].State = broker.Active
	if _, _, err := e.Report(e.now, "l1", broker.Report{Event: broker.SessionStarted, Session: brings.Sessions[0]}); err != nil {
		t.Fatal(err)
	}
	e.Issue(e.now, "t1", broker.Ticket{Session: "of-bob", Zone: "east"})
	tail, _ := e.Tail(e.now, 0, 100, nil)
	next := broker.New(broker.Options{Broker: "cc2", Zone: "east", HA: true}, site.NewIndex(s))
	next.Import(e.now, tail.Items)
	return takeover{next, e, brings}
}

// knows names the sessions that the next broker knows.
func (k takeover) knows() string {
	var ids []string
	for _, s := range k.next.Sessions() {
		ids = append(ids, fmt.Sprintf("%s %s", s.ID, s.State))
	}
	return strings.Join(ids, ", ")
}

// ADC-01: "stateful (sessions and registrations are mirrored to the other connectors,
// which serve at once after a failover), stateless (nothing is exchanged, state is
// rebuilt from what VDAs send), disabled (broker-side reservations and tickets are
// dropped; running sessions are never ended)". ADC-02: whoever has a session stays with
// the same host in every mode.
func TestFailoverModes(t *testing.T) {
	all := "of-ann active, of-bob reserved"
	for _, c := range []struct {
		mode          site.Failover
		atOnce, after string // the sessions that are known before the host says a word, and after
		ticket        bool
	}{
		{site.Stateful, all, all, true},
		{site.Stateless, "", all, false},
		{site.Disabled, "", "of-ann active", false},
	} {
		t.Run(string(c.mode), func(t *testing.T) {
			k := takenOver(t, c.mode)
			if got := k.knows(); got != c.atOnce {
				t.Errorf("at once: %q, want %q", got, c.atOnce)
			}
			if _, err := k.next.Redeem(k.at.now, "t1"); (err == nil) != c.ticket {
				t.Errorf("the ticket: %v", err)
			}
			lease := "l1"
			if _, _, err := k.next.Heartbeat(k.at.now, lease, broker.Heartbeat{}); c.mode == site.Stateful {
				if err != nil {
					t.Errorf("the lease is not kept: %v", err)
				}
			} else {
				wantCode(t, err, broker.CodeLeaseUnknown)
				lease = "l2"
				if _, _, err := k.next.Register(k.at.now, lease, k.brings); err != nil {
					t.Fatal(err)
				}
			}
			if got := k.knows(); got != c.after {
				t.Errorf("after the host's next word: %q, want %q", got, c.after)
			}
			if _, _, err := k.next.Heartbeat(k.at.now, lease, broker.Heartbeat{Sessions: &k.brings.Sessions}); err != nil {
				t.Fatal(err)
			}
			if got := k.knows(); got != c.after {
				t.Errorf("a heartbeat with all sessions makes it %q, want %q", got, c.after)
			}
			if again, err := k.next.Reserve(k.at.now, staff("ann", "desktop:farm", "new")); err != nil || again.Session != "of-ann" || again.Machine != "h1" {
				t.Errorf("ADC-02: ann gets %+v, %v, want her session", again, err)
			}
		})
	}
}

// ADC-01: what the broker itself has reserved stays in every mode, also over a host's
// second registration.
func TestOwnReservationsStay(t *testing.T) {
	for _, mode := range site.Failovers() {
		s := farm(site.LeastLoad, 100)
		s.Groups[0].Failover = mode
		e := inOutage(s)
		e.register(t, "h1")
		held, _ := e.launch(t, staff("bob", "desktop:farm", "s1"))
		again := e.registration("h1")
		again.Sessions = []broker.Session{{ID: held.Session, User: "bob", Resource: "desktop:farm", State: broker.Reserved}}
		if _, _, err := e.Register(e.now, "l2", again); err != nil {
			t.Fatal(err)
		}
		if got := e.Stats().Reserved; got != 1 {
			t.Errorf("%s: %d reservations, want bob's", mode, got)
		}
	}
}
