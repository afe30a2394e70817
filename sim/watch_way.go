package sim

import (
	"fmt"
	"time"

	"understudy/agent"
	"understudy/relay"
	"understudy/site"
)

const ruleWay = "way"

// ways holds what a connector says of its health to the network (NEW-03): healthy only
// while it, or the peer through which it goes, can reach the cloud broker; and healthy
// where a peer can be gone through.
func (w *watch) ways(v *view) {
	for _, c := range w.run.world.Connectors() {
		name := c.FQDN
		o, up := v.connectors[name]
		up = up && o.Checked && !o.Starting && !w.run.isPaused(name)
		lost := up && o.Healthy && !w.way(name, o)
		if w.lasting(string(name)+" no way", v.now, lost, w.noticed()) {
			w.broken(ruleWay, fmt.Sprintf("%s is healthy through %q, and that does not reach the cloud broker", name, o.Via))
		}
		helper := w.helper(name, v)
		missed := up && !o.Healthy && helper != "" && w.calmCloud()
		if w.lasting(string(name)+" helped", v.now, missed, 2*w.noticed()) {
			w.broken(ruleWay, fmt.Sprintf("%s is not healthy, though %s reaches the cloud broker for it", name, helper))
		}
	}
}

// noticed is within what time a change must have been seen by a check: one that began
// before it ended, two tries each way, and a peer that was asked in vain.
func (w *watch) noticed() time.Duration {
	return w.settings().HealthInterval.D() + 8*relay.DefaultTry
}

// way reports whether the cloud broker is reached as the connector says that it is.
func (w *watch) way(name site.FQDN, o agent.Observed) bool {
	if o.Via == "" {
		return w.run.reaches(name, cloudName)
	}
	return w.run.reaches(name, o.Via) && w.run.reaches(o.Via, cloudName)
}

// helper is a peer that a connector could go through: each says that it hears the other
// one, and the peer reaches the cloud broker for long.
func (w *watch) helper(name site.FQDN, v *view) site.FQDN {
	z := w.zoneOf(name)
	if !w.steady(z, v) || !w.zones[z].whole || w.run.plan.Shape.NoPeerRelay {
		return ""
	}
	for _, p := range w.zones[z].up {
		o := v.connectors[p]
		if p != name && w.run.alike(p, name) && o.Healthy && o.Via == "" && !w.run.isRough(p, cloudName) && v.now.Sub(w.moves.well[p]) > w.noticed() {
			return p
		}
	}
	return ""
}

// calmCloud reports whether the cloud broker answers as it should.
func (w *watch) calmCloud() bool {
	slow, errors, garbage := w.run.cloud.now()
	return slow == 0 && errors == 0 && garbage == 0
}
