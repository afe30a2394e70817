package roles

import (
	"sync"
	"time"
)

// Bounds of the refusals that are told.
const (
	RefusalsAtOnce = 20
	RefusalsWindow = time.Minute
)

// Refusals bounds how many refusals are told: who is not let in could fill the log
// else.
type Refusals struct {
	mu     sync.Mutex // guards what follows
	began  time.Time
	told   int
	untold int
}

// Next says whether one more may be told, and how many were not before it.
func (l *Refusals) Next(now time.Time) (untold int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.began.IsZero() || now.Sub(l.began) >= RefusalsWindow {
		l.began, l.told = now, 0
	}
	if l.told >= RefusalsAtOnce {
		l.untold++
		return 0, false
	}
	l.told++
	untold, l.untold = l.untold, 0
	return untold, true
}
