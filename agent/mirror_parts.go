package agent

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/broker"
	"understudy/env"
	"understudy/events"
	"understudy/peer"
	"understudy/site"
	"understudy/wire"
)

// oneDiskWait bounds how long an answer waits for a peer to have what it promises.
const oneDiskWait = 100 * time.Millisecond

// behindAfter is when a peer counts as behind with the mirror.
const behindAfter = 5 * time.Second

func (a *Agent) newMirror() *mirror {
	return &mirror{
		ask: a.mesh.Mirror, fresh: a.freshEngine, gate: a.o.Env.Gate, changed: a.sources.next, target: a.mirrorTarget,
		rand: a.o.Env.Rand("mirror"), log: a.log,
		held:      func() map[string]uint64 { last, _ := a.state.Held(); return last },
		contained: func() []wire.ContainedRecord { _, records := a.containedRecords(); return records },
		keep: func(ctx context.Context, got peer.Mirrored) error {
			a.peaks.mirrored(got)
			a.spend(got.Items)
			begun := time.Now()
			err := a.state.Mirror(ctx, got.Records)
			if err != nil && ctx.Err() == nil {
				a.disk.failed(begun, err)
			}
			return err
		},
	}
}

func (a *Agent) mirrorTarget() mirrorTarget { return a.stance.Load().mirrors() }

// mirrors is whom this connector is to mirror now; nobody, where it serves itself or
// nobody does. The outage is named also then.
func (s *stance) mirrors() mirrorTarget {
	if !s.state.HA() && !s.starting {
		return mirrorTarget{}
	}
	t := mirrorTarget{outage: s.outage, term: s.term}
	if !s.starting && s.elected != s.self && s.source == s.elected {
		t.from = s.source
	}
	return t
}

// mirrorSource is the elected connector, if it says that it serves in our outage.
func (a *Agent) mirrorSource(in inputs) site.FQDN {
	for _, p := range in.peers {
		if p.fqdn == a.core.election.Elected && p.heard && !p.differs && p.facts.Serving && p.facts.Record.Outage == a.core.record.Outage {
			return p.fqdn
		}
	}
	return ""
}

// freshEngine is one with the snapshot and every durable record.
func (a *Agent) freshEngine(ctx context.Context) (*broker.Engine, *site.Index, error) {
	snapshot, ok := a.snapshots.Current()
	if !ok {
		return nil, nil, errors.New("there is no usable snapshot")
	}
	defer snapshot.Release()
	records, err := a.state.Records(ctx)
	if err != nil {
		return nil, nil, err
	}
	engine := broker.New(broker.Options{Broker: a.o.FQDN, Zone: a.o.Zone, HA: true}, snapshot.Index)
	engine.Mirror()
	engine.Apply(stillNeeded(records, snapshot.Records))
	return engine, snapshot.Index, nil
}

// stillNeeded are the records that a snapshot does not contain.
func stillNeeded(records []broker.Record, contained []wire.ContainedRecord) []broker.Record {
	last := map[string]uint64{}
	for _, c := range contained {
		last[c.Journal] = c.Sequence
	}
	return slices.DeleteFunc(records, func(r broker.Record) bool { return r.Sequence <= last[r.Journal] })
}

// notCaughtUp says what of the present outage's state this connector has not, though
// somebody has it: who takes over has the state first.
func (a *Agent) notCaughtUp(in *inputs) string {
	if a.core.office || a.core.starting || !a.core.state().HA() {
		return ""
	}
	outage := a.core.record.Outage
	if whole, possible := a.mirror.whole(outage); whole || !possible {
		return ""
	}
	for _, p := range in.peers {
		f := p.facts
		if !p.heard || p.differs && f.Draining || f.Record.Outage != outage || f.Leaving || f.Starting {
			continue
		}
		has := f.Mirrored == outage && f.CanServe && !slices.Contains(in.standbys, p.fqdn)
		has = has || f.Serving && f.Registrations+f.Sessions > 0
		if has && p.differs { // it stays the better one until it is stopped, drained or lost
			return fmt.Sprintf("%s has the state of the outage, which does not pass between its version and this one", p.fqdn)
		}
		if has {
			return fmt.Sprintf("it has not caught up with the mirrored state that %s has", p.fqdn)
		}
	}
	return ""
}

// mirroredOutage is the outage of which this connector has the state.
func (a *Agent) mirroredOutage() string {
	outage := a.core.record.Outage
	if whole, _ := a.mirror.whole(outage); whole || a.serving != nil && a.serving.outage == outage {
		return outage
	}
	return ""
}

