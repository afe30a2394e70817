//go:build linux

package e2e_test

import (
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"testing"
)

// picked counts the loopback addresses handed out in this run.
var picked atomic.Uint32

// loopback returns a loopback address that nobody listens on and that no other
// test gets, so that each process may use its documented ports. 127.0.0.x is left
// to examples/zone.
func loopback(t testing.TB, ports ...int) string {
	t.Helper()
	for range 100 {
		n := picked.Add(1)
		ip := fmt.Sprintf("127.%d.%d.%d", 1+os.Getpid()%250, n/250, 1+n%250)
		if free(ip, ports) {
			return ip
		}
	}
	t.Fatalf("no loopback address with free ports %v", ports)
	return ""
}

// free reports whether all the ports of the address can be listened on.
func free(ip string, ports []int) bool {
	for _, port := range append([]int{0}, ports...) {
		listener, err := net.Listen("tcp", net.JoinHostPort(ip, fmt.Sprint(port)))
		if err != nil {
			return false
		}
		listener.Close()
	}
	return true
}

// freePort returns a port of the address that nobody listens on now.
func freePort(t testing.TB, ip string) int {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func TestLoopback(t *testing.T) {
	first, second := loopback(t, 7480), loopback(t, 7480)
	if first == second {
		t.Errorf("got %s twice", first)
	}
	if !net.ParseIP(first).IsLoopback() {
		t.Errorf("got %s, want a loopback address", first)
	}
}

func TestFreeSeesAListener(t *testing.T) {
	ip := loopback(t)
	port := freePort(t, ip)
	if !free(ip, []int{port}) {
		t.Errorf("%s:%d is not free, want free", ip, port)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(ip, fmt.Sprint(port)))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if free(ip, []int{port}) {
		t.Errorf("%s:%d is free, want taken", ip, port)
	}
}
