package sim

import (
	"fmt"
	"maps"
	"time"

	"understudy/agent"
	"understudy/broker"
	"understudy/site"
	"understudy/zone"
)

const ruleMirror = "mirror"

// mirrored is how long a desktop must have been registered, and its broker must have
// been reached, for its lease to be with the peers: a request for the mirror over a
// network that has just healed may hang for some seconds first.
const mirrored = 8 * time.Second

// office is who served a zone when it was last looked at, and what it had.
type office struct {
	by site.FQDN
	// version is what it speaks.
	version string
	outage  string
	at      time.Time
	leases  map[site.FQDN]lease
	// successor is whom it has handed the office over to.
	successor site.FQDN
	// near are those that could mirror it, and since when.
	near map[site.FQDN]time.Time
}

type lease struct {
	id    string
	since time.Time
	// ends is when it lapses without another heartbeat, where others mirror it.
	ends time.Time
}

// takeovers: who takes over in the outage has every lease of stateful groups that its
// predecessor had, if it could mirror that one until then: no desktop needs to register
// anew. Of other groups it has none: nothing of them is exchanged (ADC-01).
func (w *watch) takeovers(v *view) {
	for _, z := range w.run.world.Zones() {
		serving := accepting(w.run.connectorsOf(z), v)
		if len(serving) != 1 {
			w.nobody(v, z, len(serving))
			continue
		}
		now, was := serving[0], w.offices[z]
		o := v.connectors[now]
		if was != nil && was.by != now && was.outage == o.Record.Outage {
			w.tookOver(v, was, now)
		}
		w.offices[z] = w.nextOffice(v, was, now, o)
	}
}

// nobody serves at the moment: perhaps the office is on its way.
func (w *watch) nobody(v *view, z string, serving int) {
	was := w.offices[z]
	switch {
	case was == nil:
	case serving > 1:
		delete(w.offices, z)
	case v.connectors[was.by].Record.Successor != "":
		was.successor = v.connectors[was.by].Record.Successor
	}
	if was != nil {
		// What one had mirrored is gone when it is: leases are in no file.
		maps.DeleteFunc(was.near, func(name site.FQDN, _ time.Time) bool { _, up := v.connectors[name]; return !up })
	}
}

func (w *watch) tookOver(v *view, was *office, now site.FQDN) {
	if version, _ := w.run.version(now); version != was.version {
		w.changedMajor(v, was, now)
		return
	}
	has := leasesOf(w.run.world.Agent(now).Leased())
	for machine, l := range was.leases {
		if !w.run.stateful(machine) && has[machine] == l.id {
			w.broken(ruleMirror, fmt.Sprintf("%s took over from %s and knows the lease of %s, which is not of a stateful group", now, was.by, machine))
		}
	}
	since, near := was.near[now]
	if !near || was.successor != now && was.at.Sub(since) < mirrored {
		return
	}
	for machine, l := range was.leases {
		if !w.run.stateful(machine) {
			continue
		}
		d, up := v.desktops[string(machine)]
		if !up || len(d.Lease) < len(l.id) || was.at.Sub(l.since) < mirrored || !v.now.Before(l.ends) || w.lapsing(machine, v) {
			continue
		}
		if holds := d.Lease[:6] == l.id[:6]; holds && has[machine] != l.id {
			w.broken(ruleMirror, fmt.Sprintf("%s took over from %s and does not know the lease of %s", now, was.by, machine))
		}
	}
}

// lapsing: a desktop that has just started, or has another lease by now, shows nothing.
func (w *watch) lapsing(machine site.FQDN, v *view) bool {
	was, ok := w.held[string(machine)]
	return !ok || was.Lease != v.desktops[string(machine)].Lease
}

func (w *watch) nextOffice(v *view, was *office, by site.FQDN, o agent.Observed) *office {
	next := &office{by: by, outage: o.Record.Outage, at: v.now, leases: map[site.FQDN]lease{}, near: map[site.FQDN]time.Time{}}
	next.version, _ = w.run.version(by)
	same := was != nil && was.by == by && was.outage == next.outage && was.version == next.version
	source := w.run.world.Agent(by)
	ends := endsOf(source, v.now)
	for machine, id := range leasesOf(source.Leased()) {
		l := lease{id, v.now, ends[machine]}
		if same && was.leases[machine].id == id {
			l.since = was.leases[machine].since
		}
		next.leases[machine] = l
	}
	for _, other := range w.run.connectorsOf(w.zoneOf(by)) {
		p, up := v.connectors[other]
		if other == by || !up || p.Starting || p.State == zone.Normal || p.Record.Outage != next.outage || !w.run.reaches(by, other) || !w.run.alike(by, other) {
			continue
		}
		if w.settings().Policy == site.Majority && p.Elected != by {
			continue // it hears too few to know whom to mirror, and may be given the office for all that
		}
		next.near[other] = v.now
		if at, ok := since(was, other); same && ok {
			next.near[other] = at
		}
	}
	return next
}

func since(was *office, other site.FQDN) (time.Time, bool) {
	if was == nil {
		return time.Time{}, false
	}
	at, ok := was.near[other]
	return at, ok
}

// endsOf is when the leases lapse that others mirror.
func endsOf(a *agent.Agent, now time.Time) map[site.FQDN]time.Time {
	out := map[site.FQDN]time.Time{}
	for _, i := range a.Copy().Items {
		if i.Kind == broker.ItemHost {
			out[i.Machine] = now.Add(i.Left)
		}
	}
	return out
}
