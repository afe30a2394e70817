//go:build linux

package e2e_test

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// network is a switch with hosts on it, each in a network namespace of its own.
// Nothing of it touches this machine's own network.
type network struct {
	t     testing.TB
	id    string // makes the names of the namespaces unique
	hosts []*host
}

// host is a machine of the network.
type host struct {
	net *network
	// Name is its DNS name, which every host of the network resolves.
	Name string
	// Address is its IP address.
	Address   string
	namespace string
	// exec is what a command line begins with to run there.
	exec []string
}

// newNetwork makes a network with one host for each DNS name. It needs root.
func newNetwork(t testing.TB, names ...string) *network {
	t.Helper()
	needRoot(t)
	needTool(t, "ip", "iproute2")
	needTool(t, "nft", "nftables")
	n := &network{t: t, id: "us" + randomHex(t)}
	n.addSwitch()
	for _, name := range names {
		n.addHost(name)
	}
	n.writeHosts()
	return n
}

func (n *network) addSwitch() {
	n.t.Helper()
	n.addNamespace(n.id)
	n.ip("-n", n.id, "link", "add", "br0", "type", "bridge")
	n.ip("-n", n.id, "link", "set", "br0", "up")
}

func (n *network) addHost(name string) {
	n.t.Helper()
	number := len(n.hosts) + 1
	h := &host{net: n, Name: name, Address: fmt.Sprintf("10.77.0.%d", number), namespace: fmt.Sprintf("%s-%d", n.id, number)}
	h.exec = []string{"ip", "netns", "exec", h.namespace}
	port := fmt.Sprintf("port%d", number)
	n.addNamespace(h.namespace)
	n.ip("-n", n.id, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", h.namespace)
	n.ip("-n", n.id, "link", "set", port, "master", "br0", "up")
	n.ip("-n", h.namespace, "link", "set", "lo", "up")
	n.ip("-n", h.namespace, "address", "add", h.Address+"/24", "dev", "eth0")
	n.ip("-n", h.namespace, "link", "set", "eth0", "up")
	n.hosts = append(n.hosts, h)
}

// addNamespace makes a namespace that goes when the test ends, with its links.
func (n *network) addNamespace(name string) {
	n.t.Helper()
	n.ip("netns", "add", name)
	n.t.Cleanup(func() {
		if out, err := exec.Command("ip", "netns", "delete", name).CombinedOutput(); err != nil {
			n.t.Errorf("delete the namespace %s: %v: %s", name, err, out)
		}
	})
}

// writeHosts makes each host resolve all: ip netns exec puts what is in
// /etc/netns/NAME over /etc.
func (n *network) writeHosts() {
	n.t.Helper()
	table := "127.0.0.1 localhost\n"
	for _, h := range n.hosts {
		table += h.Address + " " + h.Name + "\n"
	}
	for _, h := range n.hosts {
		dir := filepath.Join("/etc/netns", h.namespace)
		n.t.Cleanup(func() { _ = os.RemoveAll(dir) })
		if err := os.MkdirAll(dir, 0o755); err != nil {
			n.t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "hosts"), []byte(table), 0o644); err != nil {
			n.t.Fatal(err)
		}
	}
}

// Host returns the host of that name.
func (n *network) Host(name string) *host {
	n.t.Helper()
	for _, h := range n.hosts {
		if h.Name == name {
			return h
		}
	}
	n.t.Fatalf("the network has no host %s", name)
	return nil
}

// Cut drops every packet between this host and the others, or all hosts if none is
// named, without a word: links stay up and nothing is refused.
func (h *host) Cut(others ...*host) {
	h.net.t.Helper()
	rules := "add table inet cut\n" +
		"add chain inet cut in { type filter hook input priority 0; }\n" +
		"add chain inet cut out { type filter hook output priority 0; }\n"
	if len(others) == 0 {
		rules += "add rule inet cut in iif != lo drop\nadd rule inet cut out oif != lo drop\n"
	}
	for _, o := range others {
		rules += "add rule inet cut in ip saddr " + o.Address + " drop\nadd rule inet cut out ip daddr " + o.Address + " drop\n"
	}
	h.nft(rules)
}

// Heal undoes every Cut of this host.
func (h *host) Heal() {
	h.net.t.Helper()
	h.nft("flush ruleset\n")
}

// Unplug takes the host's link down on the switch, as pulling its cable does.
func (h *host) Unplug() { h.net.t.Helper(); h.link("down") }

// Plug puts the cable back.
func (h *host) Plug() { h.net.t.Helper(); h.link("up") }

func (h *host) link(state string) {
	h.net.t.Helper()
	_, number, _ := strings.Cut(h.namespace, "-")
	h.net.ip("-n", h.net.id, "link", "set", "port"+number, state)
}

func (h *host) nft(rules string) {
	h.net.t.Helper()
	cmd := exec.Command("ip", "netns", "exec", h.namespace, "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(rules)
	if out, err := cmd.CombinedOutput(); err != nil {
		h.net.t.Fatalf("nft in %s: %v: %s\n%s", h.Name, err, out, rules)
	}
}

func (n *network) ip(args ...string) {
	n.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		n.t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

func randomHex(t testing.TB) string {
	t.Helper()
	b := make([]byte, 3)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(b)
}
