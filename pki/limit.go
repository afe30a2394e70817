package pki

import (
	"sync"
	"time"
)

// Rates of one source: a host asks once in weeks, many hosts behind one address at
// most when all of them are new.
const (
	burst      = 60
	perSecond  = 4
	maxSources = 4096
)

// limiter lets each source ask so often, and forgets who has not asked for long.
type limiter struct {
	mu      sync.Mutex // guards sources
	sources map[string]allowance
}

type allowance struct {
	left float64
	at   time.Time
}

func newLimiter() *limiter { return &limiter{sources: map[string]allowance{}} }

// allow reports whether the source may ask now.
func (l *limiter) allow(source string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	a, known := l.sources[source]
	if !known && len(l.sources) >= maxSources {
		l.sweep(now)
		if len(l.sources) >= maxSources {
			source = "" // so many at once share what one has
			a, known = l.sources[source]
		}
	}
	if !known {
		a = allowance{left: burst, at: now}
	}
	a.left, a.at = a.refilled(now), now
	ok := a.left >= 1
	if ok {
		a.left--
	}
	l.sources[source] = a
	return ok
}

func (a allowance) refilled(now time.Time) float64 {
	return min(burst, a.left+perSecond*now.Sub(a.at).Seconds())
}

func (l *limiter) sweep(now time.Time) {
	for source, a := range l.sources {
		if a.refilled(now) >= burst {
			delete(l.sources, source)
		}
	}
}
