//go:build linux

package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"understudy/wire"
	"understudy/zone"
)

// calm are durations that a busy machine does not miss: with them nothing is
// lost, sick or expired unless something makes it so.
const (
	calmInitial  = 6 * time.Second
	calmRecovery = 4 * time.Second
	calm         = "{health_interval: 300ms, detection: 2s, initial_ha: 6s, recovery: 4s, deadline: 6s, join_wait: 6s, vda_interval: 3s, preempt_after: 1s, detection_max: 2s, recovery_max: 4s}"
)

var buildClock = buildOnce("clock", "understudy/e2e/clock")

// clocks is a cast whose members have a wall clock each.
type clocks struct {
	*cast
	off time.Duration // by how much the one that jumps is wrong
}

func newClocks(t testing.TB) *clocks {
	t.Helper()
	c := &clocks{cast: newCast(t)}
	c.write("site.yaml", c.site())
	c.startCloud()
	c.publish()
	for _, p := range c.players {
		c.write(p.name+".yaml", c.connectorFile(p))
		c.startPlayer(p)
	}
	c.startHost()
	c.front = c.storefront()
	c.prepared("cc01.example.test")
	c.served(act, "alice", "desktop:office")
	c.registered(c.desktops)
	return c
}

func (c *clocks) site() string { return strings.Replace(c.siteFile(), quick, calm, 1) }

// registered waits until desktops have registered so often.
func (c *clocks) registered(times int) {
	c.t.Helper()
	eventually(c.t, act, "the desktops have registered", func() error {
		if n := c.registrations(); n < times {
			return fmt.Errorf("%d times, want %d", n, times)
		}
		return nil
	})
}

func (c *clocks) registrations() int {
	c.t.Helper()
	return strings.Count(c.host.Log(), `"msg":"registered"`)
}

func (c *clocks) begin(name, kind, file string) *process {
	c.t.Helper()
	path, err := buildClock()
	must(c.t, err)
	return start(c.t, command{
		Name: name, Path: path, Args: []string{kind, "--config", file}, Dir: c.dir,
		Env: []string{"UNDERSTUDY_CLOCK=" + filepath.Join(c.dir, name+".clock")},
	})
}

func (c *clocks) startCloud() { c.t.Helper(); c.cloud = c.begin("cloud", "cloud", "cloud.yaml") }
func (c *clocks) startHost()  { c.t.Helper(); c.host = c.begin("desktops", "desktop", "desktops.yaml") }

func (c *clocks) startPlayer(p *player) {
	c.t.Helper()
	p.process = c.begin(p.name, "connector", p.name+".yaml")
}

// set makes somebody's clock wrong by so much, from one moment to the next.
func (c *clocks) set(name string, by time.Duration) {
	c.t.Helper()
	c.write(name+".clock.new", by.String())
	c.off = by
	must(c.t, os.Rename(filepath.Join(c.dir, name+".clock.new"), filepath.Join(c.dir, name+".clock")))
}

// The jumps of the tests.
const (
	ahead  = 365 * 24 * time.Hour
	behind = -24 * time.Hour
)

// Design 2, LHC-13, LHC-15, LHC-23, LHC-25: a wall clock that jumps, of whomever,
// changes no state, ends no lease, ticket or reservation, and no period sooner or
// later; syncs go on.
func TestClocks(t *testing.T) {
	t.Parallel()
	for _, who := range []string{"cc01", "cloud", "desktops"} {
		t.Run(who, func(t *testing.T) {
			t.Parallel()
			c := newClocks(t)
			first := c.players[0]
			bob := c.served(act, "bob", "desktop:pool")

			for i, by := range []time.Duration{ahead, behind} {
				c.jump(who, by, []string{"carol", "dave"}[i])
				c.synced(who, by)
				c.back(bob, "bob", "desktop:pool")
			}
			c.went("Normal")

			c.outage()
			for i, by := range []time.Duration{ahead, behind} {
				c.jump(who, by, []string{"alice", "carol"}[i]) // carol reconnects
				c.ages()
				c.back(bob, "bob", "desktop:pool")
			}
			c.holds(first)
			first.Reaches(act, zone.ExtendedHA)
			c.startCloud()
			first.Reaches(act, zone.PendingRecovery)
			c.set(who, ahead)
			c.recovered()
			c.back(bob, "bob", "desktop:pool")
			c.went("Normal", "InitialHA", "ExtendedHA", "PendingRecovery", "Normal")
			c.lasted(first, zone.InitialHA, calmInitial)
			c.lasted(first, zone.PendingRecovery, calmRecovery)
		})
	}
}

