package peer

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"

	"understudy/env"
	"understudy/site"
	"understudy/wire"
)

const (
	maxLine = 64 << 10
	// A fresh connection that lives for so long was accepted by somebody.
	probeLife  = 50 * time.Millisecond
	probeTries = 3
)

// inbound is one stream of facts from a peer.
type inbound struct {
	mesh   *Mesh
	name   site.FQDN
	stream uint64
	epoch  uint64
	lines  *bufio.Reader
	latest *pattern // of the line that was read last
	// drop makes its reader end; it does not block.
	drop func()
}

// takeFacts reads a peer's facts for as long as they come.
func (m *Mesh) takeFacts(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	in := &inbound{mesh: m, epoch: m.now(), lines: bufio.NewReaderSize(r.Body, maxLine)}
	in.drop = func() { _ = control.SetReadDeadline(time.Unix(1, 0)) }
	if err := m.welcomes(r); err != nil {
		wire.WriteError(w, err)
		return
	}
	stay(w, r)
	_ = control.SetReadDeadline(time.Time{})
	err := in.follow(r)
	in.finish()
	if err != nil {
		wire.WriteError(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (m *Mesh) now() (epoch uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.epoch
}

// follow takes line after line. Only a problem with what the peer says is an
// error; the end of the stream is none.
func (in *inbound) follow(r *http.Request) error {
	for {
		facts, same, err := in.line()
		if err != nil {
			return onlyProblem(err)
		}
		if err := in.mesh.o.Env.Gate(r.Context()); err != nil {
			return nil
		}
		if err := in.check(r, facts); err != nil {
			return err
		}
		if !in.take(facts, same) {
			return nil
		}
	}
}

func onlyProblem(err error) error {
	if p, ok := errors.AsType[*wire.Problem](err); ok {
		return p
	}
	return nil
}

// line returns the newest line that has arrived, and whether it says the same as
// the one before but for the numbers of heartbeats.
func (in *inbound) line() (f wire.Facts, same bool, err error) {
	for {
		text, err := in.lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return f, false, wire.Problemf(http.StatusRequestEntityTooLarge, wire.CodeTooLarge, "a line is longer than %d bytes", maxLine)
		}
		if err != nil {
			return f, false, err
		}
		if in.another() {
			continue
		}
		if f, same = in.latest.read(text); same {
			return f, true, nil
		}
		f, err = in.anew(text)
		return f, false, err
	}
}

// anew reads a line of which nothing is known, and makes it the pattern of the next.
func (in *inbound) anew(text []byte) (wire.Facts, error) {
	f, err := wire.ReadFacts(text, in.mesh.o.Protocol)
	if err != nil {
		return f, wire.Problemf(http.StatusBadRequest, wire.CodeBadRequest, "a line is not a connector's facts: %v", err)
	}
	in.latest = newPattern(text, f)
	return f, nil
}

// another reports whether a whole newer line has arrived already.
func (in *inbound) another() bool {
	waiting, _ := in.lines.Peek(in.lines.Buffered())
	return bytes.IndexByte(waiting, '\n') >= 0
}

func (in *inbound) check(r *http.Request, f wire.Facts) error {
	m := in.mesh
	if err := f.Validate(); err != nil {
		return wire.NewProblem(http.StatusBadRequest, wire.CodeBadRequest, err.Error())
	}
	if err := m.belongs(f.Site, f.Zone); err != nil {
		return err
	}
	if in.name != "" && f.FQDN != in.name {
		return wire.NewProblem(http.StatusBadRequest, wire.CodeBadRequest, "the name changed within the stream")
	}
	if in.name != "" {
		return nil
	}
	return m.admits(r, f.FQDN)
}

// take notes the facts, first opening the stream in place of an older one. It
// reports whether the stream still counts.
func (in *inbound) take(f wire.Facts, same bool) bool {
	m := in.mesh
	deadline := m.o.Deadline()
	m.mu.Lock()
	now, changed, current := time.Now(), false, false
	if in.name != "" || in.open(f.FQDN) {
		changed, current = m.book.received(now, deadline, in.stream, f, same)
	}
	due := m.due(now)
	m.leads = m.leads && !due
	m.mu.Unlock()
	if changed {
		m.o.OnChange()
	}
	if due {
		m.follow()
	}
	return current
}

// open is called with the lock held.
func (in *inbound) open(name site.FQDN) bool {
	m := in.mesh
	if in.epoch != m.epoch || m.life.Err() != nil {
		return false
	}
	stream, known := m.book.opened(name)
	if !known {
		return false
	}
	if older := m.inbound[name]; older != nil {
		older.drop()
	}
	in.name, in.stream = name, stream
	m.inbound[name] = in
	if l := m.links[name]; l != nil {
		notify(l.again)
	}
	return true
}

// finish notes the end of the stream and finds out whether the peer has stopped.
func (in *inbound) finish() {
	if in.name == "" {
		return
	}
	m := in.mesh
	m.mu.Lock()
	if m.inbound[in.name] == in {
		delete(m.inbound, in.name)
	}
	changed, unresolved := m.book.ended(time.Now(), in.name, in.stream)
	l := m.links[in.name]
	m.mu.Unlock()
	if changed {
		m.o.OnChange()
	}
	if unresolved && l != nil && l.nobodyThere(m.life) {
		m.note(in.epoch, func(now time.Time, b book) bool { return b.nobody(now, in.name) })
	}
}

// nobodyThere opens a fresh connection to the peer and reports whether that is
// refused. One that ends at once is tried again: a dying process may still have
// had its listener open.
func (l *link) nobodyThere(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, l.patience())
	defer cancel()
	address := hostPort(l.url)
	for range probeTries {
		conn, err := l.mesh.o.Env.Dial(ctx, "tcp", address)
		if err != nil {
			return env.NobodyListens(err)
		}
		alive := stays(conn)
		_ = conn.Close()
		if alive {
			return false
		}
	}
	return false
}

func stays(conn net.Conn) bool {
	_ = conn.SetReadDeadline(time.Now().Add(probeLife))
	_, err := conn.Read(make([]byte, 1))
	timeout, ok := errors.AsType[net.Error](err)
	return err == nil || ok && timeout.Timeout()
}

func hostPort(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return base
	}
	if u.Port() != "" {
		return u.Host
	}
	if u.Scheme == "https" {
		return net.JoinHostPort(u.Hostname(), "443")
	}
	return net.JoinHostPort(u.Hostname(), "80")
}
