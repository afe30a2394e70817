package agent

import (
	"fmt"
	"slices"

	"understudy/statemachine"
	"understudy/zone"
)

// finishStart ends a start when every peer has answered or refused, or the wait
// for them is over.
func (c *core) finishStart(in inputs) *change {
	if !c.starting || !c.joined(in) {
		return nil
	}
	best, heard := c.bestAtStart(in)
	state := zone.Normal
	switch {
	case heard && best.Open():
		state = best.Mode
	case !heard:
		state = resumed(best, in.health)
	}
	ch := &change{start: &state, alone: !heard, reason: startReason(heard, best, state)}
	if zone.Compare(best, c.record) != 0 {
		ch.record = &best
	}
	return ch
}

func (c *core) joined(in inputs) bool {
	if in.now.Sub(c.woken) >= in.settings.JoinWait.D() {
		return true
	}
	for _, name := range in.list {
		answered := func(p peerWord) bool { return p.fqdn == name && p.answered }
		if name != c.self && !slices.ContainsFunc(in.peers, answered) {
			return false
		}
	}
	return true
}

// bestAtStart is the record to go on from. Those of peers that have finished
// starting count before those of starters, and the own open one gives way to
// their closed one: it may be left over from an outage that the zone has closed.
// A peer without any record has closed nothing, and an operator's force is not
// left over: it stays until it is cleared (LHC-18).
func (c *core) bestAtStart(in inputs) (zone.Record, bool) {
	settled, starters := zone.Record{}, zone.Record{}
	anySettled, anyHeard, closed := false, false, false
	for _, p := range in.peers {
		if !p.heard {
			continue
		}
		anyHeard = true
		if p.facts.Starting {
			starters = higher(starters, p.facts.Record)
			continue
		}
		anySettled = true
		closed = closed || !p.facts.Record.IsZero() && !p.facts.Record.Open()
		settled = higher(settled, p.facts.Record)
	}
	switch {
	case !anySettled:
		return higher(c.record, starters), anyHeard
	case c.record.Open() && !c.record.Forced() && closed:
		return settled, true
	}
	return higher(c.record, settled), true
}

func higher(a, b zone.Record) zone.Record {
	if zone.Compare(b, a) > 0 {
		return b
	}
	return a
}

// resumed is the state of a connector that finds no peer (RAS-06).
func resumed(r zone.Record, h health) zone.State {
	switch {
	case !r.Open():
		return zone.Normal
	case r.Forced(), !h.checked, !h.healthy:
		return zone.ExtendedHA
	}
	return zone.PendingRecovery
}

func startReason(heard bool, best zone.Record, state zone.State) string {
	switch {
	case heard && best.Open():
		return fmt.Sprintf("started and joined the outage %s in %s", best.Outage, state)
	case heard:
		return "started; the zone is not in HA mode"
	case best.Open():
		return fmt.Sprintf("started, heard no peer, and resumed the outage %s in %s", best.Outage, state)
	}
	return "started; heard no peer"
}

// handOver stops accepting, waits for what is in flight, and then writes the
// last record, which names the successor. Handlers learn of the first step at the
// end of its round, so only a later round knows what is in flight.
func (c *core) handOver(in inputs) *change {
	if !c.office {
		return nil
	}
	next := c.election.Successor
	switch {
	case next == "" && c.closing == nil:
		return nil
	case next == "":
		none := (*closing)(nil)
		return &change{closing: &none, reason: "nobody is there to take over"}
	case c.closing == nil:
		begin := &closing{successor: next, since: in.now}
		return &change{closing: &begin, reason: c.election.Reason}
	case !in.now.After(c.closing.since), !in.drained && in.now.Sub(c.closing.since) < drainLimit:
		return nil
	}
	r := c.next(c.election.Reason)
	r.Successor = next
	no := false
	return &change{record: &r, office: &no, reason: r.Reason}
}

// obey carries out an operator's order where it changes no state: force in
// InitialHA and ExtendedHA, and clear.
func (c *core) obey(in inputs) *change {
	if !c.office || c.closing != nil || in.order == nil {
		return nil
	}
	switch {
	case in.order.Action == "clear" && c.record.Forced():
		r := c.next("cleared by " + in.order.By)
		r.Force = nil
		return &change{record: &r, reason: r.Reason}
	case c.forcing(in) && (c.state() == zone.InitialHA || c.state() == zone.ExtendedHA):
		r := c.next("forced by " + in.order.By)
		r.Force = force(in)
		return &change{record: &r, reason: r.Reason}
	}
	return nil
}

// forcing reports whether an operator's force waits to be carried out.
func (c *core) forcing(in inputs) bool {
	return in.order != nil && in.order.Action == "force" && !c.record.Forced()
}

func force(in inputs) *zone.Force {
	return &zone.Force{By: in.order.By, Reason: in.order.Reason, At: in.wall}
}

// move asks the state machine.
func (c *core) move(in inputs) *change {
	d := c.machine.Decide(in.now, c.machineInputs(in), c.timings(in.now, in.settings))
	c.waiting = d.Reason
	switch {
	case d.Event == statemachine.None:
		return nil
	case !c.office || !d.From.HA() && !d.To.HA():
		return &change{decision: d, reason: d.Reason}
	case c.closing != nil:
		return nil
	}
	r := c.moved(in, d)
	return &change{decision: d, record: &r, reason: d.Reason}
}

// moved is the record that a transition of the zone writes.
func (c *core) moved(in inputs, d statemachine.Decision) zone.Record {
	r := c.next(d.Reason)
	r.Mode, r.Since = d.To, in.wall
	if !d.From.HA() {
		r.Outage, r.Level = in.newID(), c.level(in.now, in.settings)
		if d.Event == statemachine.Outage {
			r.Level++
		}
	}
	if c.forcing(in) {
		r.Force = force(in)
	}
	if !d.To.HA() {
		r.Force, r.Promotion = nil, nil
	}
	if d.From.HA() != d.To.HA() {
		r.Term = r.Number // another one serves: the cloud broker, or no longer it
	}
	return r
}

func (c *core) machineInputs(in inputs) statemachine.Inputs {
	record := c.record
	if c.alone && record.Open() {
		record.Mode = c.state() // resumed from this record: there is nobody to follow
	}
	return statemachine.Inputs{
		Office: c.office, Nobody: c.nobody(), Record: record, Trouble: in.health.trouble, Healthy: in.health.checked && in.health.healthy,
		GateOpen: in.gateOpen, Usable: in.usable, Force: c.record.Forced() || c.forcing(in), Present: c.present(in),
	}
}

// nobody says why no connector is elected; empty: one is.
func (c *core) nobody() string {
	if c.election.Elected != "" {
		return ""
	}
	return c.election.Reason
}

// present lists who counts for entering and leaving HA mode: every active
// connector that has finished a health check since its start, and a standby that
// is elected (RAS-04).
func (c *core) present(in inputs) []statemachine.Present {
	var out []statemachine.Present
	if in.health.checked && (c.office || !slices.Contains(in.standbys, c.self)) {
		out = append(out, statemachine.Present{FQDN: c.self, Healthy: in.health.healthy, Pending: c.state() == zone.PendingHA})
	}
	for _, p := range in.peers {
		if p.heard && p.facts.Checked && !slices.Contains(in.standbys, p.fqdn) {
			out = append(out, statemachine.Present{FQDN: p.fqdn, Healthy: p.facts.Healthy, Pending: p.facts.State == zone.PendingHA})
		}
	}
	return out
}
