package agent

import (
	"context"
	"fmt"
	"slices"
	"time"

	"understudy/election"
	"understudy/site"
	"understudy/statemachine"
	"understudy/wire"
	"understudy/zone"
)

// drainLimit bounds how long a hand-over waits for requests in flight.
const drainLimit = 2 * time.Second

// core is the zone protocol of one connector: it decides which record to adopt
// or to write, when to take, hand over and lose the office, and which state
// follows. It does no I/O. The loop asks decide for one change at a time, makes
// the change's record durable, and then tells commit.
type core struct {
	self    site.FQDN
	machine *statemachine.Machine
	record  zone.Record
	held    time.Time
	highest uint64

	// starting: it serves nobody, is no candidate and writes nothing until it has
	// heard its peers; waking late is a start.
	starting bool
	woken    time.Time
	// alone: nobody was heard at the start, so the state was resumed from the own
	// record and need not be the record's mode.
	alone bool

	office   bool
	closing  *closing
	leaving  bool
	draining bool
	election election.Result
	waiting  string // why the state stays

	// ballot is whom this connector named last, under majority.
	ballot election.Ballot
	// insists: the one that it named has named itself.
	insists bool
	// named is whom its latest heartbeat named. gaveUp is when it last stopped naming
	// itself, insistedAt since when it surely does again.
	named      site.FQDN
	gaveUp     time.Time
	insistedAt time.Time
	// lost is who lost the office to this connector, and when; heardSince is since
	// when each peer has been present without a break.
	lost       map[site.FQDN]time.Time
	heardSince map[site.FQDN]time.Time
	// ousted is when another one's record ended the office.
	ousted time.Time
	// closed is since when the zone record that is held is not open.
	closed time.Time
}

// closing is a hand-over under way: nothing new is accepted.
type closing struct {
	successor site.FQDN
	since     time.Time
}

// inputs are the facts that one round of decisions is made from.
type inputs struct {
	now      time.Time
	wall     time.Time
	newID    func() string
	list     []site.FQDN
	standbys []site.FQDN
	settings site.Settings

	peers    []peerWord
	canServe bool
	whyNot   string
	usable   bool
	// ahead is who has the newest snapshot of the zone; itself, where nobody is ahead.
	ahead    site.FQDN
	health   health
	gateOpen bool
	// drained says that no request is in flight in the secondary broker.
	drained bool
	// seenTerm is the highest term that a desktop has named.
	seenTerm uint64
	order    *wire.OutageOrder
	// promote is an operator's order to serve without a majority.
	promote *wire.ElectionOrder
}

// health is what the relay knows of the cloud broker.
type health struct {
	checked bool
	healthy bool
	trouble string
	// via is the peer through which it is so; empty: directly.
	via site.FQDN
}

// peerWord is one peer as it is seen.
type peerWord struct {
	fqdn     site.FQDN
	heard    bool
	answered bool
	facts    wire.Facts
	// at is when its latest heartbeat came, echoed when the one was sent that this
	// echoes.
	at     time.Time
	echoed time.Time
	// differs: it speaks another major version of the peer channel.
	differs bool
}

// change is one step: what is to be made durable, and what is then true.
type change struct {
	record   *zone.Record
	highest  uint64
	decision statemachine.Decision
	start    *zone.State
	alone    bool
	office   *bool
	closing  **closing
	lapsed   bool // an operator's promotion
	ousted   bool // by another one's record
	reason   string
}

func newCore(self site.FQDN, saved zone.Record, highest uint64, now time.Time) *core {
	return &core{
		self: self, record: saved, held: now, highest: max(highest, saved.Number, saved.Term),
		machine: statemachine.New(now, zone.Normal), starting: true, woken: now, closed: now,
		lost: map[site.FQDN]time.Time{}, heardSince: map[site.FQDN]time.Time{},
	}
}

// wake begins a start: of the process, or after a pause longer than the deadline.
func (c *core) wake(now time.Time) {
	c.starting, c.woken, c.office, c.closing = true, now, false, nil
	clear(c.heardSince)
}

func (c *core) state() zone.State { return c.machine.State() }

// decide returns the next change, if there is one.
func (c *core) decide(in inputs) (change, bool) {
	steps := []func(inputs) *change{c.raise, c.finishStart}
	c.see(in)
	c.heed(in)
	if !c.starting {
		c.election = election.Elect(in.now, c.view(in))
		c.turn()
		// Losing needs no disk, so it comes before what does: a connector that cannot
		// write must not keep the office for it.
		steps = []func(inputs) *change{c.lose, c.raise, c.adopt, c.take, c.outrank, c.lapse, c.handOver, c.obey, c.move}
	}
	for _, step := range steps {
		if ch := step(in); ch != nil {
			return *ch, true
		}
	}
	return change{}, false
}

// copies reports whether a change only takes over what was written before: a new
// record is above every number seen.
func (c *core) copies(ch change) bool { return ch.record == nil || ch.record.Number <= c.highest }

