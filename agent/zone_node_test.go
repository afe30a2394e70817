package agent

import (
	"fmt"
	"reflect"
	"slices"
	"time"

	"understudy/site"
	"understudy/statemachine"
	"understudy/wire"
	"understudy/zone"
)

// simNode is one connector of a simZone: a core, its durable record, and what the
// mesh, the relay and operators would tell it.
type simNode struct {
	z     *simZone
	index int
	name  site.FQDN

	core    *core // nil: not running
	saved   zone.Record
	highest uint64
	boot    string

	paused, last, epoch time.Time
	facts               []wire.Facts
	heardAt             []time.Time
	answered            []bool

	cloud, canServe  bool
	busy             bool
	broken           bool           // nothing can be made durable
	settings         *site.Settings // other ones than the zone's: not imported yet
	checked, healthy bool
	checkAt          time.Time
	term             uint64
	order            *wire.OutageOrder
	promote          *wire.ElectionOrder
	// dieIn counts durable writes down to one that is the last thing it does.
	dieIn int
	// seq numbers its heartbeats, sentAt is when each was sent.
	seq    uint64
	sentAt map[uint64]time.Time
	// seen is the highest number or term that a round has ever shown it.
	seen  uint64
	moves []statemachine.Transition
}

func newSimNode(z *simZone, i int) *simNode {
	n := len(z.list)
	return &simNode{
		z: z, index: i, name: z.list[i], cloud: true, canServe: true,
		facts: make([]wire.Facts, n), heardAt: make([]time.Time, n), answered: make([]bool, n),
	}
}

// boots starts the process from what is durable.
func (n *simNode) boots() {
	n.core = newCore(n.name, n.saved, n.highest, n.z.now)
	n.boot = fmt.Sprintf("%s at %s", n.name, n.z.now)
	n.seq, n.sentAt, n.promote = 0, map[uint64]time.Time{}, nil
	n.paused, n.last, n.checked, n.healthy, n.term, n.order, n.dieIn = time.Time{}, n.z.now, false, false, 0, nil, 0
	n.checkAt = n.z.now.Add(time.Duration(n.z.rand.IntN(10)) * simStep)
	n.forget()
	n.z.note("%s starts with n%d %s", n.name, n.saved.Number, n.saved.Mode)
}

func (n *simNode) forget() {
	clear(n.heardAt)
	clear(n.answered)
	n.epoch = n.z.now
}

func (n *simNode) round() {
	if !n.core.starting && n.z.now.Sub(n.last) > n.uses().Deadline.D() {
		n.z.note("%s wakes late", n.name)
		n.core.wake(n.z.now)
		n.forget()
	}
	n.last = n.z.now
	if !n.broken {
		n.saved, n.highest = n.core.record, n.core.highest
	}
	n.check()
	in := n.inputs()
	n.look(in)
	for range maxSteps {
		ch, ok := n.core.decide(in)
		if !ok || n.broken && (ch.record != nil || ch.highest > 0) && !n.core.copies(ch) {
			break
		}
		if !n.carryOut(ch) {
			return
		}
	}
	if n.order != nil && (!n.core.office || (n.order.Action == "force") == n.core.record.Forced()) {
		n.order = nil
	}
	if n.core.office {
		n.promote = nil
	}
	n.invariants()
	n.z.send(n.index, n.own(in))
}

// check is the relay's health check, once a second.
func (n *simNode) check() {
	if !n.z.now.Before(n.checkAt) {
		n.checked, n.healthy, n.checkAt = true, n.cloud, n.z.now.Add(time.Second)
	}
}

func (n *simNode) uses() site.Settings {
	if n.settings != nil {
		return *n.settings
	}
	return n.z.settings
}

func (n *simNode) inputs() inputs {
	in := inputs{
		now: n.z.now, wall: n.z.now, settings: n.uses(), list: n.z.list, canServe: n.canServe, usable: true, gateOpen: true,
		drained: !n.busy, seenTerm: n.term, order: n.order, health: health{checked: n.checked, healthy: n.healthy},
		newID:    func() string { n.z.outages++; return fmt.Sprintf("outage %d", n.z.outages) },
		standbys: n.z.standbys, promote: n.promote,
	}
	if n.checked && !n.healthy {
		in.health.trouble = "the check failed"
	}
	for i, p := range n.z.nodes {
		if i == n.index {
			continue
		}
		down := p.core == nil && !n.z.cut[[2]int{i, n.index}] && !n.z.cut[[2]int{n.index, i}]
		heard := !down && !n.heardAt[i].IsZero() && n.z.now.Sub(n.heardAt[i]) <= n.uses().Deadline.D()
		in.peers = append(in.peers, peerWord{
			fqdn: p.name, heard: heard, answered: down || n.answered[i], facts: n.facts[i], at: n.heardAt[i], echoed: n.echoed(n.facts[i]),
		})
	}
	return in
}

