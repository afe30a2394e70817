// Package hooks carries the office out of the process (REP-03): it runs an operator's
// commands when this connector is elected or deposed, and keeps a DNS name at the
// elected one. It decides nothing and logs nothing: agent says who is elected, and is
// told how it went.
package hooks

import (
	"context"
	"sync"
	"time"
)

// The names of the hooks.
const (
	OnElected = "on_elected"
	OnDeposed = "on_deposed"
	DNS       = "dns"
)

// Office is whether this connector is elected, since which term and why.
type Office struct {
	Elected bool
	Term    uint64
	Reason  string
}

// Result is how a hook went.
type Result struct {
	Hook   string
	Office Office
	// Detail is what was done, for people.
	Detail string
	// Output is the end of what a command printed.
	Output string
	Took   time.Duration
	Err    error
}

// latest holds the newest office that was not taken yet: one that is overtaken is
// skipped.
type latest struct {
	news chan struct{}

	mu        sync.Mutex // guards what follows
	office    *Office
	overtaken context.CancelFunc // of the one that was taken
}

func newLatest() latest { return latest{news: make(chan struct{}, 1), overtaken: func() {}} }

// put never waits.
func (l *latest) put(o Office) {
	l.mu.Lock()
	l.office = &o
	l.overtaken()
	l.mu.Unlock()
	select {
	case l.news <- struct{}{}:
	default:
	}
}

// take returns the newest office, if there is one, with a context that ends when it is
// overtaken.
func (l *latest) take(ctx context.Context) (o Office, current context.Context, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.office == nil {
		return o, ctx, false
	}
	o, l.office = *l.office, nil
	current, l.overtaken = context.WithCancel(ctx)
	return o, current, true
}

// end lets go of what the last one that was taken holds.
func (l *latest) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.overtaken()
}
