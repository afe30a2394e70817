package agent

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"understudy/site"
	"understudy/wire"
)

// front knows when a StoreFront or gateway last asked something: of this
// connector, and, over the peers' heartbeats, of the zone (LHC-06). The times are
// on this process's monotonic clock.
type front struct {
	base   time.Time
	lately atomic.Bool // own is not up to date
	mu     sync.Mutex
	own    int64 // nanoseconds after base; the zero value means never
	zone   atomic.Int64
}

// newFront starts from an idle time that an earlier run left behind, by the wall
// clock.
func newFront(now time.Time, idle time.Duration, known bool) *front {
	f := &front{base: now.Add(-365 * 24 * time.Hour)}
	if known {
		f.own = int64(now.Add(-max(0, idle)).Sub(f.base))
	}
	return f
}

// touch notes a request of a StoreFront. In a storm it neither reads the clock nor changes
// what all requests share: asked does so, with every round of the loop.
func (f *front) touch() {
	if !f.lately.Load() {
		f.lately.Store(true)
	}
}

// asked is when this connector was last asked, before now.
func (f *front) asked(now time.Time) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lately.Swap(false) {
		f.own = max(f.own, int64(now.Sub(f.base)))
	}
	return f.own
}

// learn takes over what the peers say.
func (f *front) learn(now time.Time, peers []peerWord) {
	for _, p := range peers {
		if p.heard && p.facts.FrontIdle != nil {
			at := int64(now.Add(-p.facts.FrontIdle.D()).Sub(f.base))
			f.zone.Store(max(f.zone.Load(), at))
		}
	}
}

// idle is how long ago this connector was asked; false: never.
func (f *front) idle(now time.Time) (time.Duration, bool) { return f.since(now, f.asked(now)) }

func (f *front) since(now time.Time, at int64) (time.Duration, bool) {
	if at <= 0 {
		return 0, false
	}
	return max(0, now.Sub(f.base)-time.Duration(at)), true
}

// gate decides whether trouble counts, and says why.
func (f *front) gate(now time.Time, s site.Settings) wire.GateStatus {
	g := wire.GateStatus{Mode: s.Participation, Window: s.ParticipationWindow}
	idle, asked := f.since(now, max(f.asked(now), f.zone.Load()))
	switch {
	case s.Participation == site.Always:
		g.Open, g.Reason = true, "the zone takes part always"
	case !asked:
		g.Reason = "no StoreFront has asked any connector of this zone yet"
	case idle > s.ParticipationWindow.D():
		g.Reason = fmt.Sprintf("the zone's last StoreFront request was %s ago, longer than the window", idle.Round(time.Second))
	default:
		g.Open, g.Reason = true, "a StoreFront has asked within the window"
	}
	return g
}