// echoed is when the heartbeat was sent that a peer's word echoes.
func (n *simNode) echoed(f wire.Facts) time.Time {
	for _, h := range f.Heard {
		if h.FQDN == n.name && h.Boot == n.boot {
			return n.sentAt[h.Seq]
		}
	}
	return time.Time{}
}

// look remembers everything that the round shows, where it can be made durable.
func (n *simNode) look(in inputs) {
	if n.broken {
		return
	}
	n.seen = max(n.seen, in.seenTerm)
	for _, p := range in.peers {
		if p.heard {
			n.seen = max(n.seen, p.facts.Highest, p.facts.Record.Number, p.facts.Record.Term)
		}
	}
}

// carryOut is the loop's: durable, then true. It reports whether the process has
// survived it.
func (n *simNode) carryOut(ch change) bool {
	if (ch.record != nil || ch.highest > 0) && !n.broken {
		record := n.core.record
		if ch.record != nil {
			record = *ch.record
		}
		n.written(ch, record)
		n.saved, n.highest = record, max(n.core.highest, ch.highest, record.Number, record.Term)
		if n.dieIn--; n.dieIn == 0 {
			n.z.note("%s dies with n%d durable", n.name, record.Number)
			n.z.crash(n.index)
			return false
		}
	}
	tr, err := n.core.commit(n.z.t.Context(), n.z.now, ch)
	if err != nil {
		n.z.fail("%s: the table refused a decision: %v", n.name, err)
	}
	n.z.note("%s n%d t%d %s office=%t %s: %s", n.name, n.core.record.Number, n.core.record.Term, n.core.state(), n.core.office, tr.Event, ch.reason)
	n.moved(tr)
	return true
}

// written checks what a connector writes itself; copying back its own is not
// writing.
func (n *simNode) written(ch change, r zone.Record) {
	if ch.record == nil || r.Writer != n.name || r.IsZero() {
		return
	}
	key := fmt.Sprintf("%s n%d", r.Writer, r.Number)
	if was, known := n.z.written[key]; known {
		if !reflect.DeepEqual(was, r) {
			n.z.fail("%s wrote two records with one number: %+v and %+v", n.name, was, r)
		}
		return
	}
	n.z.written[key] = r
	taken := ch.office != nil && *ch.office
	closed := ch.decision.From.HA() && !ch.decision.To.HA()
	switch {
	case n.core.starting:
		n.z.fail("%s wrote n%d while it was starting", n.name, r.Number)
	case r.Number <= n.seen:
		n.z.fail("%s wrote n%d although it had seen %d", n.name, r.Number, n.seen)
	case (taken || closed) && r.Term != r.Number:
		n.z.fail("%s took office or closed an outage with n%d but term %d", n.name, r.Number, r.Term)
	}
	n.seen = max(n.seen, r.Number)
}

// moved checks one transition against the table and against who may fire it.
func (n *simNode) moved(tr statemachine.Transition) {
	if tr.Event == statemachine.None {
		return
	}
	n.moves = append(n.moves, tr)
	for _, row := range statemachine.Table() {
		if row.Event == tr.Event && row.To == tr.To && slices.Contains(row.From, tr.From) {
			return
		}
	}
	n.z.fail("%s went from %s to %s by %s, which is not in the table", n.name, tr.From, tr.To, tr.Event)
}

func (n *simNode) serves() bool {
	return n.core != nil && n.core.office && n.core.state().HA() && n.core.closing == nil && !n.z.now.After(n.core.election.Until)
}

// invariants hold after every round of one connector.
func (n *simNode) invariants() {
	c := n.core
	switch {
	case c.starting && c.office:
		n.z.fail("%s has the office while it is starting", n.name)
	case c.office && c.record.Writer != n.name:
		n.z.fail("%s has the office, but %s wrote the record", n.name, c.record.Writer)
	case c.office && c.state().HA() != c.record.Open(), c.office && c.record.Open() && c.state() != c.record.Mode:
		n.z.fail("%s has the office in %s, its record says %s", n.name, c.state(), c.record.Mode)
	case c.closing != nil && !c.office:
		n.z.fail("%s hands over an office that it has not", n.name)
	case c.highest < n.seen:
		n.z.fail("%s has seen %d, and keeps %d", n.name, n.seen, c.highest)
	}
}

// own are the facts that the loop would publish.
func (n *simNode) own(in inputs) wire.Facts {
	n.seq++
	n.sentAt[n.seq] = n.z.now
	f := wire.Facts{
		Seq: n.seq, Draining: n.core.draining, Vote: n.core.cast(in), Deadline: n.uses().Deadline,
		FQDN: n.name, Boot: n.boot, Starting: n.core.starting, Leaving: n.core.leaving, State: n.core.state(), Record: n.core.record,
		Highest: n.core.highest, Checked: n.checked, Healthy: n.healthy, CanServe: n.canServe, Elected: n.core.election.Elected,
	}
	for _, p := range in.peers {
		if p.heard {
			f.Heard = append(f.Heard, p.passedOn())
		}
	}
	return f
}
