package world

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"understudy/env"
)

// pair is a connection through two links: what the one end dialled and what the
// other accepted.
type pair struct {
	dialler, listener *link
	from              env.Env // of the dialling process
	address           string
	dialled, accepted net.Conn
}

func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{dialler: newLink(), listener: newLink()}
	p.from = p.dialler.over(env.Real())
	l, err := p.listener.over(env.Real()).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	p.address = l.Addr().String()
	accepted := make(chan net.Conn, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			t.Error(err)
		}
		accepted <- conn
	}()
	if p.dialled, err = p.from.Dial(t.Context(), "tcp", p.address); err != nil {
		t.Fatal(err)
	}
	p.accepted = <-accepted
	for _, conn := range []net.Conn{p.dialled, p.accepted} {
		if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// kill -9 of either side, as the other one sees it: a reset, and no answer to a
// new dial.
func TestSeveredConnectionsAreReset(t *testing.T) {
	for name, cut := range map[string]func(*pair) (*link, net.Conn){
		"the dialling process dies":  func(p *pair) (*link, net.Conn) { return p.dialler, p.accepted },
		"the listening process dies": func(p *pair) (*link, net.Conn) { return p.listener, p.dialled },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPair(t)
			dying, survivor := cut(p)
			dying.sever()
			if _, err := survivor.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("the survivor reads %v, want a reset", err)
			}
			if conn, err := p.from.Dial(t.Context(), "tcp", p.address); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("a new dial got %v, %v, want it refused", conn, err)
			}
		})
	}
}

// What was killed does nothing any more.
func TestSeveredGateHoldsBack(t *testing.T) {
	l := newLink()
	gate := l.over(env.Real()).Gate
	if err := gate(t.Context()); err != nil {
		t.Fatalf("before: %v", err)
	}
	l.sever()
	if err := gate(t.Context()); !errors.Is(err, errSevered) {
		t.Errorf("after: got %v, want %v", err, errSevered)
	}
}

// A broken network is not a dead process: nobody refuses, nothing comes.
func TestBlockedAddressesTimeOut(t *testing.T) {
	p := newPair(t)
	p.dialler.block(p.address)
	if _, err := p.accepted.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the open connection reads %v, want a reset", err)
	}
	if _, err := p.from.Dial(t.Context(), "tcp", p.address); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a new dial got %v, want a time-out", err)
	}
	p.dialler.unblock()
	conn, err := p.from.Dial(t.Context(), "tcp", p.address)
	if err != nil {
		t.Fatalf("after the network was mended: %v", err)
	}
	_ = conn.Close()
}

// A connection that its owner closed is forgotten, so that a long run does not
// gather them.
func TestClosedConnectionsAreForgotten(t *testing.T) {
	p := newPair(t)
	_ = p.dialled.Close()
	if n := len(p.dialler.conns); n != 0 {
		t.Errorf("%d connections are kept, want none", n)
	}
	if _, err := p.accepted.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("the other end reads %v, want an orderly end", err)
	}
}

func TestDialThatFailsIsPassedOn(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newLink().over(env.Real()).Dial(ctx, "tcp", "127.0.0.1:1"); err == nil {
		t.Error("a dial without a listener succeeded")
	}
}
