package peer

import (
	"slices"
	"strings"
	"time"

	"understudy/site"
	"understudy/wire"
)

// The links that a Sight can name; "self" is for who shows a whole zone.
const (
	LinkUp      = "up"
	LinkLost    = "lost"
	LinkStopped = "stopped"
	LinkRefused = "refused"
	LinkNever   = "never"
)

// Sight is what is known of one peer at a moment.
type Sight struct {
	FQDN site.FQDN
	// Heard: its latest word is younger than the deadline, and it is not known to
	// have stopped since.
	Heard bool
	// Answered: it was heard, or nobody runs there, or it refused us, since the
	// start or the latest Restart.
	Answered bool
	Link     string
	Reason   string
	// Since is when the link became what it is, At when the latest word came.
	Since time.Time
	At    time.Time
	// Echoed is when we sent the heartbeat that its latest word echoes; zero: it
	// echoes none of ours, or one that is too old to count for anything.
	Echoed time.Time
	Facts  wire.Facts
}

// book holds what is known of every peer. It is pure: time and the deadline are
// parameters, and who uses it locks.
type book map[site.FQDN]*entry

type entry struct {
	stream uint64 // the newest stream from it; older ones no longer count
	open   bool
	facts  wire.Facts
	at     time.Time

	since    time.Time // of what link says while nothing times out
	answered bool
	stopped  bool
	why      string // why it is stopped, or why it cannot be reached
	refusal  string // what it said when it refused us
}

func (e *entry) heard(now time.Time, deadline time.Duration) bool {
	return !e.at.IsZero() && !e.stopped && now.Sub(e.at) <= deadline
}

// set makes the peers exactly the given ones; who stays keeps what is known.
func (b book) set(now time.Time, names []site.FQDN) {
	for name := range b {
		if !slices.Contains(names, name) {
			delete(b, name)
		}
	}
	for _, name := range names {
		if b[name] == nil {
			b[name] = &entry{since: now}
		}
	}
}

// forget starts anew with everybody: nothing heard, nothing answered.
func (b book) forget(now time.Time) {
	for _, e := range b {
		*e = entry{stream: e.stream + 1, since: now}
	}
}

// opened begins a new stream from a peer and returns its number.
func (b book) opened(name site.FQDN) (stream uint64, known bool) {
	e := b[name]
	if e == nil {
		return 0, false
	}
	e.stream++
	e.open = true
	return e.stream, true
}

// received notes the peer's newest word. Words on a stream that was replaced are
// stale. It reports whether a decision could come out differently now: not where the
// word says the same as the one before on its stream.
func (b book) received(now time.Time, deadline time.Duration, stream uint64, facts wire.Facts, same bool) (changed, current bool) {
	e := b[facts.FQDN]
	if e == nil || e.stream != stream || !e.open {
		return false, false
	}
	changed = !e.heard(now, deadline)
	if changed {
		e.since = now
	}
	changed = changed || !same && differ(e.facts, facts)
	e.facts, e.at = facts, now
	e.answered, e.stopped, e.why = true, false, ""
	return changed, true
}

// ended notes that a stream broke. It reports whether that leaves open what
// became of the peer: then a fresh connection will tell. Who said that it was
// leaving has stopped.
func (b book) ended(now time.Time, name site.FQDN, stream uint64) (changed, unresolved bool) {
	e := b[name]
	if e == nil || e.stream != stream || !e.open {
		return false, false
	}
	e.open = false
	if e.facts.Leaving {
		e.stop(now, "its service stopped in an orderly way")
		return true, false
	}
	return true, true
}

// nobody notes that a connection to the peer was refused: nobody runs there. That
// says nothing while a stream from it is open.
func (b book) nobody(now time.Time, name site.FQDN) (changed bool) {
	e := b[name]
	if e == nil {
		return false
	}
	changed = !e.answered || !e.open && !e.stopped
	e.answered = true
	if !e.open && !e.stopped {
		e.stop(now, "nobody listens there: the connection was refused")
	}
	return changed
}

func (e *entry) stop(now time.Time, why string) {
	e.stopped, e.since, e.why, e.refusal = true, now, why, ""
}

// refused notes that the peer does not take our facts.
func (b book) refused(now time.Time, name site.FQDN, detail string) (changed bool) {
	e := b[name]
	if e == nil {
		return false
	}
	changed = e.refusal != detail
	if changed {
		e.since = now
	}
	e.answered, e.stopped, e.refusal = true, false, detail
	return changed
}

// accepted notes that the peer takes our facts.
func (b book) accepted(now time.Time, name site.FQDN) (changed bool) {
	e := b[name]
	if e == nil || e.refusal == "" {
		return false
	}
	e.refusal, e.since = "", now
	return true
}

// stranger notes why what listens at the peer's address is not the peer, also
// where it took the place of one that had stopped.
func (b book) stranger(name site.FQDN, why string) {
	if e := b[name]; e != nil {
		e.why = why
	}
}

// unreachable notes why a peer could not be connected to.
func (b book) unreachable(name site.FQDN, why string) {
	if e := b[name]; e != nil && !e.stopped {
		e.why = why
	}
}

func (b book) heard(now time.Time, deadline time.Duration, name site.FQDN) bool {
	e := b[name]
	return e != nil && e.heard(now, deadline)
}

// sights shows everybody, in order of name.
func (b book) sights(now time.Time, deadline time.Duration) []Sight {
	out := make([]Sight, 0, len(b))
	for name, e := range b {
		s := Sight{FQDN: name, Heard: e.heard(now, deadline), Answered: e.answered, Since: e.since, At: e.at, Facts: e.facts}
		s.Link, s.Reason = e.link(s.Heard)
		if s.Link == LinkLost {
			s.Since = e.at.Add(deadline)
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b Sight) int { return strings.Compare(string(a.FQDN), string(b.FQDN)) })
	return out
}

func (e *entry) link(heard bool) (link, reason string) {
	switch {
	case e.refusal != "":
		return LinkRefused, e.refusal
	case heard:
		return LinkUp, ""
	case e.stopped:
		return LinkStopped, e.why
	case !e.at.IsZero():
		return LinkLost, orElse(e.why, "silent for longer than the deadline")
	}
	return LinkNever, orElse(e.why, "not heard yet")
}

func orElse(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}
