//go:build linux

package e2e_test

import (
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// callWait is how long the small caller waits for an answer.
const callWait = time.Second

// TestNetwork: hosts reach each other by name until they are cut off, and again
// after they are healed; who is not named goes on being reached.
func TestNetwork(t *testing.T) {
	n := newNetwork(t, "a.example.test", "b.example.test", "c.example.test")
	a, b, c := n.Host("a.example.test"), n.Host("b.example.test"), n.Host("c.example.test")
	greeter := actor(t, "greeter", "greeter", "0.0.0.0:7000")
	greeter.Host = a
	start(t, greeter).Says(soon, "started")

	steps := []struct {
		name string
		do   func()
		b, c bool
	}{
		{name: "at first", do: func() {}, b: true, c: true},
		{name: "b cut from a", do: func() { b.Cut(a) }, c: true},
		{name: "b healed", do: func() { b.Heal() }, b: true, c: true},
		{name: "a cut from all", do: func() { a.Cut() }},
		{name: "a healed", do: func() { a.Heal() }, b: true, c: true},
		{name: "c unplugged", do: func() { c.Unplug() }, b: true},
		{name: "c plugged in", do: func() { c.Plug() }, b: true, c: true},
	}
	for _, step := range steps {
		step.do()
		for from, want := range map[*host]bool{b: step.b, c: step.c} {
			eventually(t, soon, fmt.Sprintf("%s: %s reaches a: %t", step.name, from.Name, want), func() error {
				if got := call(t, from, a.Name); got != want {
					return fmt.Errorf("reaches: %t", got)
				}
				return nil
			})
		}
	}
}

// TestNetworkLeavesNothing: namespaces go with their test.
func TestNetworkLeavesNothing(t *testing.T) {
	var id string
	t.Run("network", func(t *testing.T) { id = newNetwork(t, "a.example.test").id })
	out, err := exec.Command("ip", "netns", "list").Output()
	if id == "" {
		unfit(t, "the network could not be made")
	}
	if err != nil || strings.Contains(string(out), id) {
		t.Errorf("got namespaces %q (%v), want none of %s", out, err, id)
	}
}

// call reports whether the greeter of a host answers a caller on another.
func call(t testing.TB, from *host, name string) bool {
	t.Helper()
	caller := actor(t, "caller", "caller", net.JoinHostPort(name, "7000"))
	caller.Host = from
	return execute(t, caller).Out == "hello\n"
}
