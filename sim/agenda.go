package sim

import (
	"slices"
	"time"
)

// agenda is what is to be done, in order of time.
type agenda struct{ items []item }

type item struct {
	at time.Time
	do func()
}

// add puts something down for a time; what was put down first is done first.
func (a *agenda) add(at time.Time, do func()) {
	i := len(a.items)
	for i > 0 && a.items[i-1].at.After(at) {
		i--
	}
	a.items = slices.Insert(a.items, i, item{at, do})
}

func (a *agenda) next() (time.Time, bool) {
	if len(a.items) == 0 {
		return time.Time{}, false
	}
	return a.items[0].at, true
}

// due takes the next item whose time has come.
func (a *agenda) due(now time.Time) (func(), bool) {
	if len(a.items) == 0 || a.items[0].at.After(now) {
		return nil, false
	}
	do := a.items[0].do
	a.items = a.items[1:]
	return do, true
}

func (a *agenda) clear() { a.items = nil }
