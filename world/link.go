package world

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"

	"understudy/env"
)

// link is everything that one process of the world has on the network. Cutting
// it is what kill -9 looks like from outside: every connection is reset and every
// new one refused.
type link struct {
	mu        sync.Mutex // guards what follows
	cut       bool
	blocked   map[string]bool // addresses that cannot be reached
	conns     map[net.Conn]bool
	listeners map[net.Listener]bool
}

func newLink() *link {
	return &link{blocked: map[string]bool{}, conns: map[net.Conn]bool{}, listeners: map[net.Listener]bool{}}
}

// over returns the Env of a process behind the link.
func (l *link) over(e env.Env) env.Env {
	dial, listen, gate := e.Dial, e.Listen, e.Gate
	e.Gate = func(ctx context.Context) error {
		if l.severed() {
			return errSevered
		}
		return gate(ctx)
	}
	e.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		if l.isBlocked(address) {
			return nil, fmt.Errorf("dial %s: %w", address, os.ErrDeadlineExceeded)
		}
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return l.keep(conn, address)
	}
	e.Listen = func(ctx context.Context, network, address string) (net.Listener, error) {
		inner, err := listen(ctx, network, address)
		if err != nil {
			return nil, err
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		outer := &listener{Listener: inner, link: l}
		l.listeners[outer] = true
		return outer, nil
	}
	return e
}

// errSevered holds back the loops of a process that was killed, so that it writes
// nothing any more.
var errSevered = errors.New("the process was killed")

func (l *link) severed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cut
}

// keep makes a connection one that the link can reset.
func (l *link) keep(conn net.Conn, dialled string) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		reset(conn)
		return nil, fmt.Errorf("dial: %w", syscall.ECONNREFUSED)
	}
	kept := &connection{Conn: conn, link: l, dialled: dialled}
	l.conns[kept] = true
	return kept, nil
}

// block makes addresses unreachable, as a broken network would: what is open
// breaks, and new connections time out.
func (l *link) block(addresses ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range addresses {
		l.blocked[a] = true
	}
	for conn := range l.conns {
		if c, ok := conn.(*connection); ok && l.blocked[c.dialled] {
			reset(c.Conn)
			delete(l.conns, conn)
		}
	}
}

func (l *link) unblock() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.blocked)
}

func (l *link) isBlocked(address string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.blocked[address]
}

// sever cuts the link for good.
func (l *link) sever() {
	l.mu.Lock()
	l.cut = true
	conns, listeners := l.conns, l.listeners
	l.conns, l.listeners = map[net.Conn]bool{}, map[net.Listener]bool{}
	l.mu.Unlock()
	for listener := range listeners {
		_ = listener.Close()
	}
	for conn := range conns {
		reset(conn.(*connection).Conn)
	}
}

func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

type connection struct {
	net.Conn
	link    *link
	dialled string // the address, where we dialled
}

// Close forgets the connection.
func (c *connection) Close() error {
	c.link.mu.Lock()
	delete(c.link.conns, c)
	c.link.mu.Unlock()
	return c.Conn.Close()
}

type listener struct {
	net.Listener
	link *link
}

// Accept waits for a connection that the link can reset.
func (l *listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.link.keep(conn, "")
}
