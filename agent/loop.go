package agent

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/events"
	"understudy/peer"
	"understudy/site"
	"understudy/statemachine"
	"understudy/wire"
	"understudy/zone"
)

// maxSteps bounds how many changes one round makes; what is left waits for the
// next round.
const maxSteps = 16

// loop is the one goroutine that decides: it gathers, lets the core decide one
// change at a time, makes each durable, commits it, and publishes what is so.
func (a *Agent) loop(ctx context.Context) {
	defer close(a.looped)
	a.last = time.Now()
	a.beats(&a.pulse.loop)
	a.core.wake(a.last) // the wait for the peers begins when they can be heard
	next := time.NewTimer(peer.DefaultInterval)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		case <-a.wakeup:
		case command := <-a.commands:
			if a.o.Env.Gate(ctx) != nil {
				return
			}
			command()
		}
		if a.o.Env.Gate(ctx) != nil {
			return
		}
		a.woken()
		a.round(ctx)
		a.beats(&a.pulse.loop)
		next.Reset(a.rest(time.Now()))
	}
}

// wake asks for a round soon.
func (a *Agent) wake() {
	select {
	case a.wakeup <- struct{}{}:
	default:
	}
}

// woken forgets what has asked for the round that begins.
func (a *Agent) woken() {
	select {
	case <-a.wakeup:
	default:
	}
}

// do runs f in the loop and waits for it.
func (a *Agent) do(ctx context.Context, f func()) error {
	done := make(chan struct{})
	select {
	case a.commands <- func() { f(); close(done) }:
	case <-a.looped:
		return errors.New("the connector has stopped")
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case <-done:
		return nil
	case <-a.looped:
		return errors.New("the connector has stopped")
	}
}

func (a *Agent) round(ctx context.Context) {
	now := time.Now()
	a.noticeLateWake(now)
	a.saveLate(ctx, now)
	in := a.gather(now)
	for range maxSteps {
		ch, ok := a.core.decide(in)
		if !ok || time.Since(now) > in.settings.Deadline.D() || !a.carryOut(ctx, now, ch) {
			break
		}
		a.judgeSelf(now, &in) // by what was just decided: who joins an outage has none of its state
	}
	a.resolveOrder()
	a.resolvePromotion()
	a.settle(now, in)
	a.calmDown(now, in)
	a.chores.begin(now)
	a.last = now // a pause within the round is one too
}

// noticeLateWake: a process that was paused for longer than the deadline knows
// nothing of the zone any more; that is a start.
func (a *Agent) noticeLateWake(now time.Time) {
	if gap := now.Sub(a.last); gap > time.Duration(a.deadline.Load()) {
		a.wakeLate(now, gap)
	}
}

func (a *Agent) wakeLate(now time.Time, gap time.Duration) {
	a.log.raise(events.LateWake, "paused for "+gap.Round(time.Millisecond).String()+", longer than the deadline", a.fields(nil))
	a.core.wake(now)
	a.wokenLate = now
	a.relay.Check()
	a.publish(now, inputs{now: now})
	a.mesh.Restart()
}

// carryOut makes a change durable, then true, then has its effects. What this
// connector would write itself is not done where it cannot be made durable. What it
// copies is: else one with a broken disk could never join its zone, nor relay.
func (a *Agent) carryOut(ctx context.Context, now time.Time, ch change) bool {
	if err := a.save(context.WithoutCancel(ctx), ch); err != nil {
		a.disk.failed(now, err)
		if !a.core.copies(ch) {
			return false
		}
		a.unsaved = true
	}
	if ch.record != nil && ch.record.Writer != a.o.FQDN {
		a.mirror.outdateOwn()
	}
	before := a.core.office
	tr, err := a.core.commit(ctx, now, ch)
	if err != nil {
		a.o.Logger.WithError(err).Error("the state machine refused its own decision")
		return false
	}
	a.tell(now, ch, before, tr)
	return true
}

// save makes durable what a change needs to be.
func (a *Agent) save(ctx context.Context, ch change) error {
	switch {
	case ch.record != nil:
		return a.saveRecord(ctx, *ch.record, max(a.core.highest, ch.highest, ch.record.Number, ch.record.Term))
	case ch.highest > 0:
		return a.state.SaveHighest(ctx, ch.highest)
	}
	return nil
}

