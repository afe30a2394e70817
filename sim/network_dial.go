package sim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"time"

	"understudy/env"
)

// dialPatience is that of the real dialler.
const dialPatience = 6 * time.Second

// errDead is what a process meets that has crashed and has not found out.
var errDead = errors.New("the process has crashed")

// listener is a port on which a process listens.
type listener struct {
	life     *life
	address  net.Addr
	incoming chan *end
	closed   chan struct{}
	shut     bool // guarded by the network's lock
}

// listen opens a port; number 0 is any free one.
func (l *life) listen(_ context.Context, _, address string) (net.Listener, error) {
	n := l.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if l.dead {
		return nil, errDead
	}
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	if at.Port() == 0 {
		at = netip.AddrPortFrom(l.host.ip, l.freePort())
	}
	if n.listeners[at.String()] != nil {
		return nil, &net.OpError{Op: "listen", Net: "tcp", Addr: net.TCPAddrFromAddrPort(at), Err: syscall.EADDRINUSE}
	}
	made := &listener{life: l, address: net.TCPAddrFromAddrPort(at), incoming: make(chan *end, 4096), closed: make(chan struct{})}
	n.listeners[at.String()] = made
	return made, nil
}

// freePort is called with the lock held.
func (l *life) freePort() uint16 {
	l.host.ports++
	return 40000 + l.host.ports%20000
}

// Accept waits for a connection; a paused process accepts none.
func (k *listener) Accept() (net.Conn, error) {
	select {
	case e := <-k.incoming:
		if err := k.life.awake(context.Background()); err != nil {
			return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: k.address, Err: net.ErrClosed}
		}
		e.accepted()
		return e, nil
	case <-k.closed:
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: k.address, Err: net.ErrClosed}
	}
}

// Close gives the port back; what waits to be accepted is reset.
func (k *listener) Close() error {
	n := k.life.net
	n.mu.Lock()
	defer n.mu.Unlock()
	if k.shut {
		return &net.OpError{Op: "close", Net: "tcp", Addr: k.address, Err: net.ErrClosed}
	}
	k.close()
	return nil
}

// close is called with the lock held.
func (k *listener) close() {
	if k.shut {
		return
	}
	k.shut = true
	if n := k.life.net; n.listeners[k.address.String()] == k {
		delete(n.listeners, k.address.String())
	}
	close(k.closed)
	for {
		select {
		case e := <-k.incoming:
			e.snap(syscall.ECONNRESET)
			e.send(segment{reset: true})
		default:
			return
		}
	}
}

// Addr is where it listens.
func (k *listener) Addr() net.Addr { return k.address }

// dial opens a connection: over a cut it waits until that heals, or its time is up.
func (l *life) dial(ctx context.Context, _, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialPatience)
	defer cancel()
	conn, err := l.reach(ctx, address)
	if err == nil {
		return conn, nil
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = os.ErrDeadlineExceeded
	}
	at, _ := netip.ParseAddrPort(address)
	return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(at), Err: err}
}

func (l *life) reach(ctx context.Context, address string) (net.Conn, error) {
	tag := hash(hashText(address), uint64(now())) // who began at another moment arrives at another one
	for {
		if err := l.awake(ctx); err != nil {
			return nil, err
		}
		trip, changed, err := l.trip(address, tag)
		switch {
		case err != nil:
			return nil, err
		case trip == 0:
			if err := waitFor(ctx, changed); err != nil {
				return nil, err
			}
			trip = l.again(tag)
		}
		if err := env.Sleep(ctx, trip); err != nil {
			return nil, err
		}
		if conn, arrived, err := l.connect(address); arrived || err != nil {
			return conn, err
		}
	}
}

// trip is how long a connection takes to be made, or 0 and when to look again.
func (l *life) trip(address string, tag uint64) (time.Duration, <-chan struct{}, error) {
	n := l.net
	n.mu.Lock()
	defer n.mu.Unlock()
	to, err := n.hostOf(address)
	if err != nil {
		return 0, nil, err
	}
	there, back := way{l.host.name, to}, way{to, l.host.name}
	if n.isCut(there) || n.isCut(back) {
		return 0, n.changed, nil
	}
	return n.delay(there, tag) + n.delay(back, tag), nil, nil
}

// again is when a dialler tries again after the network has changed.
func (l *life) again(tag uint64) time.Duration {
	return time.Duration(1 + hash(l.net.seed, hashText(l.host.name), tag, uint64(now()))%uint64(time.Second))
}

// connect ends a dial. It reports false where the network is cut now.
func (l *life) connect(address string) (net.Conn, bool, error) {
	n := l.net
	n.mu.Lock()
	defer n.mu.Unlock()
	to, err := n.hostOf(address)
	switch {
	case err != nil:
		return nil, false, err
	case l.dead:
		return nil, false, errDead
	case l.paused || n.isCut(way{l.host.name, to}) || n.isCut(way{to, l.host.name}):
		return nil, false, nil
	}
	k := n.listeners[address]
	if k == nil {
		return nil, false, os.NewSyscallError("connect", syscall.ECONNREFUSED)
	}
	local := net.TCPAddrFromAddrPort(netip.AddrPortFrom(l.host.ip, l.freePort()))
	dialled, accepted := newPair(n, l, k.life, to, local, k.address)
	select {
	case k.incoming <- accepted:
		return dialled, true, nil
	default:
		return nil, false, os.NewSyscallError("connect", syscall.ECONNREFUSED)
	}
}

// hostOf names the host of an address. It is called with the lock held.
func (n *network) hostOf(address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	if _, err := strconv.Atoi(port); err != nil {
		return "", err
	}
	name, ok := n.addresses[host]
	if !ok {
		return "", fmt.Errorf("no host has the address %s: %w", host, syscall.EHOSTUNREACH)
	}
	return name, nil
}

func waitFor(ctx context.Context, c <-chan struct{}) error {
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
