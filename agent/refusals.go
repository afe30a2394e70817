package agent

import (
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/events"
	"understudy/site"
)

// Bounds of what is told of refused registrations: a desktop that is refused tries
// again and again, and anybody may name any machine.
const (
	refusalQuiet = 10 * time.Minute
	refusalLimit = 256
)

// refusals remembers of which machines it was told that they were refused.
type refusals struct {
	mu   sync.Mutex // guards told
	told map[site.FQDN]time.Time
}

// worth reports whether a refusal is to be told of: once in a while for each
// machine, and of so many machines only.
func (r *refusals) worth(now time.Time, machine site.FQDN) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at, ok := r.told[machine]; ok && now.Sub(at) < refusalQuiet {
		return false
	}
	if len(r.told) >= refusalLimit {
		r.forget(now)
	}
	if len(r.told) >= refusalLimit {
		return false
	}
	if r.told == nil {
		r.told = map[site.FQDN]time.Time{}
	}
	r.told[machine] = now
	return true
}

func (r *refusals) forget(now time.Time) {
	for machine, at := range r.told {
		if now.Sub(at) >= refusalQuiet {
			delete(r.told, machine)
		}
	}
}

// refusedRegistration tells operators of a desktop that was not let in (LHC-33).
func (a *Agent) refusedRegistration(machine site.FQDN, reason string) {
	if a.refused.worth(time.Now(), machine) {
		a.log.raise(events.RegistrationRefused, reason, logrus.Fields{"machine": string(machine)})
	}
}
