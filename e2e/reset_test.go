//go:build linux

package e2e_test

import (
	"fmt"
	"strings"
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

// TestReuseInOutage: LHC-34, the site and the group together allow a used pooled
// desktop to be handed out again in an outage, tainted as it is; one of them alone
// does not. The group pool has the flag, the group temp has not.
func TestReuseInOutage(t *testing.T) {
	t.Parallel()
	for _, allowed := range []bool{true, false} {
		t.Run(fmt.Sprintf("site %t", allowed), func(t *testing.T) {
			t.Parallel()
			c := newCast(t)
			c.write("site.yaml", reusing(c.siteFile(), allowed))
			c.startCloud()
			c.publish()
			c.open()
			c.outage()
			c.tainted(t, "ws002.example.test", "desktop:pool", allowed)
			c.tainted(t, "ws003.example.test", "desktop:temp", false)
		})
	}
}

// reusing makes groups of one pooled desktop each.
func reusing(text string, site bool) string {
	return strings.NewReplacer(
		"name: e2e\n", fmt.Sprintf("name: e2e\nreuse_in_outage: %t\n", site),
		"desktop: Pooled desktop}\n", "desktop: Pooled desktop, reuse_in_outage: true}\n  - {name: temp, kind: pooled, zones: [berlin], desktop: Temporary desktop}\n",
		"entitlements:\n", "entitlements:\n  - {user_group: staff, desktop: temp}\n",
		"ws003.example.test, group: pool", "ws003.example.test, group: temp",
		"ws004.example.test, group: pool", "ws004.example.test, group: office",
		"ws005.example.test, group: pool", "ws005.example.test, group: office",
	).Replace(text)
}

// tainted uses the only desktop of the resource, and looks whether the next user
// gets it.
func (c *cast) tainted(t *testing.T, name site.FQDN, resource string, again bool) {
	t.Helper()
	first := c.served(act, "bob", resource)
	if first.Machine != name {
		t.Fatalf("bob got %s of %s, want %s", first.Machine, resource, name)
	}
	c.logoff(first)
	eventually(t, act, "the desktop is known to be used", func() error {
		if m := c.machine(c.players[0], name); !m.Used || m.Sessions != 0 || m.Maintenance == again {
			return fmt.Errorf("%+v", m)
		}
		return nil
	})
	if again {
		if l := c.served(act, "carol", resource); l.Machine != name || l.Reconnected {
			t.Errorf("carol got %s (reconnected: %v), want %s", l.Machine, l.Reconnected, name)
		}
		return
	}
	if l, err := c.launch("carol", resource); !wire.IsCode(err, wire.CodeNoMachine) {
		t.Errorf("carol got %s (%v), want %s", l.Machine, err, wire.CodeNoMachine)
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