// handedOver reports whether the successor has everything, or reads nothing.
func (a *Agent) handedOver() bool {
	if a.serving == nil || a.core.closing == nil {
		return true
	}
	p, next := a.serving.publication, a.core.closing.successor
	return p.Level(next) || !p.Reads(next)
}

// warmServing makes the secondary broker of what was mirrored, at once.
func (a *Agent) warmServing(outage string) *serving {
	s := a.mirror.claim(outage)
	if s == nil {
		return nil
	}
	snapshot, ok := a.snapshots.Current()
	if !ok {
		return nil
	}
	defer snapshot.Release()
	if snapshot.Index != s.index {
		s.engine.SetIndex(snapshot.Index)
	}
	s.engine.Renew(time.Now())
	made, err := a.newServing(outage, s.engine, snapshot.Index)
	if err != nil {
		a.o.Logger.WithError(err).Error("the mirrored state cannot be served from")
		return nil
	}
	return made
}

func (a *Agent) newPublication(outage string, engine *broker.Engine) *peer.Publication {
	return peer.NewPublication(peer.PublicationOptions{
		Stream: env.Short(a.o.Env.Rand("streams"), 16), Outage: outage, Term: func() uint64 { return a.stance.Load().term },
		Engine: engine, Records: a.state, Journal: a.state.JournalID(), Gate: a.o.Env.Gate,
		Present: func(name site.FQDN) bool {
			return slices.ContainsFunc(a.mesh.Sights(time.Now()), func(s peer.Sight) bool { return s.FQDN == name && s.Heard })
		},
	})
}

// publication is what peers are answered from.
func (a *Agent) publication() *peer.Publication {
	if s := a.stance.Load(); s.serving != nil {
		return s.serving.publication
	}
	return nil
}

// settled makes what waits a moment until a peer has what is about to be answered, where the
// group's failover mode, or that of tickets, is stateful. An empty group stands for
// tickets alone.
func (a *Agent) settled(s *serving) func(ctx context.Context, group string) {
	return func(ctx context.Context, group string) {
		if !s.engine.Stateful(group) || len(a.list.Load().Connectors) < 2 {
			return
		}
		if s.publication.Await(ctx, oneDiskWait) {
			s.oneDisk.Store(false)
			return
		}
		if !s.oneDisk.Swap(true) {
			a.log.raise(events.OneDisk, "no present peer had it within "+oneDiskWait.String(), logrus.Fields{"outage": s.outage})
		}
	}
}

// tellBehind tells once of each peer that is heard and does not keep up.
func (a *Agent) tellBehind(now time.Time) {
	if a.serving == nil || !a.core.office {
		clear(a.behind)
		return
	}
	for _, l := range a.serving.publication.Lags(now) {
		late := l.Behind > behindAfter && a.heardBefore[l.Peer]
		if late && !a.behind[l.Peer] {
			a.log.raise(events.MirrorBehind, fmt.Sprintf("%s is %d changes behind, for %s", l.Peer, l.Head-l.Position, l.Behind.Round(time.Second)),
				a.fields(logrus.Fields{"peer": string(l.Peer)}))
		}
		a.behind[l.Peer] = late
	}
}

// mirrorStatus is how far this connector's copy is, or those of its peers.
func (a *Agent) mirrorStatus(now time.Time) wire.MirrorStatus {
	if a.serving == nil || !a.core.office {
		out := a.mirror.status(a.mirrorTarget())
		if a.core.state().HA() && out.From == "" {
			out.WhyNot = a.mesh.Differs(a.core.election.Elected)
		}
		return out
	}
	var out wire.MirrorStatus
	for _, l := range a.serving.publication.Lags(now) {
		out.Peers = append(out.Peers, wire.MirrorPeer{
			FQDN: l.Peer, Position: l.Position, Head: l.Head, Behind: site.Duration(l.Behind), Anew: l.Anew,
		})
		out.Position = l.Head
	}
	return out
}

// MirrorLags are how far the peers of this connector are behind while it serves, for
// who measures it.
func (a *Agent) MirrorLags() []peer.Lag {
	if p := a.publication(); p != nil {
		return p.Lags(time.Now())
	}
	return nil
}

// peerRedeem redeems a ticket that another connector of the zone was asked for.
func (a *Agent) peerRedeem(w http.ResponseWriter, r *http.Request) {
	judged := a.stance.Load()
	v := judged.judge(time.Now())
	if v.engine == nil {
		wire.WriteError(w, later(wire.CodeNotElected, "this connector does not serve"))
		return
	}
	a.broker(w, r, judged, redeems)
}
