//go:build linux

package e2e_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"understudy/wire"
	"understudy/zone"
)

// quiet is how long nothing may happen where nothing must happen: longer than
// the zone needs for any decision.
const quiet = 3 * time.Second

// oneOutage are the states of a zone that goes through one outage. On a busy machine
// trouble may pass (LHC-12), and a check may fail while the zone recovers (LHC-15).
var oneOutage = regexp.MustCompile("^Normal( PendingHA Normal)* PendingHA InitialHA( ExtendedHA)? PendingRecovery( ExtendedHA PendingRecovery)*( Normal( PendingHA)?)+$")

// TestKilledCloudBroker: LHC-11 to LHC-17, nobody has to do anything; RAS-03,
// sessions are not affected; LHC-37, users get them back.
func TestKilledCloudBroker(t *testing.T) {
	t.Parallel()
	c := ready(t)
	first := c.players[0]
	version := c.siteVersion(first)
	before := c.served(act, "bob", "desktop:pool")

	c.outage()
	c.back(before, "bob", "desktop:pool")
	during := c.served(act, "carol", "desktop:pool")

	c.startCloud()
	c.recovered()
	// The records that are handed back make a newer version of what it had.
	if got := c.siteVersion(first); got.History != version.History || got.Number < version.Number {
		t.Errorf("got site version %s after kill -9 of the cloud broker, want %s or a later one of its history", got, version)
	}
	c.back(before, "bob", "desktop:pool")
	c.back(during, "carol", "desktop:pool")
	if got := strings.Join(first.states(), " "); !oneOutage.MatchString(got) {
		t.Errorf("got states %s, want those of one outage, in order (LHC-10)", got)
	}
}

// TestKilledElected: LHC-23, the next one takes over and desktops register with
// it; the restarted, better one takes over again. RAS-03: sessions stay.
func TestKilledElected(t *testing.T) {
	t.Parallel()
	c := ready(t)
	first, second := c.players[0], c.players[1]
	outage := c.outage()
	bob := c.served(act, "bob", "desktop:pool")

	c.kill(first)
	if got := c.holds(second); got != outage {
		t.Errorf("got outage %s with the next one, want it to go on with %s", got, outage)
	}
	c.back(bob, "bob", "desktop:pool")
	carol := c.served(act, "carol", "desktop:pool")
	if carol.Machine == bob.Machine {
		t.Errorf("carol and bob both got %s (LHC-25)", bob.Machine)
	}

	c.start(first)
	if got := c.holds(first); got != outage {
		t.Errorf("got outage %s with the first one back, want %s", got, outage)
	}
	c.back(bob, "bob", "desktop:pool")
	c.back(carol, "carol", "desktop:pool")
	for _, p := range c.players {
		p.Elects(act, "cc01.example.test")
	}
}

// TestKilledNonElected: LHC-23, a restart of a non-elected connector changes
// nothing: not for users, not for the office.
func TestKilledNonElected(t *testing.T) {
	t.Parallel()
	c := ready(t)
	first, third := c.players[0], c.players[2]
	outage := c.outage()
	bob := c.served(act, "bob", "desktop:pool")
	before, err := first.Status()
	if err != nil {
		t.Fatal(err)
	}
	unchanged := func() error {
		s, err := first.Status()
		switch {
		case err != nil:
			return err
		case s.Term != before.Term || !s.Election.Serving || s.Outage != outage || s.Registrations != poolDesktops+1:
			return fmt.Errorf("term %d, serving %v, outage %s, %d registrations", s.Term, s.Election.Serving, s.Outage, s.Registrations)
		}
		answer, err := c.launch("bob", "desktop:pool")
		if err == nil && answer.Session != bob.Session {
			err = fmt.Errorf("bob got session %s, want %s", answer.Session, bob.Session)
		}
		return err
	}

	c.kill(third)
	throughout(t, quiet, "users see nothing of it", unchanged)
	c.start(third)
	third.Shows(act, "the outage it has joined", func(s wire.Status) error {
		if s.Outage != outage || s.Term != before.Term || s.Election.Elected != "cc01.example.test" {
			return fmt.Errorf("state %s, outage %q, term %d, elected %q", s.State, s.Outage, s.Term, s.Election.Elected)
		}
		return nil
	})
	throughout(t, quiet, "users see nothing of its return", unchanged)
	if got := third.states(); slices.Contains(got, "Normal") || slices.Contains(got, "PendingHA") {
		t.Errorf("got states %v of the restarted one, want those of HA mode only (RAS-06)", got)
	}
}

