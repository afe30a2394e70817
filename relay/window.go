package relay

import (
	"fmt"
	"time"
)

// A kind has failed when its last windowSize requests, all within windowSpan and
// from at least windowUsers users or machines, have failed.
const (
	windowSize  = 20
	windowSpan  = time.Minute
	windowUsers = 3
)

// window holds the failures since the last success of one kind; the oldest are
// forgotten.
type window struct {
	failures []failure
}

type failure struct {
	at  time.Time
	who string
}

func (w *window) succeeded() { w.failures = nil }

func (w *window) failed(now time.Time, who string) {
	w.failures = append(w.failures, failure{now, who})
	if len(w.failures) > windowSize {
		w.failures = w.failures[len(w.failures)-windowSize:]
	}
}

// verdict says what is wrong, or nothing.
func (w *window) verdict(now time.Time, kind Kind) string {
	if len(w.failures) < windowSize || now.Sub(w.failures[0].at) > windowSpan {
		return ""
	}
	users := map[string]bool{}
	for _, f := range w.failures {
		users[f.who] = true
	}
	if len(users) < windowUsers {
		return ""
	}
	return fmt.Sprintf("the last %d %s requests, from %d users or machines, failed", windowSize, kind, len(users))
}
