//go:build linux

package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"understudy/wire"
)

// TestAssignmentOfAnOutage: LHC-36, a desktop that belongs to nobody becomes its
// first user's in an outage too. The connector's journal alone keeps that: the
// desktop host loses its disk, and every connector is killed at the same moment.
func TestAssignmentOfAnOutage(t *testing.T) {
	t.Parallel()
	c := newCast(t)
	const last, owner = "ws005.example.test", "{user: alice, desktop: office}"
	free := strings.Replace(c.siteFile(), last+", group: pool", last+", group: office", 1)
	c.write("site.yaml", strings.Replace(free, owner, "{user_group: staff, desktop: office}", 1))
	c.startCloud()
	c.publish()
	c.open()
	c.outage()
	bob := c.served(act, "bob", "desktop:office")
	if bob.Machine != last {
		t.Fatalf("bob got %s, want %s: the other one is alice's", bob.Machine, last)
	}
	c.logoff(bob)

	c.host.Kill()
	c.kill()
	must(t, os.RemoveAll(filepath.Join(c.dir, "desktops")))
	c.start()
	c.startHost()
	c.holds(c.players[0])
	if l, err := c.launch("carol", "desktop:office"); !wire.IsCode(err, wire.CodeNoMachine) {
		t.Errorf("carol got %s (%v), want %s: it is bob's", l.Machine, err, wire.CodeNoMachine)
	}
	if again := c.served(act, "bob", "desktop:office"); again.Machine != last {
		t.Errorf("bob got %s, want %s again", again.Machine, last)
	}
}
