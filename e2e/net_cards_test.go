//go:build linux

package e2e_test

import (
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"testing"

	"understudy/events"
	"understudy/wire"
)

// castCards is a zone whose connectors have a second network card, on a switch of its
// own, for their peers alone.
func castCards(t *testing.T) *netCast {
	t.Helper()
	c := newNetCast(t, 3)
	c.net.ip("-n", c.net.id, "link", "add", "br1", "type", "bridge")
	c.net.ip("-n", c.net.id, "link", "set", "br1", "up")
	for i, k := range c.zone {
		k.peerIP = fmt.Sprintf("10.88.0.%d", i+1)
		c.net.addCard(k.host, i+1, k.peerIP)
		k.host.nft(countPeers)
	}
	c.open()
	return c
}

func (n *network) addCard(h *host, number int, address string) {
	n.t.Helper()
	port := fmt.Sprintf("peer%d", number)
	n.ip("-n", n.id, "link", "add", port, "type", "veth", "peer", "name", "eth1", "netns", h.namespace)
	n.ip("-n", n.id, "link", "set", port, "master", "br1", "up")
	n.ip("-n", h.namespace, "address", "add", address+"/24", "dev", "eth1")
	n.ip("-n", h.namespace, "link", "set", "eth1", "up")
}

// countPeers counts the TCP packets that come in: of peers at the first card, of peers at
// the second one, and whatever else is at the second one.
const countPeers = `
add table inet count
add counter inet count astray
add counter inet count peers
add counter inet count others
add chain inet count in { type filter hook input priority -10; }
add rule inet count in iifname "eth0" tcp dport 7489 counter name astray
add rule inet count in iifname "eth0" tcp sport 7489 counter name astray
add rule inet count in iifname "eth1" tcp dport 7489 counter name peers accept
add rule inet count in iifname "eth1" tcp sport 7489 counter name peers accept
add rule inet count in iifname "eth1" meta l4proto tcp counter name others
`

var countedPackets = regexp.MustCompile(`packets (\d+)`)

// counted is how many packets a counter of the host has seen.
func (h *host) counted(name string) int {
	h.net.t.Helper()
	out, err := exec.Command("ip", "netns", "exec", h.namespace, "nft", "list", "counter", "inet", "count", name).CombinedOutput()
	found := countedPackets.FindSubmatch(out)
	if err != nil || found == nil {
		h.net.t.Fatalf("nft list counter %s in %s: %v: %s", name, h.Name, err, out)
	}
	n, err := strconv.Atoi(string(found[1]))
	if err != nil {
		h.net.t.Fatal(err)
	}
	return n
}

// apart fails the test unless peers talked over the second card, and nothing else did.
func (c *netCast) apart() {
	c.t.Helper()
	for _, k := range c.zone {
		peers, astray, others := k.host.counted("peers"), k.host.counted("astray"), k.host.counted("others")
		c.t.Logf("%s: %d packets of peers on the second card, %d on the first; %d others on the second", k.name, peers, astray, others)
		if peers < 100 || astray != 0 || others != 0 {
			c.t.Errorf("REP-04: want peers on the second card alone, and nobody else there")
		}
	}
}

// REP-04: "Internal (connector-to-connector) traffic can have its own network card, apart
// from clients." Everything between peers crosses the second card, through a launch that is
// mirrored and a hand-over; cutting the client network disturbs no election.
func TestNetTwoCards(t *testing.T) {
	t.Parallel()
	c := castCards(t)
	first, second := c.zone[0], c.zone[1]
	c.outage(func() {
		alice := c.served(c.near, "alice", "desktop:office")
		c.election(first, "drain")
		c.serves(second, c.zone...)
		c.back(c.near, alice, "alice", "desktop:office")
		c.election(first, "undrain")
		before := c.steadies()

		cut := fault{"the client network is cut", func() { c.plugged(false) }, func() { c.plugged(true) }}
		c.during(cut, func() {
			c.unserved()
			throughout(t, 3*steady, "the same one is elected, and all hear each other", func() error { return c.calm(before) })
		})
		if err := follow(c.since(c.began), told{Event: string(events.PeerLost)}); err == nil {
			t.Errorf("a peer was lost while only the client network was cut")
		}
		c.steadies()
		c.back(c.near, alice, "alice", "desktop:office")
	})
	c.apart()
}

// plugged puts the cables of the connectors' client cards in or out.
func (c *netCast) plugged(in bool) {
	c.t.Helper()
	for _, k := range c.zone {
		if in {
			k.host.Plug()
		} else {
			k.host.Unplug()
		}
	}
}

// unserved waits until no StoreFront reaches any connector.
func (c *netCast) unserved() {
	c.t.Helper()
	eventually(c.t, step, "nobody reaches the connectors", func() error {
		c.near.Beat(c.t.Context())
		for _, k := range c.near.Heartbeats() {
			if k.Good {
				return errors.New(k.URL + " is reached")
			}
		}
		return nil
	})
}

// calm says what has changed about the election.
func (c *netCast) calm(before wire.Status) error {
	for _, k := range c.zone {
		s, err := k.admin().Status()
		if err != nil {
			return err
		}
		if s.Election.Elected != before.Election.Elected || s.Term != before.Term || s.Outage != before.Outage {
			return fmt.Errorf("%s: elected %q, term %d, want %q, %d", k.name, s.Election.Elected, s.Term, before.Election.Elected, before.Term)
		}
	}
	return nil
}
