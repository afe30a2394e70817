package agent

import (
	"time"

	"understudy/site"
	"understudy/wire"
)

// publish makes the stance that handlers go by and the facts that peers hear.
func (a *Agent) publish(now time.Time, in inputs) {
	s := &stance{
		state: a.core.state(), starting: a.core.starting, closing: a.core.closing != nil, self: a.o.FQDN,
		elected: a.core.election.Elected, outage: a.core.record.Outage, term: a.core.record.Term, record: a.core.record,
		until: a.core.election.Until, majority: in.settings.Policy == site.Majority,
		successor: a.core.election.Successor, draining: a.core.draining, highest: a.core.highest,
		canServe: in.canServe, health: in.health,
	}
	if a.core.starting {
		s.elected = ""
	}
	s.source = a.mirrorSource(in)
	s.electedURL = a.clientURL(s.elected)
	if a.core.office {
		s.serving = a.serving
	}
	s.returned = a.returned
	s.healthy, s.healthyURL = healthiest(in.peers)
	s.relaying = relaying(a.o.FQDN, in.peers)
	before := a.stance.Swap(s)
	a.follower.see(s, a.core.election.Reason)
	a.mesh.Publish(a.facts(now, in))
	a.rounds.announce()
	if before.mirrors() != s.mirrors() {
		a.sources.announce()
	}
}

// toldAge is how exactly peers are told the age of a snapshot, which is for people
// alone: a heartbeat that says nothing new costs less.
const toldAge = 10 * time.Second

// toldIdle is for how long no StoreFront has asked, as peers are told it: to a hundredth
// of the time that counts, or as exactly as an age. It would be another each second.
func toldIdle(idle time.Duration, s site.Settings) *site.Duration {
	exact := max(time.Second, min(toldAge, s.ParticipationWindow.D()/100))
	told := site.Duration(idle.Truncate(exact))
	return &told
}

// healthiest is a peer that has the cloud broker, best without another's help.
func healthiest(peers []peerWord) (name site.FQDN, clientURL string) {
	for _, p := range peers {
		if !p.heard || !p.facts.Checked || !p.facts.Healthy {
			continue
		}
		if p.facts.Via == "" {
			return p.fqdn, p.facts.ClientURL
		}
		if name == "" {
			name, clientURL = p.fqdn, p.facts.ClientURL
		}
	}
	return name, clientURL
}

func (a *Agent) facts(now time.Time, in inputs) wire.Facts {
	f := wire.Facts{
		Version: a.o.Version, Boot: a.boot, State: a.core.state(),
		Starting: a.core.starting, Leaving: a.core.leaving, Draining: a.core.draining, Vote: a.core.cast(in), Deadline: in.settings.Deadline,
		Record: a.core.record, Highest: a.core.highest, Checked: in.health.checked, Healthy: in.health.healthy,
		HealthReason: a.healthSeen.Reason, Via: in.health.via, Relays: a.o.PeerRelay && in.health.healthy && in.health.via == "", CanServe: in.canServe, WhyNot: in.whyNot, Elected: a.core.election.Elected,
		Unsaved: a.unsaved, ClientURL: a.clientURL(a.o.FQDN), List: a.list.Load().Version, Serving: a.stance.Load().serving != nil, Mirrored: a.mirroredOutage(),
		Desktops: a.known.Head(),
	}
	holds := a.holds.Load()
	f.HeldBack, f.Accepted = holds.Versions(), holds.Accepted
	for _, p := range in.peers {
		if p.heard {
			f.Heard = append(f.Heard, p.passedOn())
		}
	}
	if snapshot, ok := a.snapshots.Current(); ok {
		f.Counts = snapshot.Index.Site().Counts()
		f.Config, f.ConfigAge = snapshot.Version, site.Duration(ageOf(snapshot.Imported, in.wall).D().Truncate(toldAge))
		snapshot.Release()
	}
	if idle, asked := a.front.idle(now); asked {
		f.FrontIdle = toldIdle(idle, in.settings)
	}
	if a.serving != nil {
		stats := a.serving.engine.Stats()
		f.Registrations, f.Sessions = stats.Registrations, stats.Sessions
	}
	return f
}
