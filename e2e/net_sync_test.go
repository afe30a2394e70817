//go:build linux

package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"understudy/site"
	"understudy/wire"
	"understudy/zone"
)

// bigSite is how many machines a site has that takes seconds over a thin line.
const bigSite = 15_000

// TestNetSyncAcrossASplit: LHC-02: a large change of the site comes over a thin
// line. While it does, two connectors lose the third and the cloud broker: they
// serve from what they had, whole. Healed, all have the new site.
func TestNetSyncAcrossASplit(t *testing.T) {
	t.Parallel()
	c := castNet(t)
	first, second, third := c.zone[0], c.zone[1], c.zone[2]
	before := first.version()
	bob := c.served(c.near, "bob", "desktop:pool")
	c.remote.Throttle("2mbit")
	c.siteText = func(edition int) string { return c.siteHead(edition) + c.siteBody() + manyMachines(t, bigSite) }
	c.apply()
	c.tellsOf(told{Event: "sync_started", Connector: second.name}, told{Event: "sync_started", Connector: third.name})
	c.during(split(hosts(second, third), []*host{first.host, c.remote}), func() {
		c.serves(second, second, third)
		for _, k := range []*unit{second, third} {
			if got := k.version(); got != before {
				t.Errorf("%s serves from version %s, want %s", k.name, got, before)
			}
		}
		c.newer(before, first)
		// Which side has bob's desktop is chance: his session goes on (RAS-03), others get theirs.
		must(t, c.witness.seated(bob, "bob"))
		c.served(c.near, "carol", "desktop:pool")
	})
	c.remote.Widen()
	c.newer(before, c.zone...)
	is(zone.Normal, c.zone...)
	c.recovers()
	c.back(c.near, bob, "bob", "desktop:pool")
}

// newer waits until the connectors use the whole of the large site.
func (c *netCast) newer(than site.Version, units ...*unit) {
	c.t.Helper()
	for _, k := range units {
		s := k.admin().Shows(2*turn, "the large site", func(s wire.Status) error {
			if s.Snapshot == nil || s.Snapshot.Version == than {
				return fmt.Errorf("it has %+v; sync %+v", s.Snapshot, s.Sync)
			}
			return nil
		})
		if got := s.Snapshot.Counts["machines"]; got != bigSite+len(c.desktops) {
			c.t.Errorf("%s has %d machines, want %d", k.name, got, bigSite+len(c.desktops))
		}
	}
}

// manyMachines are lines that do not compress well.
func manyMachines(t testing.TB, n int) string {
	t.Helper()
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "  - {name: x%s%05d.example.test, group: pool, zone: berlin}\n", randomHex(t), i)
	}
	return b.String()
}
