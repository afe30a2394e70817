//go:build linux

package e2e_test

import (
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// filter chooses packets that arrive at a host, and says what becomes of them.
type filter struct {
	// from is who sent them; nil is everybody but the host itself.
	from *host
	// port is that of a TCP service at either end; 0 is every packet.
	port int
	// percent of them are hit, at random; 0 is all.
	percent int
	// reset ends their connection instead of dropping them.
	reset bool
}

// Filter adds filters to the host, until Heal. What it sends is not touched: that
// is a one-way fault.
func (h *host) Filter(filters ...filter) {
	h.net.t.Helper()
	rules := "add table inet cut\nadd chain inet cut in { type filter hook input priority 0; }\n"
	for _, f := range filters {
		rules += f.rules()
	}
	h.nft(rules)
}

func (f filter) rules() string {
	match, verdict := "iif != lo", "drop"
	if f.from != nil {
		match = "ip saddr " + f.from.Address
	}
	if f.reset {
		match, verdict = match+" meta l4proto tcp", "reject with tcp reset"
	}
	verdict = "counter " + verdict
	if f.percent > 0 {
		verdict = fmt.Sprintf("numgen random mod 100 < %d %s", f.percent, verdict)
	}
	if f.port == 0 {
		return "add rule inet cut in " + match + " " + verdict + "\n"
	}
	var rules strings.Builder
	for _, side := range []string{"sport", "dport"} {
		fmt.Fprintf(&rules, "add rule inet cut in %s tcp %s %d %s\n", match, side, f.port, verdict)
	}
	return rules.String()
}

// Hits is how many packets the host's filters have hit.
func (h *host) Hits() int {
	h.net.t.Helper()
	out, err := exec.Command("ip", append(h.exec[1:], "nft", "list", "table", "inet", "cut")...).Output()
	if err != nil {
		h.net.t.Fatalf("list the filters of %s: %v", h.Name, err)
	}
	hits := 0
	for _, found := range counted.FindAllStringSubmatch(string(out), -1) {
		n, err := strconv.Atoi(found[1])
		must(h.net.t, err)
		hits += n
	}
	return hits
}

var counted = regexp.MustCompile(`counter packets (\d+)`)

// Throttle limits what the host sends, as a thin line does; what waits longer than
// that line's buffer is lost.
func (h *host) Throttle(rate string) {
	h.net.t.Helper()
	h.tc("replace", "root", "tbf", "rate", rate, "burst", "8kb", "latency", "300ms")
}

// Widen undoes Throttle.
func (h *host) Widen() { h.net.t.Helper(); h.tc("del", "root") }

func (h *host) tc(verb string, args ...string) {
	h.net.t.Helper()
	line := append([]string{"-n", h.namespace, "qdisc", verb, "dev", "eth0"}, args...)
	if out, err := exec.Command("tc", line...).CombinedOutput(); err != nil {
		h.net.t.Fatalf("tc %s: %v: %s", strings.Join(line, " "), err, out)
	}
}

// TestFilter: a filter hits what it names, and nothing else. It is one-way: the
// answer to what the other one asks comes back or not, what it sent itself does.
func TestFilter(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, "a.example.test", "b.example.test", "c.example.test")
	a, b, c := n.Host("a.example.test"), n.Host("b.example.test"), n.Host("c.example.test")
	greeter := actor(t, "greeter", "greeter", "0.0.0.0:7000")
	greeter.Host = a
	start(t, greeter).Says(soon, "started")
	cases := []struct {
		name string
		f    filter
		b, c bool
	}{
		{name: "from b", f: filter{from: b}, c: true},
		{name: "from b on another port", f: filter{from: b, port: 7001}, b: true, c: true},
		{name: "from b on this port", f: filter{from: b, port: 7000}, c: true},
		{name: "resets of everybody", f: filter{port: 7000, reset: true}},
		{name: "almost all of it", f: filter{from: c, percent: 99}, b: true},
	}
	for _, k := range cases {
		a.Filter(k.f)
		for from, want := range map[*host]bool{b: k.b, c: k.c} {
			if got := call(t, from, a.Name); got != want {
				t.Errorf("%s: %s reaches a: %t, want %t", k.name, from.Name, got, want)
			}
		}
		if bites := !k.b || !k.c; (a.Hits() > 0) != bites {
			t.Errorf("%s: it has hit %d packets", k.name, a.Hits())
		}
		a.Heal()
	}
	a.Throttle("1mbit")
	eventually(t, soon, "b reaches a over a thin line", func() error {
		if !call(t, b, a.Name) {
			return fmt.Errorf("no answer")
		}
		return nil
	})
	a.Widen()
}
