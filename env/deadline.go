package env

import (
	"errors"
	"os"
	"sync"
	"time"
)

// deadline is when the reads or the writes of a connection fail. A server names another
// one several times in each request; the connection is told only when it would else be
// too late, and one that fires early counts for nothing.
type deadline struct {
	tell func(time.Time) error

	mu     sync.Mutex // guards what follows
	wanted time.Time  // zero: none
	told   time.Time  // what the connection knows
}

// set is for what goes on already, too.
func (d *deadline) set(t time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wanted = t
	if t.IsZero() || !d.told.IsZero() && !t.Before(d.told) {
		return nil
	}
	return d.pass()
}

// early reports whether an error is a deadline that is not wanted any more: then there
// is time to try again.
func (d *deadline) early(err error) bool {
	if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.wanted.Equal(d.told) {
		return false
	}
	return d.pass() == nil
}

// pass is called with the lock held.
func (d *deadline) pass() error {
	d.told = d.wanted
	return d.tell(d.wanted)
}
