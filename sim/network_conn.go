package sim

import (
	"bytes"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// end is one of the two ends of a connection. A write never blocks, however much
// nobody reads: net/http holds mutexes while it writes, and a goroutine that waits
// for a mutex would stop the clock of the bubble.
type end struct {
	net           *network
	owner         *life
	peer          *end
	local, remote net.Addr
	remoteHost    string
	// tag names what the connection is used for: the head of the latest request on
	// it, so that it does not matter which of two idle connections was taken.
	tag uint64

	queue   []segment // what is under way to this end, and has arrived
	latest  int64     // when the latest of it arrives
	written int64     // when something was last written here
	eof     bool
	broken  error
	closed  bool
	ended   bool // CloseWrite, or Close

	made            int64
	readBy, writeBy int64 // deadlines; 0 is none
	notBefore       int64 // reads wait until then
	waiting         bool
	timer           *time.Timer
	nudge           chan struct{}
}

// segment is something under way. Without data it is the end of the stream, or a
// reset.
type segment struct {
	at    int64
	sent  int64
	data  []byte
	reset bool
}

func newPair(n *network, from, to *life, remoteHost string, local, remote net.Addr) (dialled, accepted *end) {
	dialled = newEnd(n, from, remoteHost, local, remote)
	accepted = newEnd(n, to, from.host.name, remote, local)
	dialled.peer, accepted.peer = accepted, dialled
	if len(n.ends) > 256 && len(n.ends)&127 == 0 {
		n.forget()
	}
	n.ends = append(n.ends, dialled, accepted)
	return dialled, accepted
}

func newEnd(n *network, owner *life, remoteHost string, local, remote net.Addr) *end {
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	return &end{net: n, owner: owner, remoteHost: remoteHost, local: local, remote: remote, made: now(), timer: timer, nudge: make(chan struct{}, 1)}
}

func (e *end) incoming() way { return way{e.remoteHost, e.owner.host.name} }
func (e *end) outgoing() way { return way{e.owner.host.name, e.remoteHost} }

// LocalAddr is this end's address.
func (e *end) LocalAddr() net.Addr { return e.local }

// RemoteAddr is the other end's address.
func (e *end) RemoteAddr() net.Addr { return e.remote }

func (e *end) fault(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Addr: e.remote, Err: err} // the local port may differ
}

// Read waits for data, the end of the stream, a reset or the deadline.
func (e *end) Read(p []byte) (int, error) {
	for {
		e.net.mu.Lock()
		count, done, err := e.take(p)
		if done || len(p) == 0 {
			e.net.mu.Unlock()
			return count, err
		}
		e.waiting = true
		e.arm()
		e.net.mu.Unlock()
		select {
		case <-e.timer.C:
		case <-e.nudge:
		}
	}
}

// take reads what has arrived. It is called with the lock held.
func (e *end) take(p []byte) (int, bool, error) {
	e.waiting = false
	t := now()
	switch {
	case e.closed:
		return 0, true, e.fault("read", net.ErrClosed)
	case e.broken != nil:
		return 0, true, e.fault("read", e.broken)
	case e.readBy != 0 && e.readBy <= t:
		return 0, true, e.fault("read", os.ErrDeadlineExceeded)
	case e.owner.paused || e.notBefore > t:
		return 0, false, nil
	case e.eof:
		return 0, true, io.EOF
	case len(e.queue) == 0 || e.queue[0].at > t:
		return 0, false, nil
	}
	s := &e.queue[0]
	if s.reset {
		e.snap(syscall.ECONNRESET)
		return 0, true, e.fault("read", e.broken)
	}
	if s.data == nil {
		e.eof, e.queue = true, nil
		return 0, true, io.EOF
	}
	return e.fill(p, t), true, nil
}

// fill reads all that has arrived, as far as there is room. The end of a connection
// that came meanwhile is seen a moment later: who reads a request and its end at one
// moment would do as the scheduler likes.
func (e *end) fill(p []byte, t int64) int {
	count := 0
	for count < len(p) && len(e.queue) > 0 && e.queue[0].data != nil && e.queue[0].at <= t {
		s := &e.queue[0]
		n := copy(p[count:], s.data)
		count += n
		if s.data = s.data[n:]; len(s.data) == 0 {
			e.queue = e.queue[1:]
		}
	}
	if len(e.queue) > 0 && e.queue[0].data == nil && e.queue[0].at <= t {
		e.queue[0].at = t + int64(nearest)
		e.latest = max(e.latest, e.queue[0].at)
	}
	return count
}

// arm sets the timer for what a waiting reader waits for. It is called with the
// lock held.
func (e *end) arm() {
	if !e.waiting {
		return
	}
	next := int64(never)
	if len(e.queue) > 0 && !e.owner.paused {
		next = max(e.queue[0].at, e.notBefore)
	}
	if e.readBy != 0 {
		next = min(next, e.readBy)
	}
	if next == never {
		e.timer.Stop()
		return
	}
	e.timer.Reset(time.Duration(max(0, next-now())))
}

func (e *end) wake() {
	select {
	case e.nudge <- struct{}{}:
	default:
	}
}

// Write hands data to the network.
func (e *end) Write(p []byte) (int, error) {
	e.net.mu.Lock()
	defer e.net.mu.Unlock()
	switch {
	case e.closed:
		return 0, e.fault("write", net.ErrClosed)
	case e.broken != nil:
		return 0, e.fault("write", e.broken)
	case e.writeBy != 0 && e.writeBy <= now():
		return 0, e.fault("write", os.ErrDeadlineExceeded)
	case e.ended:
		return 0, e.fault("write", syscall.EPIPE)
	case len(p) == 0:
		return 0, nil
	}
	e.name(p)
	if e.net.breaks(e.outgoing(), e.tag) {
		e.snap(syscall.ECONNRESET)
		e.send(segment{reset: true})
		return 0, e.fault("write", e.broken)
	}
	e.send(segment{data: bytes.Clone(p)})
	return len(p), nil
}

// CloseWrite ends what is written here.
func (e *end) CloseWrite() error {
	e.net.mu.Lock()
	defer e.net.mu.Unlock()
	e.finish()
	return nil
}

// finish sends the end of the stream. It is called with the lock held.
func (e *end) finish() {
	if !e.ended && e.broken == nil && !e.closed {
		e.ended = true
		if !e.peer.closed && !e.peer.owner.dead {
			e.send(segment{})
		}
	}
}

// Close ends both directions.
func (e *end) Close() error {
	e.net.mu.Lock()
	defer e.net.mu.Unlock()
	if e.closed {
		return e.fault("close", net.ErrClosed)
	}
	e.finish()
	e.closed, e.queue = true, nil
	e.timer.Stop()
	e.wake()
	return nil
}

// SetDeadline sets both deadlines.
func (e *end) SetDeadline(t time.Time) error {
	_ = e.SetReadDeadline(t)
	return e.SetWriteDeadline(t)
}

// SetReadDeadline bounds reads, also one that waits now.
func (e *end) SetReadDeadline(t time.Time) error {
	e.net.mu.Lock()
	defer e.net.mu.Unlock()
	if e.closed {
		return e.fault("set", net.ErrClosed)
	}
	e.readBy = deadline(t)
	if e.waiting {
		e.wake()
	}
	return nil
}

// SetWriteDeadline bounds writes.
func (e *end) SetWriteDeadline(t time.Time) error {
	e.net.mu.Lock()
	defer e.net.mu.Unlock()
	if e.closed {
		return e.fault("set", net.ErrClosed)
	}
	e.writeBy = deadline(t)
	return nil
}

func deadline(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return max(1, t.UnixNano())
}
