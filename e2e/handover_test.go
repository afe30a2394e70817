//go:build linux

package e2e_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"understudy/wire"
)

// TestOrderlyStopHandsOver: the elected one gives its office to the next. What a
// user asks for meanwhile, a StoreFront gets at one of its next tries.
func TestOrderlyStopHandsOver(t *testing.T) {
	t.Parallel()
	c := ready(t)
	first, second := c.players[0], c.players[1]
	c.outage()
	alice := c.served(act, "alice", "desktop:office")
	gap := c.keepLaunching("alice", "desktop:office")

	if code := first.process.Stop(act); code != 0 {
		t.Errorf("got exit code %d of an orderly stop, want 0", code)
	}
	c.holds(second)
	stopped := first.process.log
	c.start(first)
	c.holds(first)
	launches, longest := gap()
	t.Logf("%d launches during two hand-overs; the longest time without one was %v", launches, longest)
	// A desktop registers with the next broker at its next heartbeat.
	if limit := 3 * time.Second; longest > limit {
		t.Errorf("got %v without a launch, want at most %v", longest, limit)
	}
	if err := c.seated(alice); err != nil {
		t.Errorf("the hand-over ended a session: %v (RAS-03)", err)
	}
	lines := story(t, stopped, second.process.log)
	gives := told{Event: "handover", Connector: first.fqdn()}
	takes := told{Event: "elected", Connector: second.fqdn(), Elected: second.fqdn()}
	ends := told{Event: "stopped", Connector: first.fqdn()}
	for _, last := range []told{takes, ends} {
		if err := follow(lines, gives, last); err != nil {
			t.Error(err)
		}
	}
}

// keepLaunching launches again and again until its result is called, which tells
// how often that worked and the longest time in which it did not.
func (c *cast) keepLaunching(user, resource string) func() (int, time.Duration) {
	stop, done := make(chan struct{}), make(chan struct{})
	launches, longest, last := 0, time.Duration(0), time.Now()
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				longest = max(longest, time.Since(last))
				return
			case <-time.After(poll):
			}
			if _, err := c.launch(user, resource); err == nil {
				launches++
				longest, last = max(longest, time.Since(last)), time.Now()
			}
		}
	}()
	return func() (int, time.Duration) {
		close(stop)
		<-done
		return launches, longest
	}
}

// TestOrderlyStopInNormal: in Normal every connector relays, so users see nothing
// of a connector that stops, be it the elected one.
func TestOrderlyStopInNormal(t *testing.T) {
	t.Parallel()
	c := ready(t)
	first, second := c.players[0], c.players[1]
	gap := c.keepLaunching("alice", "desktop:office")
	if code := first.process.Stop(act); code != 0 {
		t.Errorf("got exit code %d of an orderly stop, want 0", code)
	}
	second.Elects(act, "cc02.example.test")
	throughout(t, quiet, "the others stay in Normal", func() error {
		s, err := second.Status()
		if err == nil && s.State != "Normal" {
			err = fmt.Errorf("state %s: %s", s.State, s.Reason)
		}
		return err
	})
	launches, longest := gap()
	t.Logf("%d launches; the longest time without one was %v", launches, longest)
	if limit := 3 * time.Second; longest > limit {
		t.Errorf("got %v without a launch, want at most %v", longest, limit)
	}
}

// TestPausedElected: LHC-25, one that was paused, and so believes for a moment
// that it is elected still, hands nobody's desktop to another user.
func TestPausedElected(t *testing.T) {
	t.Parallel()
	c := ready(t)
	first, second := c.players[0], c.players[1]
	c.outage()
	first.process.Pause()
	c.holds(second)
	taken := map[string]string{}
	for _, user := range []string{"bob", "carol", "dave"} {
		taken[string(c.served(act, user, "desktop:pool").Machine)] = user
	}
	if len(taken) != 3 {
		t.Fatalf("got desktops %v for three users", taken)
	}

	first.process.Resume()
	for range 20 { // at once, to whoever answers
		answer, err := c.launch("alice", "desktop:pool")
		if owner := taken[string(answer.Machine)]; err == nil && owner != "" {
			t.Fatalf("alice got %s, which is %s's", answer.Machine, owner)
		}
	}
	first.process.Says(act, `"event":"late_wake"`)
	c.holds(first)
	again, err := c.launch("bob", "desktop:pool")
	if err != nil || taken[string(again.Machine)] != "bob" {
		t.Errorf("bob got %s, want his session again: %v", again.Machine, err)
	}
}

// TestPowerFailure: RAS-06, everybody of the zone stops at once in the outage, and
// comes back where it was while the cloud broker is still away.
func TestPowerFailure(t *testing.T) {
	t.Parallel()
	c := ready(t)
	first := c.players[0]
	outage := c.outage()
	bob := c.served(act, "bob", "desktop:pool")
	c.host.Kill()
	c.kill()

	c.start()
	c.startHost()
	if got := c.holds(first); got != outage {
		t.Errorf("got outage %s, want it to go on with %s", got, outage)
	}
	eventually(t, act, "all are where they were", func() error {
		return c.each(func(s wire.Status) error {
			if s.Outage != outage || s.Election.Elected != "cc01.example.test" {
				return errors.New("it shows outage " + s.Outage + " and elected " + string(s.Election.Elected))
			}
			return nil
		})
	})
	c.back(bob, "bob", "desktop:pool")
}
