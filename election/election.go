// Package election decides which connector of a zone is elected (LHC-20 to
// LHC-25, RAS-01 to RAS-04): pure functions over what each connector says of
// itself and of whom it hears. It opens no connection and reads no clock; every
// connector evaluates it constantly, and agent acts on the result.
package election

import (
	"maps"
	"slices"
	"time"

	"understudy/site"
	"understudy/zone"
)

// Word is what one running connector says of itself.
type Word struct {
	// Starting: it has not yet heard its peers, serves nobody and is no candidate.
	Starting bool
	// Leaving: its service is stopping in an orderly way.
	Leaving bool
	// Draining: an operator wants others to serve; it does if nobody else can.
	Draining bool
	CanServe bool
	// WhyNot says why it cannot serve.
	WhyNot string
	// Vote is whom it names, under majority.
	Vote site.FQDN
	// Hears is whom it hears, with what each last said.
	Hears map[site.FQDN]Word
}

func (w Word) candidate() bool { return w.CanServe && !w.Starting && !w.Leaving }

// View is everything that one connector knows when it decides.
type View struct {
	Self site.FQDN
	// Zone is the list of the zone's connectors, Standbys those of it that serve only
	// when no active one can.
	Zone     []site.FQDN
	Standbys []site.FQDN
	Policy   site.Policy
	// Preempt: a connector that ranks before the incumbent takes over from it.
	Preempt bool
	// Waiting have lost the office and have not been present for long enough since.
	Waiting map[site.FQDN]time.Duration
	// Own is what this connector says of itself, with whom it hears.
	Own Word
	// Record is the highest zone record, Held when this connector took it.
	Record zone.Record
	Held   time.Time
	// Deadline bounds how long a hand-over may take.
	Deadline time.Duration

	// Ballot is the own vote, Leases are the words of the others that name this
	// connector: until when each counts. Both only under majority.
	Ballot Ballot
	Leases map[site.FQDN]time.Time
	// Promoted: an operator lets this connector serve without a majority.
	Promoted bool
}

// Ballot is whom a connector named, and until when that binds it: before, it names
// nobody else.
type Ballot struct {
	Name  site.FQDN
	Bound time.Time
}

// Result is one decision.
type Result struct {
	// Elected may serve in HA mode; empty: nobody may.
	Elected site.FQDN
	// Successor is to be given the office by the elected one, which goes on until
	// it has said its last word.
	Successor site.FQDN
	// Until is when this result lapses for this connector if it is not renewed.
	Until  time.Time
	Reason string

	// Vote is whom this connector names now; Votes counts who names the elected one,
	// Needed is a majority. All only under majority.
	Vote   site.FQDN
	Votes  int
	Needed int
	// Quorum: a majority names this connector, whatever an operator has ordered.
	Quorum bool
}

// Elect decides who is elected by the zone's policy.
func Elect(now time.Time, v View) Result {
	if v.Policy == site.Majority {
		return v.byMajority(now)
	}
	r := v.choose(now, v.running())
	r.Until = now.Add(v.Deadline)
	// For those of the zone that go by a majority already.
	r.Vote = v.ballot(now, r.Elected)
	return r
}

// choose applies the rules that both policies share: the incumbent, until one that
// ranks before it is ready to take over; without an incumbent the first candidate.
func (v View) choose(now time.Time, running map[site.FQDN]Word) Result {
	if r, ok := v.handedOver(now, running); ok {
		return r
	}
	// The writer of the highest record is the incumbent; there is no other claim to
	// the office. In a hand-over that nobody took up within a deadline it is again.
	if w, ok := running[v.Record.Writer]; ok && w.CanServe && !w.Starting && v.electable(v.Record.Writer, running) {
		return v.challenged(running)
	}
	return v.first(running)
}

// running is everybody that I hear, or that somebody I hear lists as heard.
func (v View) running() map[site.FQDN]Word {
	out := map[site.FQDN]Word{}
	for _, direct := range v.Own.Hears {
		for other, told := range direct.Hears {
			out[other] = merge(out, other, told)
		}
	}
	maps.Copy(out, v.heard())
	return v.listed(out)
}

// heard is everybody that I hear myself, and I.
func (v View) heard() map[site.FQDN]Word {
	out := maps.Clone(v.Own.Hears)
	if out == nil {
		out = map[site.FQDN]Word{}
	}
	out[v.Self] = v.Own
	return v.listed(out)
}

func (v View) listed(words map[site.FQDN]Word) map[site.FQDN]Word {
	maps.DeleteFunc(words, func(name site.FQDN, _ Word) bool { return !slices.Contains(v.Zone, name) })
	return words
}

// merge keeps the more cautious of two second-hand words.
func merge(known map[site.FQDN]Word, name site.FQDN, told Word) Word {
	was, ok := known[name]
	if !ok {
		return told
	}
	was.Starting = was.Starting || told.Starting
	was.Leaving = was.Leaving || told.Leaving
	was.Draining = was.Draining || told.Draining
	was.CanServe = was.CanServe && told.CanServe
	return was
}
