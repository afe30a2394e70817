package site

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// way is a place between two sites: everything is as in the later one, but for the
// connectors that are not taken from it yet and the policies that must wait.
type way struct {
	from, to *Site
	old, new map[FQDN]Connector
	machines map[FQDN]bool
	// careful are the zones with a majority before and after; relaxed give it up, so
	// their connectors change after the policy; tightened get it, when all has changed.
	careful, relaxed, tightened map[string]bool
	// single change the active connectors of a careful zone, late those of a relaxed
	// one.
	single, late []FQDN
	taken        map[FQDN]bool
}

func newWay(from, to *Site) *way {
	w := &way{
		from: from, to: to, old: byFQDN(from), new: byFQDN(to), machines: map[FQDN]bool{},
		careful: map[string]bool{}, relaxed: map[string]bool{}, tightened: map[string]bool{}, taken: map[FQDN]bool{},
	}
	for i := range to.Machines {
		w.machines[to.Machines[i].Name] = true
	}
	w.sortZones()
	w.sortNames()
	return w
}

func (w *way) sortZones() {
	before := map[string]Policy{}
	for _, z := range w.from.Zones {
		before[z.Name] = z.policy()
	}
	changing := map[string]bool{}
	for _, name := range sortedNames(w.old, w.new) {
		for _, zone := range w.touched(name) {
			changing[zone] = true
		}
	}
	for _, z := range w.to.Zones {
		if !changing[z.Name] {
			continue
		}
		switch was, will := before[z.Name], z.policy(); {
		case was == Majority && will == Majority:
			w.careful[z.Name] = true
		case was == Majority:
			w.relaxed[z.Name] = true
		case was == Available && will == Majority:
			w.tightened[z.Name] = true
		}
	}
}

func (w *way) sortNames() {
	for _, name := range sortedNames(w.old, w.new) {
		zones := w.touched(name)
		switch {
		case slices.ContainsFunc(zones, func(z string) bool { return w.careful[z] }):
			w.single = append(w.single, name)
		case slices.ContainsFunc(zones, func(z string) bool { return w.relaxed[z] }):
			w.late = append(w.late, name)
		default:
			w.take(name)
		}
	}
}

// touched are the zones whose active connectors change with this one.
func (w *way) touched(name FQDN) []string {
	left, joined := activeIn(w.old, name), activeIn(w.new, name)
	if left == joined {
		return nil
	}
	return slices.DeleteFunc([]string{left, joined}, func(zone string) bool { return zone == "" })
}

// activeIn is the zone in which a connector is active.
func activeIn(list map[FQDN]Connector, name FQDN) string {
	c, is := list[name]
	if !is || c.Standby {
		return ""
	}
	return c.Zone
}

func (w *way) take(names ...FQDN) {
	for _, name := range names {
		w.taken[name] = true
	}
}

// site is the version at this place.
func (w *way) site() *Site {
	s := *w.to
	s.Zones, s.Connectors = slices.Clone(w.to.Zones), w.connectors()
	for i := range s.Zones {
		if w.tightened[s.Zones[i].Name] {
			s.Zones[i].Settings.Policy = Available
		}
	}
	return &s
}

func (w *way) connectors() []Connector {
	known := map[string]bool{}
	for _, z := range w.to.Zones {
		known[z.Name] = true
	}
	var list []Connector
	for _, c := range w.to.Connectors {
		if w.taken[c.FQDN] {
			list = append(list, c)
		}
	}
	for _, c := range w.from.Connectors {
		if !w.taken[c.FQDN] && known[c.Zone] {
			list = append(list, c)
		}
	}
	return list
}

// order says in which order the single changes can be made, each of which gives a
// valid site. It tries another order where one comes to an end too early, as when a
// new connector has the address of one that has not left yet.
func (w *way) order() ([]FQDN, error) {
	tried := map[string]bool{}
	var fault error
	var search func(done []FQDN) []FQDN
	search = func(done []FQDN) []FQDN {
		if len(done) == len(w.single) {
			return done
		}
		for _, name := range w.candidates() {
			w.take(name)
			key := w.key()
			if !tried[key] && len(tried) < maxTried {
				tried[key] = true
				if err := w.check(); err != nil {
					fault = err
				} else if all := search(append(done, name)); all != nil {
					delete(w.taken, name)
					return all
				}
			}
			delete(w.taken, name)
		}
		return nil
	}
	order := search(make([]FQDN, 0, len(w.single)))
	if order == nil {
		return nil, noWay(fault)
	}
	return order, nil
}

// maxTried bounds the search; without a clash of addresses the first order will do.
const maxTried = 10000

func (w *way) key() string {
	var key strings.Builder
	for _, name := range slices.Sorted(maps.Keys(w.taken)) {
		key.WriteString(string(name) + " ")
	}
	return key.String()
}

// candidates are the changes still to be made, first those that bring a zone
// nearer to the number of active connectors that it will have; where it has that, a
// new one comes before an old one goes.
func (w *way) candidates() []FQDN {
	active := map[string]int{}
	for _, c := range w.connectors() {
		if !c.Standby {
			active[c.Zone]++
		}
	}
	for _, c := range w.to.Connectors {
		if !c.Standby {
			active[c.Zone]--
		}
	}
	var first, then []FQDN
	for _, name := range w.single {
		left, joined := activeIn(w.old, name), activeIn(w.new, name)
		switch {
		case w.taken[name]:
		case w.careful[left] && active[left] > 0, !w.careful[left] && active[joined] <= 0:
			first = append(first, name)
		default:
			then = append(then, name)
		}
	}
	return append(first, then...)
}

// check looks at what connectors and zones can be wrong about.
func (w *way) check() error {
	s := &Site{Name: w.to.Name, Zones: w.to.Zones, Connectors: w.connectors()}
	if faults := s.Validate(); len(faults) > 0 {
		return errors.New(faults[0].Text)
	}
	for _, c := range s.Connectors {
		if w.machines[c.FQDN] {
			return fmt.Errorf("%s is the name of a machine too", c.FQDN)
		}
	}
	return nil
}
