package peer

import (
	"context"
	"encoding/json"
	"time"

	"understudy/env"
)

// spoken is the line of JSON that all streams carry now.
type spoken struct {
	line []byte
	at   time.Time
}

// beat has every stream repeat what is so. It keeps a beat of its own, off that of
// whoever publishes.
func (m *Mesh) beat(ctx context.Context) {
	random := m.o.Env.Rand("peer/beat")
	for {
		timer := time.NewTimer(env.Jitter(random, m.o.Interval*19/20, 1.0/20))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		m.mu.Lock()
		m.speak()
		m.mu.Unlock()
	}
}

// speak has every stream carry the newest facts. It is called with the lock held.
func (m *Mesh) speak() {
	m.spoken = spoken{}
	for _, l := range m.links {
		notify(l.fresh)
	}
}

// line is what to send now, if there is anything: the same for all peers, so that
// it is made once. A new stream begins with a word of its own: who has just begun to
// listen counts nothing from before.
func (m *Mesh) line(now time.Time, begin bool) ([]byte, error) {
	deadline := m.o.Deadline()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.published.IsZero() || now.Sub(m.published) > deadline {
		return nil, nil
	}
	if !begin && m.spoken.line != nil && now.Sub(m.spoken.at) < m.o.Interval/2 {
		return m.spoken.line, nil
	}
	f := m.facts
	f.Seq = m.sent.next(now, deadline)
	line, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	m.spoken = spoken{append(line, '\n'), now}
	return m.spoken.line, nil
}

// feed is the body of a facts request: each read takes the newest facts at that
// moment, one line of JSON. Nothing is ever queued, so a peer that reads slowly
// skips values.
type feed struct {
	ctx   context.Context
	link  *link
	begun bool
	rest  []byte
}

// Read waits until there is something to say.
func (f *feed) Read(p []byte) (int, error) {
	for len(f.rest) == 0 {
		begin := !f.begun
		if err := f.wait(); err != nil {
			return 0, err
		}
		line, err := f.link.mesh.line(time.Now(), begin)
		if err != nil {
			return 0, err
		}
		f.rest = line
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

// wait is over at once the first time.
func (f *feed) wait() error {
	if !f.begun {
		f.begun = true
		notify(f.link.fresh)
	}
	select {
	case <-f.ctx.Done():
		return f.ctx.Err() // the connection is closed, without an end of the body
	case <-f.link.fresh:
	}
	return f.link.mesh.o.Env.Gate(f.ctx)
}

// Close is called by the transport when the request is over.
func (f *feed) Close() error { return nil }
