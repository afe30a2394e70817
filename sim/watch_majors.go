package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/broker"
	"understudy/events"
	"understudy/site"
	"understudy/wire"
	"understudy/zone"
)

const ruleMajors = "majors"

// majorsEvery is how often it is looked at what connectors have of each other's state.
const majorsEvery = 500 * time.Millisecond

// majors holds connectors of different major versions apart (ADC-04).
func (w *watch) majors(v *view) {
	if !w.run.mixed() || v.now.Before(w.apart) {
		return
	}
	w.apart = v.now.Add(majorsEvery)
	for _, z := range w.run.world.Zones() {
		w.noLeasePassed(z, v)
		w.toldApart(z, v)
	}
}

// noLeasePassed: a lease is made by one process and lives in memory, so it can be with
// two connectors only where one has it from the other, on whatever way.
func (w *watch) noLeasePassed(z string, v *view) {
	with := map[string]site.FQDN{}
	for _, name := range w.run.connectorsOf(z) {
		if _, up := v.connectors[name]; !up {
			continue
		}
		for _, i := range w.run.world.Agent(name).Copy().Items {
			if i.Kind != broker.ItemHost {
				continue
			}
			if first := with[i.LeaseText()]; first != "" && !w.run.alike(first, name) {
				w.broken(ruleMajors, fmt.Sprintf("%s and %s speak different major versions, and both have lease %.6s of %s", first, name, i.LeaseText(), i.Machine))
			}
			with[i.LeaseText()] = name
		}
	}
}

// toldApart: each names the others that differ, and no others; in an outage who can have
// no state of the elected one says why.
func (w *watch) toldApart(z string, v *view) {
	for _, name := range w.zones[z].up {
		peers := w.run.world.Agent(name).Peers()
		for _, other := range w.zones[z].up {
			why := ""
			if other != name && w.steady(z, v) && w.run.reaches(name, other) {
				why = w.untold(name, other, peers)
			}
			if w.lasting(fmt.Sprint(name, " tells of ", other), v.now, why != "", w.slack()) {
				w.broken(ruleMajors, why)
			}
		}
		why := w.unexplained(z, name, v)
		if w.lasting(string(name)+" tells of the mirror", v.now, why != "", w.slack()) {
			w.broken(ruleMajors, why)
		}
	}
}

func (w *watch) untold(name, other site.FQDN, peers []wire.PeerStatus) string {
	speaks, _ := w.run.version(other)
	i := slices.IndexFunc(peers, func(p wire.PeerStatus) bool { return p.FQDN == other })
	if i < 0 {
		return "" // its list of connectors is another one
	}
	if p := peers[i]; p.Protocol != speaks || (p.Differs == "") != w.run.alike(name, other) {
		return fmt.Sprintf("%s says that %s speaks version %q (%q), and that speaks %s", name, other, p.Protocol, p.Differs, speaks)
	}
	return ""
}

func (w *watch) unexplained(z string, name site.FQDN, v *view) string {
	elected := v.connectors[name].Elected
	if !w.whole(z, v) || !w.allHA(z, v) || elected == "" || w.run.alike(name, elected) || !slices.Contains(w.zones[z].up, elected) {
		return ""
	}
	if m := w.run.world.Agent(name).Status().Mirror; m.WhyNot == "" || m.From != "" {
		return fmt.Sprintf("%s says of its mirror %+v, and the elected %s speaks another major version", name, m, elected)
	}
	return ""
}

// changedMajor: who takes over from a connector of another major version has none of its
// leases, and does so only where nobody is left who has them all.
func (w *watch) changedMajor(v *view, was *office, now site.FQDN) {
	has := leasesOf(w.run.world.Agent(now).Leased())
	for machine, l := range was.leases {
		if has[machine] == l.id {
			w.broken(ruleMajors, fmt.Sprintf("%s took over from %s of another major version and knows the lease of %s", now, was.by, machine))
		}
	}
	if v.now.Sub(was.at) > mirrored/2 || v.now.Sub(w.run.ordered) < w.slack() {
		return // the copies of the others are old, or an operator wants it so
	}
	for _, other := range w.run.connectorsOf(w.zoneOf(now)) {
		if (w.knewAll(v, was, other) || w.servedOn(v, was, other)) && w.run.reaches(now, other) {
			w.broken(ruleMajors, fmt.Sprintf("%s took over from %s of another major version, though %s has its state and could serve", now, was.by, other))
		}
	}
}

// knewAll reports whether a connector has had the whole state of who served for long, and
// could serve, then and now.
func (w *watch) knewAll(v *view, was *office, other site.FQDN) bool {
	since, near := was.near[other]
	then, before := w.last[other]
	o, up := v.connectors[other]
	if !near || !before || !up || was.at.Sub(since) < mirrored || w.run.isPaused(other) {
		return false
	}
	if !then.CanServe || !o.CanServe || o.Draining || o.Starting || o.State == zone.Normal || !slices.Contains(o.Actives, other) {
		return false
	}
	c := w.run.world.Agent(other).Copy()
	return c.Whole && c.Outage == was.outage
}

// servedOn reports whether who served could have gone on, in a steady zone.
func (w *watch) servedOn(v *view, was *office, other site.FQDN) bool {
	then, before := w.last[other]
	o, up := v.connectors[other]
	return other == was.by && before && up && len(was.leases) > 0 && w.whole(w.zoneOf(other), v) && then.CanServe && !o.Draining && slices.Contains(o.Actives, other)
}

// copiedFrom: a snapshot comes from peers of the same major version only.
func (w *watch) copiedFrom(who string, fields logrus.Fields) {
	name, _ := fields["event"].(string)
	from := site.FQDN(text(fields["peer"]))
	if events.Name(name) != events.SnapshotFromPeer || from == "" || w.run.alike(site.FQDN(who), from) {
		return
	}
	if _, since := w.run.version(from); time.Since(since) > mirrored { // and not what the process before it gave
		w.broken(ruleMajors, fmt.Sprintf("%s has taken a snapshot of %s, which speaks another major version", who, from))
	}
}
