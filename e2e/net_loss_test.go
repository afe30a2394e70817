//go:build linux

package e2e_test

import (
	"slices"
	"testing"
)

// TestNetLoss: links that lose or reset a part of what they carry. Whatever the
// zone makes of it, users are served, no desktop has two, no session ends, and when
// it is over one connector serves.
func TestNetLoss(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		port int
		at   func(c *netCast) []*host
		loss int // packets that must be hit
		cut  int // connections that must be hit
	}{
		{"between peers", standPeer, func(c *netCast) []*host { return hosts(c.zone...) }, 100, 20},
		{"of clients", standClient, func(c *netCast) []*host { return hosts(slices.Concat(c.zone, c.desktops)...) }, 20, 3},
	}
	for _, k := range cases {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			c := castNet(t)
			at := k.at(c)
			c.outage(func() {
				bob := c.served(c.near, "bob", "desktop:pool")
				c.during(filtered("loss", filter{port: k.port, percent: 25}, at...), func() {
					alice := c.served(c.near, "alice", "desktop:office")
					c.bites(k.loss, at...)
					c.back(c.far, bob, "bob", "desktop:pool")
					c.back(c.near, alice, "alice", "desktop:office")
				})
				c.during(filtered("resets", filter{port: k.port, percent: 4, reset: true}, at...), func() {
					c.served(c.near, "carol", "desktop:pool")
					c.bites(k.cut, at...)
					c.back(c.far, bob, "bob", "desktop:pool")
				})
				c.steadies()
				c.back(c.near, bob, "bob", "desktop:pool")
			})
		})
	}
}

// TestNetLossyCloud: a bad line to the cloud broker is no outage for users, and
// leaves the zone in Normal when it is good again.
func TestNetLossyCloud(t *testing.T) {
	t.Parallel()
	c := castNet(t)
	at := hosts(c.zone...)
	bob := c.served(c.near, "bob", "desktop:pool")
	for _, f := range []filter{{from: c.remote, percent: 25}, {from: c.remote, percent: 5, reset: true}} {
		c.during(filtered("a bad line", f, at...), func() {
			c.served(c.near, "alice", "desktop:office")
			c.bites(f.percent, at...)
			c.back(c.far, bob, "bob", "desktop:pool")
		})
		c.recovers()
	}
	c.back(c.near, bob, "bob", "desktop:pool")
	for _, l := range c.since(c.began) {
		if l.Event == "state_changed" && l.Reason == "" {
			t.Errorf("a change without a reason: %v (LHC-24)", l)
		}
	}
}
