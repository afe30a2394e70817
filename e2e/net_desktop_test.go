//go:build linux

package e2e_test

import (
	"fmt"
	"testing"

	"understudy/wire"
)

// TestNetDesktops: RAS-03: in an outage a desktop with a user is cut off from the
// elected one alone, from everybody, and dies with its host. The user stays, nobody
// else gets the desktop, and when it is back it is the user's again.
func TestNetDesktops(t *testing.T) {
	t.Parallel()
	kinds := []struct {
		name string
		make func(c *netCast, d *unit) fault
	}{
		{"cut off from the elected one", func(c *netCast, d *unit) fault { return split(hosts(d), hosts(c.zone[0])) }},
		{"cut off", func(_ *netCast, d *unit) fault {
			return fault{"a desktop is cut off", func() { d.host.Cut() }, d.host.Heal}
		}},
		{"dead", func(_ *netCast, d *unit) fault {
			return fault{
				"a desktop's host is dead", func() { d.host.Unplug(); d.Kill() }, func() { d.host.Plug(); d.start() },
			}
		}},
	}
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			c := castNet(t)
			c.outage(func() {
				bob := c.served(c.near, "bob", "desktop:pool")
				bobs := c.desktopOf(bob)
				c.during(kind.make(c, bobs), func() {
					c.hosts(2)
					if carol := c.served(c.near, "carol", "desktop:pool"); carol.Machine == bob.Machine {
						t.Errorf("carol got %s, which is bob's (LHC-25)", bob.Machine)
					}
				})
				c.hosts(3)
				c.serves(c.zone[0], c.zone...)
				c.back(c.near, bob, "bob", "desktop:pool")
			})
		})
	}
}

func (c *netCast) desktopOf(l wire.LaunchAnswer) *unit {
	c.t.Helper()
	for _, d := range c.desktops {
		if d.name == string(l.Machine) {
			return d
		}
	}
	c.t.Fatalf("no desktop is %s", l.Machine)
	return nil
}

// hosts waits until that many desktops are registered with the elected one.
func (c *netCast) hosts(want int) {
	c.t.Helper()
	c.zone[0].admin().Shows(turn, fmt.Sprintf("%d registrations", want), func(s wire.Status) error {
		if s.Registrations != want {
			return fmt.Errorf("it shows %d", s.Registrations)
		}
		return nil
	})
}