func (a *Agent) saveRecord(ctx context.Context, r zone.Record, highest uint64) error {
	err := a.state.SaveRecord(ctx, r, highest)
	if err == nil {
		a.unsaved = false
	}
	return err
}

// saveLate makes durable what was copied while the disk was broken.
func (a *Agent) saveLate(ctx context.Context, now time.Time) {
	if !a.unsaved || a.disk.failing() {
		return
	}
	if err := a.saveRecord(context.WithoutCancel(ctx), a.core.record, a.core.highest); err != nil {
		a.disk.failed(now, err)
	}
}

// tell raises the events of a change and starts what follows from it.
func (a *Agent) tell(now time.Time, ch change, hadOffice bool, tr statemachine.Transition) {
	if ch.start != nil {
		a.entered = ch.reason
		a.log.raise(events.StateChanged, ch.reason, a.fields(logrus.Fields{"from": "starting", "to": string(*ch.start)}))
		a.syncSoon()
	}
	if hadOffice != a.core.office {
		a.tellOffice(ch)
	}
	if ch.lapsed {
		a.log.raise(events.PromotionLapsed, ch.reason, a.fields(nil))
	}
	if tr.Event == statemachine.None {
		return
	}
	a.entered = tr.Reason
	a.log.raise(events.StateChanged, tr.Reason, a.moved(tr))
	switch {
	case !tr.From.HA() && tr.To.HA():
		a.relay.Forget()
		a.log.raise(events.OutageBegan, tr.Reason, a.moved(tr))
	case tr.From.HA() && !tr.To.HA():
		a.log.raise(events.OutageEnded, tr.Reason, a.moved(tr))
	}
	if tr.To == zone.PendingHA {
		a.relay.Check()
		a.alarmUnlessElected()
	}
	if tr.From.HA() && tr.To == zone.Normal && a.core.record.Writer == a.o.FQDN {
		a.returned = a.core.record.Term
	}
	if tr.To == zone.Normal {
		a.syncSoon()
	}
}

// alarmUnlessElected: a zone in which nobody can serve stays in PendingHA, and
// somebody must know before users do.
func (a *Agent) alarmUnlessElected() {
	if a.core.election.Elected == "" {
		a.log.raise(events.NobodyElected, a.core.election.Reason, a.fields(nil))
	}
}

func (a *Agent) tellOffice(ch change) {
	switch {
	case a.core.office:
		a.log.raise(events.Elected, ch.reason, a.passed(a.elected.who, a.o.FQDN))
	case a.core.record.Successor != "":
		a.log.raise(events.Handover, ch.reason, a.passed(a.o.FQDN, a.core.record.Successor))
	default:
		a.log.raise(events.ElectionLost, ch.reason, a.passed(a.o.FQDN, a.core.election.Elected))
	}
}

// fields are those that every line about state and election has.
func (a *Agent) fields(more logrus.Fields) logrus.Fields {
	f := logrus.Fields{
		"state": string(a.core.state()), "elected": string(a.core.election.Elected),
		"outage": a.core.record.Outage, "number": a.core.record.Number,
	}
	maps.Copy(f, more)
	return f
}

// moved are the fields of a line about a transition.
func (a *Agent) moved(tr statemachine.Transition) logrus.Fields {
	return a.fields(logrus.Fields{"from": string(tr.From), "to": string(tr.To), "trigger": string(tr.Event)})
}

// passed are the fields of a line about the office: from whom to whom it went.
func (a *Agent) passed(from, to site.FQDN) logrus.Fields {
	return a.fields(logrus.Fields{"from": string(from), "to": string(to), "term": a.core.record.Term})
}

// settle brings everything else in line with what was decided: the secondary
// broker, what handlers and peers see.
func (a *Agent) settle(now time.Time, in inputs) {
	a.tellElection(now, in)
	a.settleServing()
	a.sweep(now)
	a.catchUp(in)
	a.publish(now, in)
	a.report(now, in)
}

