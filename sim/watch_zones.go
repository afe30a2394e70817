package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"understudy/site"
	"understudy/zone"
)

// sight is what the watch sees of one zone's inner network.
type sight struct {
	// up are the connectors that run and are not paused; whole says that all of them
	// reach each other, and split when they last did not.
	up    []site.FQDN
	whole bool
	split time.Time
	// pattern is who reaches whom, and whom each takes for active; settled is since
	// when that has been as it is, with nobody starting and no delay or loss.
	pattern string
	settled time.Time
	// office is who had it last in the steady zone.
	office site.FQDN
	// double is when more than one connector was last away.
	double time.Time
}

// survey looks at the networks of the zones, before any rule does.
func (w *watch) survey(v *view) {
	for _, z := range w.run.world.Zones() {
		s := w.zones[z]
		if s == nil {
			s = &sight{settled: v.now, split: v.now, double: v.now}
			w.zones[z] = s
		}
		w.see(s, z, v)
	}
}

func (w *watch) see(s *sight, z string, v *view) {
	all := w.run.connectorsOf(z)
	s.up, s.whole = nil, true
	var pattern strings.Builder
	away, rough := 0, false
	for _, name := range all {
		o, runs := v.connectors[name]
		if !runs || w.run.isPaused(name) {
			away++
			continue
		}
		s.up = append(s.up, name)
		fmt.Fprintln(&pattern, name, o.Actives)
		if o.Starting {
			away++
			rough = true
		}
	}
	for _, a := range s.up {
		for _, b := range s.up {
			reaches := w.run.reaches(a, b)
			s.whole = s.whole && reaches
			rough = rough || w.run.isRough(a, b)
			fmt.Fprintf(&pattern, "%s %s %t;", a, b, reaches)
		}
	}
	if text := pattern.String(); text != s.pattern || rough {
		s.pattern, s.settled = text, v.now
	}
	if !s.whole {
		s.split = v.now
	}
	if away > 1 {
		s.double = v.now
	}
}

// steady reports whether a zone's inner network has been as it is for so long that
// all of it must have been taken in, and no order is under way.
func (w *watch) steady(z string, v *view) bool {
	s := w.zones[z]
	return v.now.Sub(s.settled) > w.slack() && v.now.Sub(w.run.ordered) > w.slack()
}

// whole reports whether in a steady zone all that run reach each other.
func (w *watch) whole(z string, v *view) bool {
	return w.steady(z, v) && w.zones[z].whole && len(w.zones[z].up) > 0
}

// allHA reports whether all of the zone that run are in HA mode.
func (w *watch) allHA(z string, v *view) bool {
	for _, name := range w.zones[z].up {
		if !v.connectors[name].State.HA() {
			return false
		}
	}
	return true
}

// quorate reports whether those that run may serve by the zone's policy: under
// majority they are more than half of the active ones, by everybody's list.
func (w *watch) quorate(z string, v *view) bool {
	if w.settings().Policy != site.Majority {
		return true
	}
	for _, name := range w.zones[z].up {
		near := 0
		for _, other := range v.connectors[name].Actives {
			if slices.Contains(w.zones[z].up, other) {
				near++
			}
		}
		if 2*near <= len(v.connectors[name].Actives) {
			return false
		}
	}
	return true
}

func (w *watch) settings() site.Settings { return w.run.plan.Shape.Settings.WithDefaults() }

func (w *watch) zoneOf(name site.FQDN) string {
	for _, c := range w.run.world.Connectors() {
		if c.FQDN == name {
			return c.Zone
		}
	}
	return ""
}

// isPaused reports whether a connector that runs stands still.
func (r *run) isPaused(name site.FQDN) bool {
	r.net.mu.Lock()
	defer r.net.mu.Unlock()
	l := r.hosts[string(name)].life
	return l != nil && l.paused
}

// isRough reports whether what one sends to the other is late or lost.
func (r *run) isRough(a, b site.FQDN) bool {
	r.net.mu.Lock()
	defer r.net.mu.Unlock()
	v := r.net.ways[way{string(a), string(b)}]
	return v != nil && (v.slow > 0 || v.lossy > 0)
}

// leftovers (LHC-16): in Normal there is no secondary broker any more, and none of
// what has registered with it.
func (w *watch) leftovers(v *view) {
	for name, o := range v.connectors {
		left := len(w.run.world.Agent(name).Registrations().Items)
		normal := o.State == zone.Normal && !o.Starting
		if w.lasting(string(name)+" leftovers", v.now, normal && (o.Office || left > 0), 2*time.Second) {
			w.broken(ruleLeftovers, fmt.Sprintf("%s is Normal, and still has %d registrations of the outage", name, left))
		}
	}
}

// lists (RAS-02): under majority no list of connectors is taken into use that
// differs by more than one active connector from the one before.
func (w *watch) lists(v *view) {
	if w.settings().Policy != site.Majority {
		return
	}
	for name, o := range v.connectors {
		was, known := w.last[name]
		if !known || len(was.Actives) == 0 || len(o.Actives) == 0 {
			continue
		}
		steps := max(1, o.Lists-was.Lists) // several may be taken in one instant
		if apart(was.Actives, o.Actives) > steps {
			w.broken(ruleLists, fmt.Sprintf("%s went from the active connectors %s to %s in %d steps", name, was.Actives, o.Actives, steps))
		}
	}
}

func apart(a, b []site.FQDN) int {
	n := 0
	for _, name := range a {
		if !slices.Contains(b, name) {
			n++
		}
	}
	for _, name := range b {
		if !slices.Contains(a, name) {
			n++
		}
	}
	return n
}

// firstElected (LHC-21): in a steady zone everybody takes the first by rank for
// elected, once who has lost the office may have it again.
func (w *watch) firstElected(v *view) {
	s := w.settings()
	if s.Policy != site.Available || !s.Preempts() {
		return
	}
	for _, z := range w.run.world.Zones() {
		first := w.first(z, v)
		for _, name := range w.zones[z].up {
			elected := v.connectors[name].Elected
			wrong := w.whole(z, v) && first != "" && elected != first
			if w.lasting(string(name)+" first", v.now, wrong, s.PreemptAfter.D()+w.slack()) {
				w.broken(ruleFirst, fmt.Sprintf("%s takes %q for elected in the steady zone %s, though %s ranks first and could serve", name, elected, z, first))
			}
		}
	}
}

// first is who ranks first of those that run and can serve: active connectors
// before standbys, who is draining last, by name.
func (w *watch) first(z string, v *view) site.FQDN {
	for class := range 3 {
		for _, name := range w.zones[z].up {
			o := v.connectors[name]
			if o.CanServe && !o.Starting && rank(!slices.Contains(o.Actives, name), o.Draining) == class {
				return name
			}
		}
	}
	return ""
}

func rank(standby, draining bool) int {
	switch {
	case draining:
		return 2
	case standby:
		return 1
	}
	return 0
}
