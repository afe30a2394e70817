//go:build linux

package e2e_test

import (
	"slices"
	"testing"

	"understudy/wire"
)

// TestNetElectedCutOff: LHC-22, LHC-25: in HA mode the elected one and a
// desktop are cut off from the rest of the zone. Each part has one that serves the
// desktops it reaches; healed, one record wins and one serves, and no session ends.
func TestNetElectedCutOff(t *testing.T) {
	t.Parallel()
	c := castNet(t)
	first, second, third := c.zone[0], c.zone[1], c.zone[2]
	alice := c.served(c.near, "alice", "desktop:office")
	c.outage(func() {
		var bob, carol wire.LaunchAnswer
		here := append(hosts(first, c.desktops[1]), c.far.host)
		there := append(hosts(second, third, c.desktops[0], c.desktops[2]), c.near.host)
		c.during(split(here, there), func() {
			c.serves(first, first)
			c.serves(second, second, third)
			c.registered(second.name, c.desktops[0], c.desktops[2])
			bob, carol = c.served(c.near, "bob", "desktop:pool"), c.served(c.far, "carol", "desktop:pool")
			c.back(c.near, alice, "alice", "desktop:office")
			c.tellsOf(lost(first, second), lost(first, third), lost(second, first), told{
				Event: "elected", Connector: second.name, Elected: second.name, Reason: first.name + " is not heard",
			})
		})
		if bob.Machine == carol.Machine {
			t.Errorf("bob and carol both got %s (LHC-25)", bob.Machine)
		}
		c.steadies()
		c.tells(heard(second, first))
		c.back(c.far, bob, "bob", "desktop:pool")
		c.back(c.near, carol, "carol", "desktop:pool")
		c.back(c.far, alice, "alice", "desktop:office")
	})
	c.back(c.near, alice, "alice", "desktop:office")
}

// TestNetPairs: a link between two connectors fails in an outage; both hear the
// third. "Running includes whom somebody I hear lists as heard": the elected one
// goes on, and nobody else serves.
func TestNetPairs(t *testing.T) {
	t.Parallel()
	kinds := []struct {
		name  string
		pairs [][2]int // who does not hear whom
		make  func(from, to *unit) fault
	}{
		{"both ways", [][2]int{{0, 1}, {0, 2}, {1, 2}}, func(a, b *unit) fault { return split(hosts(a), hosts(b)) }},
		{"one way", bothWays, func(from, to *unit) fault { return filtered("one way", filter{from: from.host}, to.host) }},
		{"one way on the peer port", bothWays, func(from, to *unit) fault {
			return filtered("one way on the peer port", filter{from: from.host, port: standPeer}, to.host)
		}},
	}
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			c := castNet(t)
			c.outage(func() {
				bob := c.served(c.near, "bob", "desktop:pool")
				for _, pair := range kind.pairs {
					a, b := c.zone[pair[0]], c.zone[pair[1]]
					c.chain(kind.make(a, b), a, b)
					c.back(c.near, bob, "bob", "desktop:pool")
				}
			})
		})
	}
}

var bothWays = [][2]int{{0, 1}, {1, 0}, {0, 2}, {2, 0}, {1, 2}, {2, 1}}

// chain has a fault between two connectors. TCP needs both ways, so a one-way fault
// is silence for both.
func (c *netCast) chain(f fault, a, b *unit) {
	c.t.Helper()
	c.during(f, func() {
		c.tellsOf(lost(b, a), lost(a, b))
		c.serves(c.zone[0], c.zone...)
	})
	c.tellsOf(heard(b, a), heard(a, b))
	if lines := c.since(c.began); slices.ContainsFunc(lines, told{Event: "elected"}.fits) {
		c.t.Errorf("the office moved while a chain held:\n%s", retell(lines))
	}
}
