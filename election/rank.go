package election

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"understudy/site"
)

// order is everybody of the zone by rank: active connectors before standbys,
// those before who is draining, and each of these in the order of names.
func (v View) order(running map[site.FQDN]Word) []site.FQDN {
	order := slices.Clone(v.Zone)
	slices.SortFunc(order, func(a, b site.FQDN) int {
		return cmp.Or(cmp.Compare(v.class(a, running), v.class(b, running)), strings.Compare(string(a), string(b)))
	})
	return slices.Compact(order)
}

// class is 0 for active connectors, 1 for standbys, and 2 for who is draining.
func (v View) class(name site.FQDN, running map[site.FQDN]Word) int {
	switch {
	case running[name].Draining:
		return 2
	case v.standby(name):
		return 1
	}
	return 0
}

func (v View) standby(name site.FQDN) bool { return slices.Contains(v.Standbys, name) }

// eligible reports whether a connector may be elected that is not the incumbent. A
// standby waits for active ones that are starting (RAS-04).
func (v View) eligible(name site.FQDN, running map[site.FQDN]Word) bool {
	w, ok := running[name]
	return ok && w.candidate() && v.electable(name, running) && !(v.standby(name) && v.standsBack(running))
}

// standsBack: under majority standbys are only promoted.
func (v View) standsBack(running map[site.FQDN]Word) bool {
	return v.Policy == site.Majority || v.activeStarting(running)
}

func (v View) activeStarting(running map[site.FQDN]Word) bool {
	for name, w := range running {
		if w.Starting && !v.standby(name) {
			return true
		}
	}
	return false
}

// handedOver: the last record of a hand-over names the next one, for a deadline.
func (v View) handedOver(now time.Time, running map[site.FQDN]Word) (Result, bool) {
	next := v.Record.Successor
	if next == "" || !running[next].candidate() || now.Sub(v.Held) > v.Deadline {
		return Result{}, false
	}
	return Result{Elected: next, Reason: string(v.Record.Writer) + " handed the office over to " + string(next)}, true
}

// challenged: the incumbent stays elected and, where there is one, names who is
// to take over: who ranks before it, or anybody when the incumbent is leaving, but
// only while each of the two hears the other.
func (v View) challenged(running map[site.FQDN]Word) Result {
	incumbent := v.Record.Writer
	order := v.order(running)
	leaving := running[incumbent].Leaving
	for _, name := range order {
		if name == incumbent {
			if leaving {
				continue
			}
			break
		}
		if v.eligible(name, running) && mutual(running, name, incumbent) && (leaving || v.mayPreempt(name, running)) {
			return Result{Elected: incumbent, Successor: name, Reason: v.why(name, running)}
		}
	}
	return Result{Elected: incumbent, Reason: string(incumbent) + " holds the office" + v.absent(order, incumbent, running)}
}

// mayPreempt: a standby or one that is draining always gives way to one that is
// neither; among equals the zone's setting decides, and who lost the office waits.
func (v View) mayPreempt(name site.FQDN, running map[site.FQDN]Word) bool {
	if _, waits := v.Waiting[name]; waits {
		return false
	}
	return v.Preempt || v.class(name, running) < v.class(v.Record.Writer, running)
}

func mutual(running map[site.FQDN]Word, a, b site.FQDN) bool {
	_, ab := running[a].Hears[b]
	_, ba := running[b].Hears[a]
	return ab && ba
}

func (v View) first(running map[site.FQDN]Word) Result {
	order := v.order(running)
	for _, name := range order {
		if v.eligible(name, running) {
			reason := string(name) + " is the first running connector that can serve"
			return Result{Elected: name, Reason: reason + v.absent(order, name, running)}
		}
	}
	return Result{Reason: "no running connector can serve" + v.absent(order, "", running)}
}