// tellElection says once of each election result who it is and why (LHC-24). That
// nobody is elected for the moment of a hand-over is no news.
func (a *Agent) tellElection(now time.Time, in inputs) {
	result := a.core.election
	passing := a.core.record.Successor != "" && now.Sub(a.core.held) <= in.settings.Deadline.D()
	if a.core.starting || result.Elected == a.elected.who || result.Elected == "" && passing {
		return
	}
	was := a.elected.who
	a.elected = electedSince{who: result.Elected, since: a.o.Env.Now().UTC()}
	if result.Elected == a.o.FQDN {
		return // taking the office tells of it
	}
	name := events.Elected
	if result.Elected == "" {
		name = events.NobodyElected
	}
	a.log.raise(name, result.Reason, a.passed(was, result.Elected))
}

// catchUp asks a peer for what it has newer: the list of connectors always, the
// snapshot outside HA mode.
func (a *Agent) catchUp(in inputs) {
	a.seekList(in.peers)
	a.seekAcceptance(in.peers)
	if in.ahead != a.o.FQDN && !a.core.starting && !a.core.state().HA() {
		a.fetchFrom(in.ahead)
	}
}

// settleServing: the elected connector has an engine while the zone is in HA
// mode; leaving it drops the outage's registrations (LHC-16).
func (a *Agent) settleServing() {
	mine := a.core.record.Writer == a.o.FQDN && a.core.state().HA() && !a.core.starting
	if a.serving != nil && (!mine || a.serving.outage != a.core.record.Outage) {
		a.retire()
	}
	if mine && a.core.office && a.serving == nil && a.building == "" {
		if warm := a.warmServing(a.core.record.Outage); warm != nil {
			a.beginServing(warm)
		} else {
			a.startServing()
		}
	}
	if a.serving != nil {
		a.serving.engine.Observe(a.o.Zone, a.core.record.Term)
	}
}

// startServing makes the secondary broker of an outage beside the loop: reading a
// long journal must not make this connector fall silent. Until it is there,
// requests are told to come back.
func (a *Agent) startServing() {
	outage := a.core.record.Outage
	if a.building == outage {
		return
	}
	a.building = outage
	a.spawn(func(ctx context.Context) {
		began := time.Now()
		made, err := a.makeServing(ctx, outage)
		_ = a.do(ctx, func() {
			a.building = ""
			if err != nil {
				a.disk.failed(began, err)
				return
			}
			a.beginServing(made)
		})
	})
}

func (a *Agent) beginServing(made *serving) {
	if a.core.office && a.core.record.Outage == made.outage && a.serving == nil {
		a.serving = made
		a.tickets.Store(made)
	}
}

func (a *Agent) makeServing(ctx context.Context, outage string) (*serving, error) {
	engine, index, err := a.freshEngine(ctx)
	if err != nil {
		return nil, fmt.Errorf("start the secondary broker: %w", err)
	}
	return a.newServing(outage, engine, index)
}

// sweep lets leases, reservations and tickets lapse.
func (a *Agent) sweep(now time.Time) {
	if a.serving == nil || now.Sub(a.swept) < time.Second {
		return
	}
	a.swept = now
	ended := a.serving.engine.Expire(now)
	for i := range ended {
		a.journal.tell(&ended[i])
	}
}

// resolveOrder answers an operator's order that has been carried out, or cannot be.
func (a *Agent) resolveOrder() {
	o := a.order
	if o == nil {
		return
	}
	switch {
	case !a.core.office:
		o.refuse(a.stance.Load().notElected())
	case o.Action == "force" && a.core.record.Forced(), o.Action == "clear" && !a.core.record.Forced():
		o.done(a.core.record)
		if o.needed {
			a.tellOrder(o.OutageOrder)
		}
	case time.Since(o.given) > orderPatience:
		o.refuse(wire.NewProblem(409, wire.CodeRefused, a.core.waiting))
	default:
		return
	}
	a.order = nil
}

func (a *Agent) tellOrder(o wire.OutageOrder) {
	name := events.OutageForced
	if o.Action == "clear" {
		name = events.OutageCleared
	}
	a.log.raise(name, o.Reason, a.fields(logrus.Fields{"by": o.By}))
}
