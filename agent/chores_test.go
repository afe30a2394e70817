package agent

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// baton passes what a test in a bubble has changed on to the goroutine that it tests,
// and back.
type baton struct{ mu sync.Mutex }

// gate is one that takes over what was changed.
func (b *baton) gate(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return ctx.Err()
}

// rest lets the time pass after a change.
func (b *baton) rest(d time.Duration) {
	func() {
		b.mu.Lock()
		defer b.mu.Unlock()
	}()
	<-time.After(d)
	synctest.Wait()
}

// eachSecond is for chores without a loop.
func eachSecond() <-chan struct{} {
	due := make(chan struct{})
	time.AfterFunc(choreEvery, func() { close(due) })
	return due
}

// Issue 4: "≤ 0.6 % of a core" when idle: chores begin with rounds of the loop, each
// about once a second and no two with the same one.
func TestChoresBeginWithRounds(t *testing.T) {
	var c chores
	now := time.Now()
	done := make([]int, 4)
	dues := make([]<-chan struct{}, len(done))
	next := make([]func() <-chan struct{}, len(done))
	for i := range done {
		next[i] = c.add()
		dues[i] = next[i]()
	}
	for range 1000 {
		now = now.Add(95 * time.Millisecond)
		c.begin(now)
		begun := 0
		for i := range dues {
			select {
			case <-dues[i]:
				done[i]++
				begun++
				dues[i] = next[i]()
			default:
			}
		}
		if begun > 1 {
			t.Fatalf("%d chores begin with one round", begun)
		}
	}
	if least, most := slices.Min(done), slices.Max(done); least < 90 || most > 97 {
		t.Errorf("in 95 s the chores began %v times, want each about once a second", done)
	}
}