// jump lets the clock jump between the launch of the user and his coming with the
// ticket.
func (c *clocks) jump(who string, by time.Duration, user string) {
	c.t.Helper()
	var l wire.LaunchAnswer
	eventually(c.t, act, user+" gets a desktop", func() (err error) {
		l, err = c.launch(user, "desktop:pool")
		return err
	})
	before, was := c.registrations(), c.off
	c.set(who, by)
	if _, err := c.front.Redeem(c.t.Context(), wire.RedeemRequest{Ticket: l.Ticket}); err != nil {
		c.t.Errorf("%s off by %s: the ticket of %s: %v", who, by, user, err)
	}
	eventually(c.t, act, user+" sits at the desktop", func() error { return c.seated(l) })
	if n := c.registrations(); n != before {
		c.t.Errorf("%s off by %s: %d desktops registered anew", who, by, n-before)
	}
	if who == "desktops" && !l.Reconnected {
		c.began(l, was)
	}
}

// began checks that the desktop gave the session its own time.
func (c *clocks) began(l wire.LaunchAnswer, by time.Duration) {
	c.t.Helper()
	var list wire.List[wire.Session]
	a, err := ask(c.t, http.DefaultClient, http.MethodGet, c.simulation(l)+"/sessions", "")
	must(c.t, err)
	must(c.t, json.Unmarshal([]byte(a.Body), &list))
	for _, s := range list.Items {
		if off := time.Until(s.Started) - by; s.ID == l.Session && off.Abs() > time.Hour {
			c.t.Errorf("with a clock off by %s session %s began at %s", by, s.ID, s.Started)
		}
	}
}

// synced publishes a site, and waits until all connectors have it.
func (c *clocks) synced(who string, by time.Duration) {
	c.t.Helper()
	c.ages()
	first := c.players[0]
	version := c.siteVersion(first)
	c.write("site.yaml", strings.Replace(c.site(), "Pooled desktop", "Desktop of "+version.String(), 1))
	c.publish()
	for _, p := range c.players {
		p.Shows(act, "the new site", func(s wire.Status) error {
			if s.Snapshot.Version == version {
				return fmt.Errorf("still %s, sync %+v", version, s.Sync)
			}
			return nil
		})
	}
	c.ages()
	if who == first.name {
		c.stamped(first, by)
	}
}

// stamped checks that events carry the time of the connector's own clock.
func (c *clocks) stamped(p *player, by time.Duration) {
	c.t.Helper()
	list, err := p.client().Events(c.t.Context(), 0, 1000)
	must(c.t, err)
	if len(list) == 0 || (time.Until(list[len(list)-1].At)-by).Abs() > time.Hour {
		c.t.Errorf("%s with a clock off by %s has the events %+v", p.name, by, list)
	}
}

// ages checks that no copy of the site is from the future.
func (c *clocks) ages() {
	c.t.Helper()
	for _, p := range c.players {
		s, err := p.Status()
		must(c.t, err)
		peers, err := p.client().Peers(c.t.Context())
		must(c.t, err)
		if s.Snapshot.Age < 0 {
			c.t.Errorf("%s: the snapshot is %s old", p.name, s.Snapshot.Age)
		}
		for _, o := range peers.Items {
			if o.ConfigAge < 0 {
				c.t.Errorf("%s: the snapshot of %s is %s old", p.name, o.FQDN, o.ConfigAge)
			}
		}
	}
}

// went checks which states each connector has been in since its start. The others
// may follow into HA mode before they have noticed the trouble themselves.
func (c *clocks) went(want ...string) {
	c.t.Helper()
	for _, p := range c.players {
		got := p.states()
		if len(want) > 1 {
			got = slices.DeleteFunc(got, func(s string) bool { return s == string(zone.PendingHA) })
		}
		if !slices.Equal(got, want) {
			c.t.Errorf("%s went through %v, want %v", p.name, got, want)
		}
	}
}

// lasted checks, by the clock of the log, that the connector stayed long enough. On a
// busy machine a line is written some time after the decision that it tells; a period
// that went by a wall clock would be over at once.
func (c *clocks) lasted(p *player, state zone.State, least time.Duration) {
	c.t.Helper()
	var entered time.Time
	for _, l := range p.story() {
		switch {
		case l.Event != "state_changed":
		case l.To == string(state):
			entered = l.At
		case l.From == string(state) && l.At.Sub(entered) < least/2:
			c.t.Errorf("%s left %s after %s, want at least %s", p.name, state, l.At.Sub(entered), least)
		}
	}
	if entered.IsZero() {
		c.t.Errorf("%s never was in %s", p.name, state)
	}
}

// LHC-06, LHC-50: a connector that starts with a wrong clock is ready as ever, once
// a StoreFront has asked; what it stored before is neither too old nor of tomorrow.
func TestStartWithAWrongClock(t *testing.T) {
	t.Parallel()
	c := newClocks(t)
	first := c.players[0]
	for _, by := range []time.Duration{ahead, behind, 0} {
		first.process.Kill()
		c.set(first.name, by)
		c.startPlayer(first)
		c.prepared("cc01.example.test")
		c.ages()
		if s, err := first.Status(); err != nil || !s.Election.CanServe {
			t.Errorf("off by %s: %+v (%v), want one that can serve", by, s.Election, err)
		}
	}
	c.outage()
	c.served(act, "bob", "desktop:pool")
}
