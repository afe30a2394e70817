//go:build linux

package e2e_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"understudy/wire"
	"understudy/zone"
)

// TestNetFlappingCloud: LHC-12, "all connectors … for the detection period": a link
// that flaps for all, never for so long, opens no outage; nor does the elected
// one, whose own link alone is gone for longer than that. No peer helps another here.
func TestNetFlappingCloud(t *testing.T) {
	t.Parallel()
	c := newNetCast(t, 3)
	c.detection = 4 * time.Second
	for _, k := range c.zone {
		k.more = "peer_relay: false"
	}
	c.open()
	began := time.Now()
	bob := c.served(c.near, "bob", "desktop:pool")
	for range 3 {
		c.during(c.cloudRefuses(), func() { is(zone.PendingHA, c.zone...) })
		is(zone.Normal, c.zone...)
	}
	second := c.zone[1]
	for range 3 {
		c.during(filtered("one link flaps", filter{from: c.remote, reset: true}, second.host), func() { is(zone.PendingHA, second) })
		is(zone.Normal, second)
	}
	c.during(split(hosts(c.zone[0]), []*host{c.remote}), func() {
		is(zone.PendingHA, c.zone[0])
		throughout(t, c.detection+steady, "the elected one alone is in PendingHA", func() error {
			return c.states(zone.PendingHA, zone.Normal, zone.Normal)
		})
		c.served(c.near, "carol", "desktop:pool")
	})
	c.recovers()
	c.back(c.near, bob, "bob", "desktop:pool")
	if lines := c.since(began); slices.ContainsFunc(lines, told{Event: "outage_began"}.fits) {
		t.Errorf("an outage began:\n%s", retell(lines))
	}
}

// states says whether the connectors are in these states.
func (c *netCast) states(want ...zone.State) error {
	for i, k := range c.zone {
		s, err := k.admin().Status()
		if err != nil {
			return err
		}
		if s.State != want[i] {
			return fmt.Errorf("%s is in %s, want %s: %s", k.name, s.State, want[i], s.Reason)
		}
	}
	return nil
}

// TestNetCloudAway: a cloud broker whose packets are dropped, or whose host is dead,
// looks unlike one that refuses, which it is in other tests; the zone does the same.
// LHC-15: when it is back for less than the period, the zone goes to ExtendedHA, not
// to Normal.
func TestNetCloudAway(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]func(*netCast) fault{
		"cut off": (*netCast).cloudCut,
		"dead":    func(c *netCast) fault { return unplugged(c.remote) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := castNet(t)
			alice := c.served(c.near, "alice", "desktop:office")
			var bob wire.LaunchAnswer
			began := time.Now()
			c.during(away(c), func() {
				c.entersOutage()
				bob = c.served(c.near, "bob", "desktop:pool")
				is(zone.ExtendedHA, c.zone...)
			})
			is(zone.PendingRecovery, c.zone...)
			c.during(c.cloudRefuses(), func() {
				is(zone.ExtendedHA, c.zone...)
				c.back(c.near, bob, "bob", "desktop:pool")
			})
			c.recovers()
			c.back(c.near, bob, "bob", "desktop:pool")
			c.back(c.near, alice, "alice", "desktop:office")
			c.began = began
			for _, k := range c.zone {
				c.tells(moved(k, "Normal", "PendingHA"), moved(k, "PendingHA", "InitialHA"), moved(k, "InitialHA", "ExtendedHA"),
					moved(k, "ExtendedHA", "PendingRecovery"), moved(k, "PendingRecovery", "ExtendedHA"),
					moved(k, "ExtendedHA", "PendingRecovery"), moved(k, "PendingRecovery", "Normal"))
			}
		})
	}
}

// moved is the event of a transition.
func moved(at *unit, from, to zone.State) told {
	return told{Event: "state_changed", Connector: at.name, From: string(from), To: string(to)}
}
