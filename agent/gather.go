package agent

import (
	"fmt"
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/env"
	"understudy/events"
	"understudy/site"
	"understudy/wire"
)

// gather collects everything that one round decides from.
func (a *Agent) gather(now time.Time) inputs {
	settings := a.settings()
	a.deadline.Store(int64(settings.Deadline))
	peers := a.peers(now)
	list := a.takeList(peers, settings)
	in := inputs{
		now: now, wall: a.o.Env.Now().UTC(), settings: settings, peers: peers, drained: a.serving.drained() && a.handedOver(),
		newID:    func() string { return env.Short(a.o.Env.Rand("outages"), 10) },
		seenTerm: a.seenTerm.Load(),
		health:   a.health(),
	}
	for _, c := range list.Connectors {
		in.list = append(in.list, c.FQDN)
		if c.Standby {
			in.standbys = append(in.standbys, c.FQDN)
		}
	}
	if a.order != nil {
		in.order = &a.order.OutageOrder
	}
	if a.promotion != nil {
		in.promote = &a.promotion.ElectionOrder
	}
	a.front.learn(now, in.peers)
	a.gate = a.front.gate(now, settings)
	in.gateOpen = a.gate.Open
	a.judgeSelf(now, &in)
	return in
}

// peers are the sights of the mesh in the core's words.
func (a *Agent) peers(now time.Time) []peerWord {
	a.sights = a.mesh.Sights(now)
	words := make([]peerWord, len(a.sights))
	for i, s := range a.sights {
		words[i] = peerWord{fqdn: s.FQDN, heard: s.Heard, answered: s.Answered, facts: s.Facts, at: s.At, echoed: s.Echoed, differs: a.differs(s.Facts) != ""}
	}
	return words
}

// health puts the relay's view into the core's words: trouble is what speaks
// against the cloud broker since the last good check.
func (a *Agent) health() health {
	h := a.relay.Health()
	a.healthSeen = h
	if h.At.Before(a.wokenLate) {
		h.Checked, h.Healthy = false, false // from before the pause
	}
	switch {
	case h.Checked && !h.Healthy:
		return health{checked: true, trouble: h.Reason, via: h.Via}
	case h.Trouble != nil && h.Trouble.At.After(h.At):
		return health{checked: h.Checked, trouble: h.Trouble.Reason, via: h.Via}
	}
	return health{checked: h.Checked, healthy: h.Healthy, via: h.Via}
}

// judgeSelf fills in whether this connector can serve. Nobody else judges it, so
// all decide from the same facts (design 4). The zone's snapshot is the newest that
// a running connector uses and none holds back.
func (a *Agent) judgeSelf(now time.Time, in *inputs) {
	own, usable := a.ownVersion()
	in.usable = usable
	newest, holder := own, a.o.FQDN
	held := a.heldBy(in.peers)
	rival := own                    // the newest of those that could serve instead
	unlike := unlikeNames(in.peers) // whose snapshots this connector may not read
	for _, p := range in.peers {
		if !p.heard || p.facts.Config.IsZero() || held[p.facts.Config] {
			continue
		}
		if newer := p.facts.Config.Compare(newest); newer > 0 || newer == 0 && unlike[holder] {
			newest, holder = p.facts.Config, p.fqdn
		}
		if p.facts.Config.Compare(rival) > 0 && in.couldServe(a.o.FQDN, p) {
			rival = p.facts.Config
		}
	}
	switch {
	case holder == a.o.FQDN:
		a.behindSince = time.Time{}
	case a.behindSince.IsZero():
		a.behindSince = now
	}
	if in.ahead = holder; unlike[holder] {
		in.ahead = a.o.FQDN // the cloud broker has the newer one too
	}
	in.whyNot = a.whyNot(now, usable, rival, own)
	a.catchingUp = ""
	if in.whyNot == "" {
		a.catchingUp = a.notCaughtUp(in)
		in.whyNot = a.catchingUp
	}
	in.canServe = in.whyNot == ""
}

// couldServe: who is behind gives way only to one that could serve instead. To
// one with a broken disk, say, the whole zone would give way for nothing. Under
// majority it is elected only by those that it hears.
func (in *inputs) couldServe(self site.FQDN, p peerWord) bool {
	if !p.facts.CanServe || p.facts.Leaving {
		return false
	}
	heard := slices.ContainsFunc(p.facts.Heard, func(h wire.Heard) bool { return h.FQDN == self })
	return in.settings.Policy != site.Majority || heard && !slices.Contains(in.standbys, p.fqdn)
}

