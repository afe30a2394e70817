package peer

import (
	"time"

	"understudy/wire"
)

// sentLog numbers our heartbeats and knows when the latest were sent, so that an
// echo says how old a peer's word can be.
type sentLog struct {
	seq    uint64
	recent []sent // in order
}

type sent struct {
	seq uint64
	at  time.Time
}

// next numbers a heartbeat that is sent now, and forgets what is older than keep.
func (l *sentLog) next(now time.Time, keep time.Duration) uint64 {
	old := 0
	for old < len(l.recent) && now.Sub(l.recent[old].at) > keep {
		old++
	}
	if n := len(l.recent); n > 0 && l.recent[n-1].at.Equal(now) {
		return l.seq // what several peers are told at one moment has one number
	}
	l.seq++
	l.recent = append(l.recent[old:], sent{l.seq, now})
	return l.seq
}

// at is when a heartbeat was sent; zero, if that is too long ago.
func (l *sentLog) at(seq uint64) time.Time {
	if len(l.recent) == 0 || seq < l.recent[0].seq || seq > l.seq {
		return time.Time{}
	}
	return l.recent[seq-l.recent[0].seq].at
}

// echoed is when we sent what the peer's word echoes. It is called with the lock
// held.
func (m *Mesh) echoed(f wire.Facts) time.Time {
	for _, h := range f.Heard {
		if h.FQDN == m.o.Self && h.Boot == m.facts.Boot {
			return m.sent.at(h.Seq)
		}
	}
	return time.Time{}
}
