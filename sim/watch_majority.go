package sim

import (
	"fmt"

	"understudy/site"
)

// minority: under majority nobody serves whom less than half of the active
// connectors can hear; they may need the deadline to find out.
func (w *watch) minority(v *view, z string, all []site.FQDN) {
	for _, name := range all {
		o, near := v.connectors[name], 0
		for _, other := range o.Actives {
			if w.run.reaches(name, other) || w.run.isStopping(string(other)) { // who stops votes to its end
				near++
			}
		}
		alone := o.Accepts && o.State.HA() && o.Record.Promotion == nil && 2*near <= len(o.Actives)
		if w.lasting(string(name)+" minority", v.now, alone, w.settings().Deadline.D()+watchEvery) {
			w.broken(ruleOneServes, fmt.Sprintf("%s serves in %s with %d of %d active connectors", name, z, near, len(o.Actives)))
		}
	}
}

// twoServe: no two serve at one moment, however broken the zone is, unless an operator
// has promoted one: the words that elect a connector lapse before others name another.
func (w *watch) twoServe(v *view, z string, all []site.FQDN) {
	by, serving := "", 0
	for _, name := range all {
		if o := v.connectors[name]; o.Accepts && o.State.HA() {
			if o.Record.Promotion != nil {
				return
			}
			by += fmt.Sprintf(" %s by record %d", name, o.Record.Number)
			serving++
		}
	}
	if serving > 1 {
		w.broken(ruleOneServes, fmt.Sprintf("in %s %d serve at one moment:%s", z, serving, by))
	}
}
