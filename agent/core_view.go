package agent

import (
	"time"

	"understudy/election"
	"understudy/site"
	"understudy/wire"
	"understudy/zone"
)

// view is what the election is decided from.
func (c *core) view(in inputs) election.View {
	own := election.Word{
		Starting: c.starting, Leaving: c.leaving, Draining: c.draining, CanServe: in.canServe, WhyNot: in.whyNot,
		Hears: map[site.FQDN]election.Word{},
	}
	for _, p := range in.peers {
		if p.heard {
			own.Hears[p.fqdn] = wordOf(p)
		}
	}
	deadline := in.settings.Deadline.D()
	v := election.View{
		Self: c.self, Zone: in.list, Standbys: in.standbys, Policy: in.settings.Policy, Preempt: in.settings.Preempts(),
		Waiting: c.stillWaiting(in), Own: own, Record: c.record, Held: c.held, Deadline: deadline,
		Ballot: c.ballot, Leases: c.leases(in), Promoted: in.promote != nil || c.promoted(),
	}
	// Whom it named before its start it does not know.
	v.Ballot.Bound = latest(v.Ballot.Bound, c.woken.Add(deadline))
	return v
}

func wordOf(p peerWord) election.Word {
	w := election.Word{
		Starting: p.facts.Starting, Leaving: p.facts.Leaving, Draining: p.facts.Draining,
		CanServe: p.facts.CanServe, WhyNot: p.facts.WhyNot, Vote: p.facts.Vote, Hears: map[site.FQDN]election.Word{},
	}
	for _, h := range p.facts.Heard {
		w.Hears[h.FQDN] = election.Word{Starting: h.Starting, Leaving: h.Leaving, Draining: h.Draining, CanServe: h.CanServe}
	}
	return w
}

// passedOn is what the own heartbeat says of a peer that is heard.
func (p peerWord) passedOn() wire.Heard {
	return wire.Heard{
		FQDN: p.fqdn, CanServe: p.facts.CanServe, Starting: p.facts.Starting, Leaving: p.facts.Leaving, Draining: p.facts.Draining,
		Boot: p.facts.Boot, Seq: p.facts.Seq,
	}
}

func (c *core) promoted() bool { return c.record.Promotion != nil && c.record.Writer == c.self }

// leases are until when each word counts that names this connector: one deadline
// after this one sent the heartbeat that the word echoes, less 5 % because two
// clocks may drift apart. While the settings differ it is the shorter deadline: who
// spoke the word is bound by its own.
func (c *core) leases(in inputs) map[site.FQDN]time.Time {
	out := map[site.FQDN]time.Time{}
	for _, p := range in.peers {
		if p.heard && p.facts.Vote == c.self && !p.facts.Starting && !p.echoed.IsZero() && !c.givenUp(in, p.echoed) {
			life := in.settings.Deadline.D()
			if theirs := p.facts.Deadline.D(); theirs > 0 {
				life = min(life, theirs)
			}
			out[p.fqdn] = p.echoed.Add(life * 95 / 100)
		}
	}
	return out
}

// givenUp: who stops naming itself lets everybody name another at once, so it gives
// up the words that echo what it sent before it names itself again. After two
// deadlines there are none: what it sent before is out within one, and what echoes
// that counts for another.
func (c *core) givenUp(in inputs, echoed time.Time) bool {
	recent := !c.gaveUp.IsZero() && in.now.Sub(c.gaveUp) < 2*in.settings.Deadline.D()
	return recent && (c.insistedAt.IsZero() || echoed.Before(c.insistedAt))
}

func (c *core) giveUp(now time.Time) { c.gaveUp, c.insistedAt, c.named = now, time.Time{}, "" }

// heedFinal: the last record of who was named releases who named it.
func (c *core) heedFinal(now time.Time) {
	if c.record.Successor == "" {
		return
	}
	if c.record.Writer == c.ballot.Name {
		c.release()
	}
	if c.record.Writer == c.self {
		c.giveUp(now)
	}
}

// release ends what binds this connector to whom it named.
func (c *core) release() { c.ballot, c.insists = election.Ballot{}, false }

// cast returns whom this round's heartbeat names, and binds this connector to it.
// Who knows of a record that it has not copied names nobody: it would not know that
// the one it names has given the office away.
func (c *core) cast(in inputs) site.FQDN {
	vote := c.election.Vote
	if c.starting || zone.Compare(c.highestHeard(in), c.record) > 0 {
		vote = ""
	}
	if c.named == c.self && vote != c.self {
		c.giveUp(in.now)
	}
	c.named = vote
	if vote == "" {
		return ""
	}
	for _, p := range in.peers {
		if p.fqdn == vote && p.heard {
			c.ballot.Bound = latest(c.ballot.Bound, p.at.Add(in.settings.Deadline.D()))
		}
	}
	return vote
}

// turn changes whom this connector names as soon as it has decided to: the next
// decision of the same round must not fall back.
func (c *core) turn() {
	if vote := c.election.Vote; vote != "" && vote != c.ballot.Name {
		c.release()
		c.ballot.Name = vote
	}
}

// heed releases this connector from whom it named when that one has named itself
// and now names another: it has given the office away.
func (c *core) heed(in inputs) {
	if c.named == c.self && c.insistedAt.IsZero() {
		c.insistedAt = in.now
	}
	for _, p := range in.peers {
		switch {
		case p.fqdn != c.ballot.Name || !p.heard:
		case p.facts.Vote == p.fqdn:
			c.insists = true
		case p.facts.Vote != "" && c.insists:
			c.release()
		}
	}
}

// see notes since when each peer is present without a break.
func (c *core) see(in inputs) {
	for _, p := range in.peers {
		_, was := c.heardSince[p.fqdn]
		switch present := p.heard && !p.facts.Starting; {
		case !present:
			delete(c.heardSince, p.fqdn)
		case !was:
			c.heardSince[p.fqdn] = in.now
		}
	}
}

// noteLoser remembers from whom the office came without being handed over: the
// earlier writer, or the successor that did not take it.
func (c *core) noteLoser(now time.Time, before zone.Record) {
	loser := before.Successor
	if loser == "" {
		loser = before.Writer
	}
	if loser != "" && loser != c.self {
		c.lost[loser] = now
	}
}

// stillWaiting is for how long each that lost the office has to be present before
// it may take it over again.
func (c *core) stillWaiting(in inputs) map[site.FQDN]time.Duration {
	out := map[site.FQDN]time.Duration{}
	for name, at := range c.lost {
		since, present := c.heardSince[name]
		if !present {
			since = in.now
		}
		if rest := in.settings.PreemptAfter.D() - in.now.Sub(latest(at, since)); rest > 0 {
			out[name] = rest
		}
	}
	return out
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// lapse: an operator's promotion ends when a majority is present again, or is no
// longer needed.
func (c *core) lapse(in inputs) *change {
	needed := in.settings.Policy == site.Majority
	if !c.office || !c.promoted() || needed && !c.election.Quorum {
		return nil
	}
	reason := "a majority is present again: the promotion has lapsed"
	if !needed {
		reason = "the policy needs no majority any more: the promotion has lapsed"
	}
	r := c.next(reason)
	r.Promotion = nil
	return &change{record: &r, lapsed: true, reason: r.Reason}
}
