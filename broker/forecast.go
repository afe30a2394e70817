package broker

import (
	"math"
	"time"

	"understudy/site"
)

// Pool counts the pooled desktops of a group that serve one user each in an outage,
// because nothing resets them (LHC-34).
type Pool struct {
	Group    string
	Machines int
	// Left are registered and free.
	Left int
	// Away are not registered, or not yet.
	Away int
	// Taken counts those that launches have used up since the engine began.
	Taken int
}

// Pools counts the pooled desktops of the engine's zone, in the order of the site;
// groups whose desktops are given out again are not among them.
func (e *Engine) Pools() []Pool {
	e.mu.Lock()
	defer e.mu.Unlock()
	var list []Pool
	for _, g := range e.index.Site().Groups {
		n := len(e.index.MachinesOf(g.Name, e.o.Zone))
		if g.Kind != site.Pooled || e.reuse(&g) || n == 0 {
			continue
		}
		p := Pool{Group: g.Name, Machines: n, Away: n, Taken: e.taken[g.Name]}
		if of := e.poolBy(poolKey{g.Name, e.o.Zone}); of != nil {
			p.Left, p.Away = len(of.hosts.items), n-of.registered
		}
		list = append(list, p)
	}
	return list
}

// Forecast says when none will be left, if so many more are taken as were taken
// within the elapsed time; without such a rate there is no forecast.
func Forecast(left, taken int, elapsed time.Duration) (time.Duration, bool) {
	if left < 0 || taken <= 0 || elapsed <= 0 {
		return 0, false
	}
	in := float64(left) / float64(taken) * float64(elapsed)
	if in >= math.MaxInt64 {
		return 0, false
	}
	return time.Duration(in), true
}
