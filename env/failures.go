package env

import (
	"container/list"
	"time"
)

// How long whoever fails again and again is kept waiting: after the first failure that
// is not free, and at the most. It doubles with each further one.
const (
	firstWait   = time.Second
	longestWait = time.Minute
	// remembered bounds how many who failed are remembered, by the latest.
	remembered = 50_000
)

// Failures has how often in a row something went wrong lately, by a name, so that
// guessers are kept waiting. Its memory is bounded: of too many names the oldest is
// forgotten. Whoever has it locks it.
type Failures struct {
	free    int
	keep    time.Duration
	longest time.Duration
	tries   map[string]*list.Element
	order   *list.List // of *failing, the latest last
}

type failing struct {
	name     string
	failures int
	last     time.Time
}

// NewFailures lets so many failures in a row go free. What is noted is forgotten after
// keep; 0 means twice the longest wait.
func NewFailures(free int, keep time.Duration) *Failures {
	if keep == 0 {
		keep = 2 * longestWait
	}
	return &Failures{free: free, keep: keep, longest: longestWait, tries: map[string]*list.Element{}, order: list.New()}
}

func (b *Failures) find(name string) *failing {
	if e := b.tries[name]; e != nil {
		f, _ := e.Value.(*failing)
		return f
	}
	return nil
}

// Has reports whether anything is noted of that name.
func (b *Failures) Has(name string) bool { return b.tries[name] != nil }

// HasAt reports whether anything was noted of that name as lately as it is kept.
func (b *Failures) HasAt(now time.Time, name string) bool {
	f := b.find(name)
	return f != nil && now.Sub(f.last) < b.keep
}

// Wait is how long the next try has to wait; nothing, where it is not above 0.
func (b *Failures) Wait(now time.Time, name string) time.Duration {
	f := b.find(name)
	if f == nil || f.failures < b.free {
		return 0
	}
	return f.last.Add(b.waitAfter(f.failures - b.free)).Sub(now)
}

func (b *Failures) waitAfter(more int) time.Duration {
	return min(b.longest, firstWait<<min(more, 16))
}

// Note counts one more.
func (b *Failures) Note(now time.Time, name string) {
	b.sweep(now)
	if e := b.tries[name]; e != nil {
		b.order.MoveToBack(e)
		f := b.find(name)
		f.failures, f.last = f.failures+1, now
		return
	}
	b.tries[name] = b.order.PushBack(&failing{name, 1, now})
}

// sweep forgets those of long ago, and the oldest where there are too many.
func (b *Failures) sweep(now time.Time) {
	for e := b.order.Front(); e != nil; e = b.order.Front() {
		f, _ := e.Value.(*failing)
		if now.Sub(f.last) < b.keep && b.order.Len() < remembered {
			return
		}
		b.Forget(f.name)
	}
}

// Forget forgets all failures of that name.
func (b *Failures) Forget(name string) {
	if e := b.tries[name]; e != nil {
		b.order.Remove(e)
		delete(b.tries, name)
	}
}

// Forgive takes one back.
func (b *Failures) Forgive(name string) {
	if f := b.find(name); f != nil {
		if f.failures--; f.failures <= 0 {
			b.Forget(name)
		}
	}
}
