package sim

import (
	"bytes"
	"time"
)

// name finds out what the connection is used for from now on. It is called with
// the lock held.
func (e *end) name(p []byte) {
	if len(p) < 16 || p[0] < 'A' || p[0] > 'Z' || !bytes.Contains(p[:min(len(p), 512)], []byte(" HTTP/")) || bytes.HasPrefix(p, []byte("HTTP/")) {
		return
	}
	tag := hashText(p)
	e.tag, e.peer.tag = tag, tag
}

// send puts something on its way. It is called with the lock held.
func (e *end) send(s segment) {
	to := e.peer
	if to.closed || to.owner.dead {
		if !s.reset {
			e.bounce()
		}
		return
	}
	t := now()
	switch {
	case e.owner.paused || e.net.isCut(e.outgoing()) || to.latest == never:
		s.at = never
	case s.data == nil: // after all data of its moment, if there is any
		s.at = max(t+int64(e.net.delay(e.outgoing(), e.tag)+nearest), to.latest+1)
	case e.written == t && to.latest > t:
		s.at = to.latest // what is written at one moment arrives at one
	default:
		s.at = max(t+int64(e.trip(len(s.data))), to.latest)
	}
	s.sent = t
	if to.latest = s.at; len(s.data) > controlSize {
		e.written = t
	}
	if last := len(to.queue) - 1; last >= 0 && s.data != nil && to.queue[last].data != nil && to.queue[last].at == s.at {
		to.queue[last].data = append(to.queue[last].data, s.data...)
		return
	}
	to.queue = append(to.queue, s)
	if len(to.queue) == 1 {
		to.arm()
	}
}

// controlSize is that of the small frames of HTTP/2. Whether a client resets a
// stream that its server has ended is an accident, and nothing may follow from it:
// they take the shortest way and hold up nothing.
const controlSize = 17

// trip is how long data takes now. It is called with the lock held.
func (e *end) trip(size int) time.Duration {
	w := e.outgoing()
	v := e.net.ways[w]
	switch {
	case size > controlSize, v != nil && (v.slow > 0 || v.lossy > 0):
		return e.net.delay(w, e.tag)
	case w.from == cloudName || w.to == cloudName:
		return farthest
	}
	return nearest
}

// bounce is the reset that answers what is sent to nobody. It is called with the
// lock held.
func (e *end) bounce() {
	if e.closed || len(e.queue) > 0 && e.queue[len(e.queue)-1].reset {
		return
	}
	s := segment{reset: true, at: never}
	if !e.net.isCut(e.incoming()) && !e.net.isCut(e.outgoing()) && e.latest != never {
		there := e.net.delay(e.outgoing(), e.tag)
		s.at = max(now()+int64(there+e.net.delay(e.incoming(), e.tag)), e.latest+1)
	}
	e.latest = s.at
	e.queue = append(e.queue, s)
	e.arm()
}

// lose takes away what has not arrived. It is called with the lock held.
func (e *end) lose(t int64) {
	for i := range e.queue {
		if e.queue[i].at > t {
			e.queue[i].at, e.latest = never, never
		}
	}
	e.arm()
}

// resend lets what was lost go again. It is called with the lock held.
func (e *end) resend() {
	if e.latest != never || e.closed || e.peer.owner.paused || e.net.isCut(e.incoming()) {
		return
	}
	at := now() + int64(e.net.delay(e.incoming(), hash(e.tag, e.waits()))) + int64(resent)/4
	for i := range e.queue {
		if e.queue[i].at == never {
			e.queue[i].at = at
		}
	}
	e.latest = at
	if e.peer.owner.dead && !e.broke() {
		e.queue = append(e.queue, segment{reset: true, at: at})
	}
	e.arm()
}

// waits is when the first of what is under way was sent: it tells apart connections
// that are used for the same. It is called with the lock held.
func (e *end) waits() uint64 {
	if len(e.queue) == 0 {
		return 0
	}
	return uint64(e.queue[0].sent)
}

// turn is when this end is read whose process woke up at t: what waited for that is not
// read all at once. It is called with the lock held.
func (e *end) turn(t int64) int64 {
	return t + 1 + int64(hash(e.tag, hashText(e.remoteHost), e.waits())%uint64(time.Millisecond))
}

// accepted gives a connection a turn of its own that had to wait for its listener: a
// process that wakes up accepts all at one moment, maybe after their turns.
func (e *end) accepted() {
	e.net.mu.Lock()
	defer e.net.mu.Unlock()
	if t := now(); e.made < t {
		e.notBefore = e.turn(t)
	}
}

func (e *end) broke() bool { return len(e.queue) > 0 && e.queue[len(e.queue)-1].reset }

// snap breaks this end. It is called with the lock held.
func (e *end) snap(err error) {
	if e.broken == nil && !e.closed {
		e.broken, e.queue = err, nil
	}
	e.wake()
}