// TestKilledDesktopHost: what a desktop must never forget is on its disk: its
// sessions, and that it was used (LHC-34), which the broker hears again (LHC-31).
func TestKilledDesktopHost(t *testing.T) {
	t.Parallel()
	c := ready(t)
	first := c.players[0]
	c.outage()
	bob := c.served(act, "bob", "desktop:pool")
	carol := c.served(act, "carol", "desktop:pool")
	c.logoff(carol)

	c.host.Kill()
	c.startHost()
	eventually(t, act, "every desktop has registered again", func() error { // the broker still knows them from before
		if n := len(c.brokers()); n != c.desktops {
			return fmt.Errorf("%d have", n)
		}
		return nil
	})
	first.Shows(act, "every desktop, with bob's session and alice's", func(s wire.Status) error {
		if s.Registrations != poolDesktops+1 || s.Sessions != 2 {
			return fmt.Errorf("%d registrations, %d sessions", s.Registrations, s.Sessions)
		}
		return nil
	})
	c.back(bob, "bob", "desktop:pool")
	// The broker forgets too: what it knows of carol's desktop is what that says.
	c.kill(first)
	c.holds(c.players[1])
	used := c.machine(c.players[1], carol.Machine)
	if !used.Used || !used.Maintenance {
		t.Errorf("got %+v, want carol's desktop used and in maintenance (LHC-34)", used)
	}
	dave := c.served(act, "dave", "desktop:pool")
	if dave.Machine == carol.Machine || dave.Machine == bob.Machine {
		t.Errorf("dave got %s; bob is on %s and carol has used %s (LHC-34)", dave.Machine, bob.Machine, carol.Machine)
	}
}

// TestAllConnectorsRestartInTheOutage: RAS-06, each comes back in the state that
// it should have: the zone record is durable.
func TestAllConnectorsRestartInTheOutage(t *testing.T) {
	t.Parallel()
	c := ready(t)
	first, second := c.players[0], c.players[1]
	outage := c.outage()
	bob := c.served(act, "bob", "desktop:pool")

	c.kill()
	if err := c.seated(bob); err != nil {
		t.Errorf("bob lost his session with the connectors: %v (RAS-03)", err)
	}
	// One alone goes on where the zone was.
	c.start(second)
	if got := c.holds(second); got != outage {
		t.Errorf("got outage %s from one connector alone, want %s", got, outage)
	}
	c.back(bob, "bob", "desktop:pool")
	c.start(first, c.players[2])
	if got := c.holds(first); got != outage {
		t.Errorf("got outage %s after the restart of all, want %s", got, outage)
	}
	c.back(bob, "bob", "desktop:pool")
	for _, p := range c.players {
		p.Elects(act, "cc01.example.test")
		if got := p.states(); slices.Contains(got, "Normal") || slices.Contains(got, "PendingHA") {
			t.Errorf("got states %v of %s, want those of HA mode only", got, p.name)
		}
	}
	c.startCloud()
	c.recovered()
	c.back(bob, "bob", "desktop:pool")
}

// TestComesBackAfterTheOutage: a connector with the record of an outage that the
// zone has closed meanwhile does not reopen it; nor does one that was down all
// the while.
func TestComesBackAfterTheOutage(t *testing.T) {
	t.Parallel()
	c := ready(t)
	first, second, third := c.players[0], c.players[1], c.players[2]
	c.kill(third) // it sees nothing of the outage
	c.outage()
	c.kill(first) // it sees nothing of the end
	c.holds(second)
	c.startCloud()
	c.normal(second)

	c.start(first, third)
	c.normal(first, third)
	for _, p := range c.players {
		p.Elects(act, "cc01.example.test")
	}
	throughout(t, quiet, "the zone stays in Normal", func() error {
		return c.each(func(s wire.Status) error {
			if s.State != zone.Normal {
				return fmt.Errorf("state %s: %s", s.State, s.Reason)
			}
			return nil
		})
	})
	for _, p := range []*player{first, third} {
		if got := p.states(); !slices.Equal(got, []string{"Normal"}) {
			t.Errorf("got states %v of the restarted %s, want Normal alone", got, p.name)
		}
	}
}

// TestForcedOutage: LHC-18, for the whole zone, from any of its connectors,
// surviving restarts and the loss of the elected one.
func TestForcedOutage(t *testing.T) {
	t.Parallel()
	c := ready(t)
	first, second, third := c.players[0], c.players[1], c.players[2]
	bob := c.served(act, "bob", "desktop:pool")

	answer := c.order(third, "force")
	c.kill(first)
	if answer.Record.Force == nil || answer.CarriedBy == "" {
		t.Errorf("got %+v, want the order carried out and carried by a peer", answer)
	}
	outage := c.holds(second)
	if outage != answer.Record.Outage {
		t.Errorf("got outage %s, want the forced one, %s", outage, answer.Record.Outage)
	}
	c.back(bob, "bob", "desktop:pool")

	c.kill(second, third)
	c.start()
	if got := c.holds(first); got != outage {
		t.Errorf("got outage %s after a restart of all, want %s", got, outage)
	}
	throughout(t, quiet, "the zone stays pinned though the cloud broker is healthy", func() error {
		return c.each(func(s wire.Status) error {
			if !s.State.HA() || s.Force == nil || s.State == zone.PendingRecovery {
				return fmt.Errorf("state %s, force %v: %s", s.State, s.Force, s.Reason)
			}
			return nil
		})
	})
	c.back(bob, "bob", "desktop:pool")

	c.order(c.players[1], "clear")
	c.recovered()
	c.back(bob, "bob", "desktop:pool")
}
