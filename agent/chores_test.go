package agent

import (
	"slices"
	"testing"
	"time"
)

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
