package agent

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"understudy/zone"
)

// scheduled runs the schedule of an agent for a while and returns when it began
// each sync, in whole seconds. each is what a sync does, by its number.
func scheduled(t *testing.T, d time.Duration, each func(ctx context.Context, n int)) []int {
	t.Helper()
	a := scheduling(t)
	a.learnSite(t)
	return syncsOf(t, a, d, each)
}

// scheduling is an agent with a schedule and without a snapshot.
func scheduling(t *testing.T) *Agent {
	t.Helper()
	a, with := muted(Options{SyncInterval: DefaultSyncInterval}), withSnapshot(t, true)
	a.snapshots = with.snapshots
	a.syncNow, a.syncing = make(chan struct{}, 1), make(chan struct{}, 1)
	a.wakeup = make(chan struct{}, 1)
	a.stance.Store(&stance{state: zone.Normal})
	return a
}

// syncsOf runs the schedule of this one.
func syncsOf(t *testing.T, a *Agent, d time.Duration, each func(ctx context.Context, n int)) []int {
	t.Helper()
	began := time.Now()
	var at []int
	a.o.Env.Gate = func(ctx context.Context) error {
		at = append(at, int(time.Since(began).Seconds()))
		each(ctx, len(at))
		return errors.New("that is all this test wants to see")
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.schedule(ctx) }()
	a.syncSoon() // as the end of the start does
	time.Sleep(d)
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	return at
}

// near reports whether the syncs began at these times, give or take the spread
// of a fortieth of the interval.
func near(got, want []int) bool {
	return slices.EqualFunc(got, want, func(g, w int) bool { return g >= w-1 && g <= w+3 })
}

// LHC-01: "The configuration synchronizer asks the cloud broker every 60 s", and
// once at the start.
func TestSyncEveryMinuteAndAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := scheduled(t, 250*time.Second, func(context.Context, int) {})
		if want := []int{0, 60, 120, 180, 240}; !near(got, want) {
			t.Errorf("synced at %v s, want about %v", got, want)
		}
	})
}

// A sync that lasts longer than the interval is not joined by a second one, and
// one that panics is not the last.
func TestSlowAndPanickingSyncs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got := scheduled(t, 370*time.Second, func(ctx context.Context, n int) {
			switch n {
			case 2: // from 60 on
				select {
				case <-ctx.Done():
				case <-time.After(130 * time.Second):
				}
			case 3: // at 240
				panic("a sync went wrong")
			}
		})
		if want := []int{0, 60, 240, 300, 360}; !near(got, want) {
			t.Errorf("synced at %v s, want about %v", got, want)
		}
	})
}
