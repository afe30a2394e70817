//go:build linux

package e2e_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"understudy/wire"
)

// TestNetElectedHostDead: LHC-23, the host of the elected one dies without a word,
// as its link does; another takes over, and its return harms nobody.
func TestNetElectedHostDead(t *testing.T) {
	t.Parallel()
	c := castNet(t)
	first, second, third := c.zone[0], c.zone[1], c.zone[2]
	c.outage(func() {
		bob := c.served(c.near, "bob", "desktop:pool")
		outage := c.agree().Outage
		c.during(unplugged(first.host), func() {
			c.serves(second, second, third)
			taken := told{Event: "elected", Connector: second.name, Elected: second.name, Outage: outage}
			c.tellsOf(lost(second, first), lost(third, first), taken)
			c.logTakeover(taken)
			c.registered(second.name)
			c.back(c.near, bob, "bob", "desktop:pool")
			c.served(c.near, "alice", "desktop:office")
		})
		c.tellsOf(heard(second, first), heard(third, first))
		if s := c.steadies(); s.Outage != outage {
			t.Errorf("got outage %s, want it to go on with %s", s.Outage, outage)
		}
		c.back(c.near, bob, "bob", "desktop:pool")
		c.served(c.far, "carol", "desktop:pool")
	})
}

// logTakeover reads from the logs how long nobody was elected.
func (c *netCast) logTakeover(taken told) {
	c.t.Helper()
	lines := c.since(c.began)
	at := slices.IndexFunc(lines, taken.fits)
	c.t.Logf("from the fault to the next one in office: %v", lines[at].At.Sub(c.began).Round(time.Millisecond))
}

// TestNetPausedBehindASplit: LHC-25: the elected one is paused while it is cut off,
// and wakes when the network is whole again. It must not serve before it has heard
// its peers.
func TestNetPausedBehindASplit(t *testing.T) {
	t.Parallel()
	c := castNet(t)
	first, second, third := c.zone[0], c.zone[1], c.zone[2]
	c.outage(func() {
		bob := c.served(c.near, "bob", "desktop:pool")
		var carol wire.LaunchAnswer
		c.during(split(hosts(first), hosts(second, third)), func() {
			first.Pause()
			c.serves(second, second, third)
		})
		c.registered(second.name)
		carol = c.served(c.near, "carol", "desktop:pool")
		first.Resume()
		throughout(t, 2*steady, "not both serve", func() error { return notBoth(first, second) })
		c.tells(told{Event: "late_wake", Connector: first.name}, heard(first, second))
		c.steadies()
		c.back(c.near, bob, "bob", "desktop:pool")
		c.back(c.near, carol, "carol", "desktop:pool")
	})
}

// notBoth says whether both connectors serve; one that hands over to the other
// between two questions does not count.
func notBoth(a, b *unit) error {
	for _, k := range []*unit{a, b, a} {
		if s, err := k.admin().Status(); err != nil || !s.Election.Serving {
			return err
		}
	}
	return fmt.Errorf("%s and %s serve", a.name, b.name)
}
