//go:build linux

package e2e_test

import (
	"fmt"
	"testing"

	"understudy/site"
	"understudy/wire"
)

// TestUsedDesktops: LHC-34, design 6 (reset). In Normal a pooled desktop is reset
// after its user has logged off, and goes to the next one. In an outage it goes
// to maintenance instead, and comes back when the cloud broker can reset it.
func TestUsedDesktops(t *testing.T) {
	t.Parallel()
	c := ready(t)
	first := c.served(act, "bob", "desktop:pool")
	c.logoff(first)
	everybody := c.fill(t, "alice", "bob", "carol", "dave")
	if _, again := everybody[first.Machine]; !again {
		t.Errorf("four users are on %v, want %s among them after its reset", everybody, first.Machine)
	}
	for _, l := range everybody {
		c.logoff(l)
	}
	c.fill(t, "alice", "carol", "dave")
	used := c.served(act, "bob", "desktop:pool")

	c.outage()
	c.back(used, "bob", "desktop:pool")
	c.logoff(used)
	eventually(t, act, "the used desktop is in maintenance", func() error {
		if m := c.machine(c.players[0], used.Machine); !m.Used || !m.Maintenance {
			return fmt.Errorf("%+v", m)
		}
		return nil
	})
	if l, err := c.launch("bob", "desktop:pool"); !wire.IsCode(err, wire.CodeNoMachine) {
		t.Errorf("bob got %s (%v), want %s: three desktops are taken and one is used", l.Machine, err, wire.CodeNoMachine)
	}

	c.startCloud()
	c.recovered()
	if l := c.served(act, "bob", "desktop:pool"); l.Machine != used.Machine {
		t.Errorf("bob got %s, want %s, which was reset after the outage", l.Machine, used.Machine)
	}
}

// fill gives each user a pooled desktop, and returns the launches by machine.
func (c *cast) fill(t *testing.T, users ...string) map[site.FQDN]wire.LaunchAnswer {
	t.Helper()
	out := map[site.FQDN]wire.LaunchAnswer{}
	for _, user := range users {
		l := c.served(act, user, "desktop:pool")
		out[l.Machine] = l
	}
	if len(out) != len(users) {
		t.Fatalf("%d users share %d desktops (LHC-25)", len(users), len(out))
	}
	return out
}
