package peer

import (
	"context"
	"encoding/json"
	"time"

	"understudy/env"
	"understudy/wire"
)

// spoken is the line of JSON that all streams carry now.
type spoken struct {
	line []byte
	at   time.Time
}

// beat is called when nobody has said anything for as long as the timer was set.
func (m *Mesh) beat() {
	m.mu.Lock()
	if m.life.Err() != nil {
		m.mu.Unlock()
		return
	}
	m.leads = true
	first := !m.asked
	m.asked = true
	m.mu.Unlock()
	m.remind(first && m.o.OnDue())
}

// remind repeats what is so, unless it was said meanwhile. Who awaits newer facts
// repeats the old ones only where those do not come.
func (m *Mesh) remind(awaits bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	switch {
	case m.life.Err() != nil || !m.due(now):
	case awaits:
		m.repeat.Reset(m.o.Interval / 2)
	default:
		m.speak(now)
	}
}

// follow is called with a peer's heartbeat that comes when it is about time for ours.
func (m *Mesh) follow() {
	if !m.o.OnDue() {
		m.remind(false)
	}
}

// due reports whether it is about time to repeat what is so. Who is told something
// then repeats it too, so that the heartbeats of a zone come to go out together, and
// a process wakes up once for all of them. It is called with the lock held.
func (m *Mesh) due(now time.Time) bool { return now.Sub(m.spoke) >= m.o.Interval*4/5 }

// patience is for how long nothing may be said. Who was the first of the zone to say
// something is it again after an interval, or a little less: no two are it for long.
// Others speak when they hear it. A timer wakes the process up where it was set, also
// if it was set anew since, so theirs is longer: some intervals, and several times in
// a deadline.
func (m *Mesh) patience() time.Duration {
	if m.leads {
		return env.Jitter(m.o.Env.Rand("peer/beat"), m.o.Interval*39/40, 1.0/40)
	}
	return max(m.o.Interval*21/20, min(m.o.Interval*3, m.o.Deadline()/4))
}

// speak has every stream carry the newest facts. It is called with the lock held.
func (m *Mesh) speak(now time.Time) {
	m.spoken, m.spoke, m.asked = spoken{}, now, false
	m.repeat.Reset(m.patience())
	for _, l := range m.links {
		l.watch(now)
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
	line, err := m.text(f)
	if err != nil {
		return nil, err
	}
	m.spoken = spoken{line, now}
	return line, nil
}

// text writes the facts as a line; only the numbers anew where nothing else has
// changed. It is called with the lock held.
func (m *Mesh) text(f wire.Facts) ([]byte, error) {
	if line, ok := m.said.line(f); ok {
		return line, nil
	}
	line, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	line = append(line, '\n')
	m.said = newPattern(line, f)
	return line, nil
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
