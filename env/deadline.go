package env

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// deadline is when the reads or the writes of a connection fail. A server names another
// one several times in each request; the connection is told of it only while something
// goes on, or begins, that would else fail too late. One that fires early counts for
// nothing.
type deadline struct {
	tell func(time.Time) error

	// What a server changes and what a read looks at when it begins are counters, each
	// written before the other is read: one of the two sees what the other has done.
	wanted atomic.Int64 // an instant
	going  atomic.Int32 // reads or writes

	mu   sync.Mutex   // of those who tell
	told atomic.Int64 // the instant that the connection knows
}

// An instant is a time in nanoseconds after epoch, on this process's monotonic clock.
const (
	never = 0        // there is no deadline
	over  = -1 << 63 // it breaks off what goes on, and no clock shows it any more
)

// epoch is when instants begin.
var epoch = time.Now() //nolint:gochecknoglobals // it never changes

// longAgo is before what any clock shows.
var longAgo = time.Unix(24*60*60, 0) //nolint:gochecknoglobals // it never changes

func instantOf(t time.Time) int64 {
	switch {
	case t.IsZero():
		return never
	case t.Before(longAgo):
		return over
	}
	if d := int64(t.Sub(epoch)); d != never {
		return d
	}
	return never + 1
}

func timeOf(instant int64) time.Time {
	switch instant {
	case never:
		return time.Time{}
	case over:
		return longAgo
	}
	return epoch.Add(time.Duration(instant))
}

// set is for what goes on already, too.
func (d *deadline) set(t time.Time) error {
	at := instantOf(t)
	d.wanted.Store(at)
	if d.going.Load() == 0 || !later(d.told.Load(), at) {
		return nil
	}
	return d.pass(later)
}

// begin is called before a read or write; end after each that it lets happen.
func (d *deadline) begin() error {
	d.going.Add(1)
	wanted, told := d.wanted.Load(), d.told.Load()
	var err error
	switch {
	case wanted == over:
		err = os.ErrDeadlineExceeded
	case told == over || later(told, wanted):
		err = d.pass(differs)
	}
	if err != nil {
		d.going.Add(-1)
	}
	return err
}

// end reports whether an error is a deadline that is not wanted any more: then there
// is time to try again.
func (d *deadline) end(err error) (again bool) {
	d.going.Add(-1)
	return err != nil && d.wanted.Load() != d.told.Load() && errors.Is(err, os.ErrDeadlineExceeded) && d.pass(differs) == nil
}

// later reports whether a connection that was told would fail later than is wanted.
func later(told, wanted int64) bool { return wanted != never && (told == never || wanted < told) }

func differs(told, wanted int64) bool { return told != wanted }

// pass tells the connection what is wanted now, if it has to know. Who wants something
// else meanwhile may have looked at what was told before, so that is looked at again.
func (d *deadline) pass(needed func(told, wanted int64) bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		wanted := d.wanted.Load()
		if !needed(d.told.Load(), wanted) {
			return nil
		}
		d.told.Store(wanted)
		if err := d.tell(timeOf(wanted)); err != nil {
			return err
		}
		needed = later
	}
}