// commit makes a change true whose record is durable. It returns the transition,
// if there was one.
func (c *core) commit(ctx context.Context, now time.Time, ch change) (statemachine.Transition, error) {
	if ch.record != nil {
		c.hold(now, ch)
	}
	c.highest = max(c.highest, ch.highest, c.record.Number, c.record.Term)
	if ch.start != nil {
		c.machine = statemachine.New(now, *ch.start)
		c.starting, c.alone = false, ch.alone
	}
	if ch.office != nil {
		c.office = *ch.office
	}
	if ch.ousted {
		c.ousted = now
	}
	if ch.closing != nil {
		c.closing = *ch.closing
	}
	if !c.office {
		c.closing = nil
	}
	if ch.decision.Event == statemachine.None {
		return statemachine.Transition{}, nil
	}
	c.alone = false
	return c.machine.Fire(ctx, now, ch.decision)
}

// hold takes a record that is durable.
func (c *core) hold(now time.Time, ch change) {
	before := c.record
	c.record, c.held, c.alone = *ch.record, now, false
	c.office = c.office && c.record.Writer == c.self
	if before.Open() && !c.record.Open() {
		c.closed = now
	}
	c.heedFinal(now)
	if c.record.Writer != c.self {
		delete(c.lost, c.record.Writer)
	} else if ch.office != nil && *ch.office {
		c.noteLoser(now, before)
	}
}

// raise: the highest number ever seen is durable, so that a record written later
// is above it.
func (c *core) raise(in inputs) *change {
	highest := max(c.highest, in.seenTerm)
	for _, p := range in.peers {
		if p.heard {
			highest = max(highest, p.facts.Highest, p.facts.Record.Number, p.facts.Record.Term)
		}
	}
	if highest == c.highest {
		return nil
	}
	return &change{highest: highest}
}

// adopt copies the highest record of the peers that have finished starting.
func (c *core) adopt(in inputs) *change {
	best := c.highestHeard(in)
	if zone.Compare(best, c.record) <= 0 {
		return nil
	}
	return &change{record: &best, reason: fmt.Sprintf("%s wrote record %d", best.Writer, best.Number)}
}

func (c *core) highestHeard(in inputs) zone.Record {
	best := c.record
	for _, p := range in.peers {
		if p.heard && !p.facts.Starting {
			best = higher(best, p.facts.Record)
		}
	}
	return best
}

// lose: somebody else, or nobody, is elected.
func (c *core) lose(in inputs) *change {
	if !c.office {
		return nil
	}
	no := false
	if best := c.highestHeard(in); best.Writer != c.self {
		return &change{office: &no, ousted: true, reason: fmt.Sprintf("%s wrote record %d", best.Writer, best.Number)}
	}
	if c.election.Elected == c.self {
		return nil
	}
	return &change{office: &no, reason: c.election.Reason}
}

// take: taking the office, in Normal too, first makes a record durable.
func (c *core) take(in inputs) *change {
	if c.office || c.leaving || c.election.Elected != c.self || !c.consistent() || c.givesWay(in) {
		return nil
	}
	r := c.next(c.election.Reason)
	r.Term = r.Number
	if in.promote != nil && !c.election.Quorum {
		r.Promotion = &zone.Promotion{By: in.promote.By, Reason: in.promote.Reason, At: in.wall}
	}
	if c.state().HA() && r.Mode != c.state() {
		r.Mode, r.Since = c.state(), in.wall
	}
	if r.Since.IsZero() {
		r.Since = in.wall
	}
	yes := true
	return &change{record: &r, office: &yes, reason: c.election.Reason}
}

// givesWay: who has lost the office to the record of one that it does not hear leaves
// it alone for a deadline, unless it is handed back. Both ends of a line of four hear
// of each other's records alone, and would take it from one another without a pause.
func (c *core) givesWay(in inputs) bool {
	heard := slices.ContainsFunc(in.peers, func(p peerWord) bool { return p.heard && p.fqdn == c.record.Writer })
	return !heard && c.record.Successor != c.self && c.record.Writer != c.self && in.now.Sub(c.ousted) < in.settings.Deadline.D()
}

// consistent: a successor goes on with the record's mode, so it is in it first.
func (c *core) consistent() bool {
	if c.state().HA() != c.record.Open() {
		return false
	}
	return !c.record.Open() || c.alone || c.state() == c.record.Mode
}

// outrank: a desktop has seen a higher term than the office has; it would refuse
// every prepare.
func (c *core) outrank(in inputs) *change {
	if !c.office || in.seenTerm <= c.record.Term {
		return nil
	}
	r := c.next(fmt.Sprintf("a desktop has seen term %d", in.seenTerm))
	r.Term = r.Number
	return &change{record: &r, reason: r.Reason}
}

// next is a new record of this connector that goes on where the present one is.
func (c *core) next(reason string) zone.Record {
	r := c.record
	if r.Writer != c.self {
		r.Promotion = nil
	}
	r.Number, r.Writer, r.Successor, r.Reason = c.highest+1, c.self, "", reason
	if r.Mode == "" {
		r.Mode = zone.Normal
	}
	return r
}
