package server

import (
	"testing"
	"time"
)

// NEW-02: the cloud broker bounds how many registrations it takes a second, and tells
// the others when to come back: who does as it says is taken then.
func TestTurns(t *testing.T) {
	const rate, all = 100, 1000
	q := newTurns(rate)
	start := time.Unix(1000, 0)
	due := map[int]time.Duration{}
	for i := range all {
		due[i] = 0
	}
	taken, asked, perSecond := 0, 0, map[int]int{}
	for at := time.Duration(0); len(due) > 0 && at < time.Hour; at += 10 * time.Millisecond {
		for i := range all {
			if when, waits := due[i]; !waits || when > at {
				continue
			}
			asked++
			wait := q.take(start.Add(at))
			if wait == 0 {
				delete(due, i)
				taken++
				perSecond[int(at.Seconds())]++
				continue
			}
			due[i] = at + wait.Truncate(time.Second) + time.Second // Retry-After has whole seconds
		}
	}
	if taken != all || asked > 3*all || len(perSecond) > 15 {
		t.Errorf("%d of %d were taken by %d requests in %d seconds", taken, all, asked, len(perSecond))
	}
	for second, n := range perSecond {
		if n > 2*rate {
			t.Errorf("%d were taken in second %d, want about %d", n, second, rate)
		}
	}
}

// NEW-02: nobody is sent away for longer than a minute, however many come.
func TestLongestTurn(t *testing.T) {
	q := newTurns(1)
	for range 1000 {
		if wait := q.take(time.Unix(1000, 0)); wait > longestTurn {
			t.Fatalf("sent away for %s", wait)
		}
	}
	if q.take(time.Unix(1002, 0)) != 0 {
		t.Error("after two seconds there is no room again")
	}
}
