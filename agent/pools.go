package agent

import (
	"time"

	"understudy/broker"
	"understudy/site"
	"understudy/wire"
)

// The forecast goes by the launches of the last hour, and waits for a few minutes of
// them: a morning's first launch says nothing.
const (
	poolWindow = time.Hour
	poolStep   = time.Minute
	poolLeast  = 2 * time.Minute
)

// poolUse is how many desktops of each group had been taken at a moment.
type poolUse struct {
	at    time.Time
	taken map[string]int
}

// poolStatus counts the pooled desktops and forecasts when none is left (LHC-34).
func (s *serving) poolStatus(now time.Time) []wire.PoolStatus {
	pools := s.engine.Pools()
	s.sample(now, pools)
	var list []wire.PoolStatus
	for _, p := range pools {
		status := wire.PoolStatus{Group: p.Group, Machines: p.Machines, Left: p.Left, Away: p.Away}
		if in, ok := s.forecast(now, p); ok {
			rounded := site.Duration(in.Round(time.Minute))
			status.EmptyIn = &rounded
		}
		list = append(list, status)
	}
	return list
}

// sample keeps one count a minute, for an hour.
func (s *serving) sample(now time.Time, pools []broker.Pool) {
	if n := len(s.uses); n > 0 && now.Sub(s.uses[n-1].at) < poolStep {
		return
	}
	use := poolUse{at: now, taken: map[string]int{}}
	for _, p := range pools {
		use.taken[p.Group] = p.Taken
	}
	s.uses = append(s.uses, use)
	for now.Sub(s.uses[0].at) > poolWindow {
		s.uses = s.uses[1:]
	}
}

func (s *serving) forecast(now time.Time, p broker.Pool) (time.Duration, bool) {
	oldest := s.uses[0]
	elapsed := now.Sub(oldest.at)
	if elapsed < poolLeast {
		return 0, false
	}
	return broker.Forecast(p.Left, p.Taken-oldest.taken[p.Group], elapsed)
}
