package load

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"understudy/env"
	"understudy/storefront/client"
	"understudy/wire"
)

// Kind is one kind of request.
type Kind string

// The kinds of requests.
const (
	Register  Kind = "register"
	Heartbeat Kind = "heartbeat"
	Reported  Kind = "report"
	Resources Kind = "resources"
	Launch    Kind = "launch"
	Arrive    Kind = "arrive" // only what came in its way
	Redeem    Kind = "redeem"
	Prepare   Kind = "prepare" // answered, not asked
)

// tally counts what was asked and how it went: in the present sample, in the
// present epoch and in all.
type tally struct {
	mu     sync.Mutex // guards all below
	sample counts
	epoch  counts
	all    counts
}

// counts is what happened in some time.
type counts struct {
	times  map[Kind]*Histogram
	errors map[Kind]map[string]int
	first  time.Time // when the first launch was answered
}

func newTally() *tally {
	return &tally{sample: newCounts(), epoch: newCounts(), all: newCounts()}
}

func newCounts() counts {
	return counts{times: map[Kind]*Histogram{}, errors: map[Kind]map[string]int{}}
}

// add counts one request that took so long, by its error's code if it failed.
func (t *tally) add(kind Kind, took time.Duration, err error) {
	if errors.Is(err, context.Canceled) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range []*counts{&t.sample, &t.epoch} {
		c.add(kind, took, err)
	}
}

func (c *counts) add(kind Kind, took time.Duration, err error) {
	if err != nil {
		if c.errors[kind] == nil {
			c.errors[kind] = map[string]int{}
		}
		c.errors[kind][code(err)]++
		return
	}
	if c.times[kind] == nil {
		c.times[kind] = &Histogram{}
	}
	c.times[kind].Add(took)
	if kind == Launch && c.first.IsZero() {
		c.first = time.Now()
	}
}

// takeSample returns what was counted since it was called last.
func (t *tally) takeSample() counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	taken := t.sample
	t.sample = newCounts()
	return taken
}

// takeEpoch does the same for epochs, and adds them up.
func (t *tally) takeEpoch() counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	taken := t.epoch
	t.epoch = newCounts()
	t.all.merge(taken)
	return taken
}

func (c *counts) merge(other counts) {
	for kind, h := range other.times {
		if c.times[kind] == nil {
			c.times[kind] = &Histogram{}
		}
		c.times[kind].Merge(h)
	}
	for kind, codes := range other.errors {
		if c.errors[kind] == nil {
			c.errors[kind] = map[string]int{}
		}
		for code, n := range codes {
			c.errors[kind][code] += n
		}
	}
}

func (c counts) done(kind Kind) int {
	if h := c.times[kind]; h != nil {
		return int(h.count)
	}
	return 0
}

func (c counts) failed(kind Kind) int {
	n := 0
	for v := range maps.Values(c.errors[kind]) {
		n += v
	}
	return n
}

func (c counts) latency(kind Kind) Latency {
	if h := c.times[kind]; h != nil {
		return h.Latency()
	}
	return Latency{}
}

// code names an error for the report: by the problem's code, else by what happened
// to the connection.
func code(err error) string {
	if p, ok := errors.AsType[*wire.Problem](err); ok && p.Code != "" {
		return p.Code
	}
	timeout, isNet := errors.AsType[net.Error](err)
	switch {
	case env.NobodyListens(err):
		return "connection_refused"
	case errors.Is(err, client.ErrNoConnector):
		return "no_connector"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), isNet && timeout.Timeout():
		return "timeout"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection_lost"
	}
	return "other"
}