// noSnapshot is why who has no copy of the site cannot serve.
const noSnapshot = "there is no usable snapshot"

func (a *Agent) whyNot(now time.Time, usable bool, newest, own site.Version) string {
	if !a.inList() {
		if !usable && a.list.Load().Version.IsZero() {
			return noSnapshot // nothing is known of the site: no list leaves this one out
		}
		return "the zone's newest list of connectors does not name this one"
	}
	if why := a.disk.why(now); why != "" {
		return why
	}
	if !a.listening.Load() {
		return "the client listener is not up"
	}
	if !usable {
		return noSnapshot
	}
	late := 2 * a.o.SyncInterval
	if newest.Compare(own) > 0 && (a.core.state().HA() || now.Sub(a.behindSince) >= late) {
		return fmt.Sprintf("it uses snapshot %s, the zone has %s", own, newest)
	}
	return ""
}

func (a *Agent) ownVersion() (site.Version, bool) {
	snapshot, ok := a.snapshots.Current()
	if !ok {
		return site.Version{}, false
	}
	defer snapshot.Release()
	return snapshot.Version, true
}

func (a *Agent) inList() bool {
	_, in := a.listed(a.o.FQDN)
	return in
}

// listed is a connector as the newest list of the zone has it.
func (a *Agent) listed(name site.FQDN) (site.Connector, bool) {
	for _, c := range a.list.Load().Connectors {
		if c.FQDN == name {
			return c, true
		}
	}
	return site.Connector{}, false
}

func (a *Agent) clientURL(name site.FQDN) string {
	c, _ := a.listed(name)
	return c.ClientURL
}

// settings are the zone's in the site, or the file's until the first sync.
func (a *Agent) settings() site.Settings {
	snapshot, ok := a.snapshots.Current()
	if !ok {
		return a.o.Settings.WithDefaults()
	}
	defer snapshot.Release()
	if _, known := snapshot.Index.Zone(a.o.Zone); !known {
		return a.o.Settings.WithDefaults()
	}
	return snapshot.Index.Settings(a.o.Zone)
}

// report raises the events of peers that came and went, of the gate, and of
// whether this connector can serve.
func (a *Agent) report(now time.Time, in inputs) {
	for _, s := range a.sights {
		if a.heardBefore[s.FQDN] == s.Heard {
			continue
		}
		a.heardBefore[s.FQDN] = s.Heard
		fields := a.fields(logrus.Fields{"peer": string(s.FQDN), "link": s.Link})
		if s.Heard {
			a.log.raise(events.PeerHeard, string(s.FQDN)+" is heard", fields)
		} else {
			a.log.raise(events.PeerLost, string(s.FQDN)+": "+s.Reason, fields)
		}
	}
	if in.whyNot != a.whyNotSaid {
		a.whyNotSaid = in.whyNot
		if in.whyNot != "" && in.whyNot != a.catchingUp && !a.core.leaving {
			a.log.raise(events.CannotServe, in.whyNot, a.fields(nil))
		}
	}
	if a.gateSaid == nil || *a.gateSaid != a.gate.Open {
		open := a.gate.Open
		a.gateSaid = &open
		a.log.raise(events.GateChanged, a.gate.Reason, a.fields(logrus.Fields{"open": open}))
	}
	a.tellDiffering()
	a.tellBehind(now)
	a.summarise(now)
	a.refreshStatus(now, in)
}

// summarise tells every two minutes how the outage goes (LHC-24).
func (a *Agent) summarise(now time.Time) {
	if a.serving == nil || !a.core.office {
		a.summarised = now
		return
	}
	if now.Sub(a.summarised) < 2*time.Minute {
		return
	}
	a.summarised = now
	stats := a.serving.engine.Stats()
	lasted := now.Sub(a.core.machine.Entered()).Round(time.Second)
	a.log.raise(events.OutageSummary, fmt.Sprintf("%s for %s", a.core.state(), lasted), a.fields(logrus.Fields{
		"registrations": stats.Registrations, "sessions": stats.Sessions,
	}))
}

// electedSince is the present result of the election, for people.
type electedSince struct {
	who   site.FQDN
	since time.Time
}

// inHA reports whether nothing may be swapped now: in HA mode, and before a start
// has found out.
func (a *Agent) inHA() bool {
	s := a.stance.Load()
	return s.starting || s.state.HA()
}
