// Package relay is the remote broker provider (LHC-03 … LHC-05): it passes
// requests of desktops, StoreFronts and gateways to the cloud broker, observes
// whether the cloud broker is healthy, and keeps the call stream by which the
// cloud broker reaches the zone's desktops. It says what is healthy and what is
// trouble; what follows from that the state machine decides. The agent runs it.
package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"understudy/env"
	"understudy/site"
	"understudy/wire"
)

// Defaults of the relay.
const (
	DefaultInterval  = 5 * time.Second
	DefaultTimeout   = 10 * time.Second
	DefaultTry       = 2 * time.Second
	DefaultKeepAlive = 2 * time.Second
	DefaultGrace     = 3 * time.Second
)

// Cloud is the cloud broker as the relay needs it.
type Cloud interface {
	// Health succeeds once the cloud broker has read its store.
	Health(ctx context.Context) (wire.CloudHealth, error)
	// Forward sends a request to the same path of the cloud broker.
	Forward(ctx context.Context, method, target string, header http.Header, body []byte) (*http.Response, error)
	// Calls opens the call stream.
	Calls(ctx context.Context) (io.ReadWriteCloser, error)
}

// Options are what a Relay needs.
type Options struct {
	Env   env.Env
	Cloud Cloud
	// Call carries out one of the cloud broker's calls in the zone.
	Call func(ctx context.Context, c wire.Call) wire.CallAnswer
	// Term is the zone's; the cloud broker hears it with everything we send.
	Term func() uint64
	// Authority is the STA authority id of this connector.
	Authority string
	// Interval is the time between checks and Timeout how long a relayed request
	// may take; both may change.
	Interval func() time.Duration
	Timeout  func() time.Duration
	// Try bounds each of the two tries of a check.
	Try time.Duration
	// KeepAlive is how often the call stream carries a line each way; it is dead
	// when nothing has come for three times as long.
	KeepAlive time.Duration
	// Grace is how long the call stream may be down before checks fail for it.
	Grace time.Duration
	// Healthy, if set, names a peer that reaches the cloud broker, for the answer
	// to a request that we could not relay.
	Healthy func() (name site.FQDN, clientURL string)
	// OnTrouble hears of each failed check and relayed request, OnStream when the
	// call stream came or went, OnCheck after each check. They must not block.
	OnTrouble func(kind Kind, reason string)
	OnStream  func(up bool, reason string)
	OnCheck   func()
	// OnAnswer hears of each relayed request that was answered, once the answer is out.
	OnAnswer func(x Exchange)
}

func (o Options) validate() error {
	switch {
	case o.Cloud == nil:
		return errors.New("relay: Cloud is missing")
	case o.Call == nil:
		return errors.New("relay: Call is missing")
	case o.Try < 0 || o.KeepAlive < 0 || o.Grace < 0:
		return fmt.Errorf("relay: Try %s, KeepAlive %s or Grace %s is negative", o.Try, o.KeepAlive, o.Grace)
	}
	return o.Env.Validate()
}

func (o Options) withDefaults() Options {
	o.Try = orElse(o.Try, DefaultTry)
	o.KeepAlive = orElse(o.KeepAlive, DefaultKeepAlive)
	o.Grace = orElse(o.Grace, DefaultGrace)
	o.Interval = orFunc(o.Interval, func() time.Duration { return DefaultInterval })
	o.Timeout = orFunc(o.Timeout, func() time.Duration { return DefaultTimeout })
	o.Term = orFunc(o.Term, func() uint64 { return 0 })
	o.OnCheck = orElseDo(o.OnCheck)
	if o.OnAnswer == nil {
		o.OnAnswer = func(Exchange) {}
	}
	if o.Healthy == nil {
		o.Healthy = func() (site.FQDN, string) { return "", "" }
	}
	if o.OnTrouble == nil {
		o.OnTrouble = func(Kind, string) {}
	}
	if o.OnStream == nil {
		o.OnStream = func(bool, string) {}
	}
	return o
}

func orElse(d, fallback time.Duration) time.Duration {
	if d == 0 {
		return fallback
	}
	return d
}

func orFunc[T any](f, fallback func() T) func() T {
	if f == nil {
		return fallback
	}
	return f
}

func orElseDo(f func()) func() {
	if f == nil {
		return func() {}
	}
	return f
}

// Relay passes requests on and knows how the cloud broker is.
type Relay struct {
	o      Options
	check  chan struct{} // a check is wanted now
	redial chan struct{} // the cloud broker is there: no more waiting

	mu    sync.Mutex // guards judge
	judge *judge
}

// New returns a relay that has checked nothing yet. It starts nothing.
func New(o Options) (*Relay, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	return &Relay{
		o: o, check: make(chan struct{}, 1), redial: make(chan struct{}, 1),
		judge: newJudge(time.Now(), o.Grace),
	}, nil
}

// Run checks the cloud broker and keeps the call stream up until ctx ends, and
// returns when everything it started has ended.
func (r *Relay) Run(ctx context.Context) error {
	r.locked(func(j *judge) { j.restart(time.Now()) })
	var running sync.WaitGroup
	running.Go(func() { r.keepChecking(ctx) })
	running.Go(func() { r.keepStream(ctx) })
	running.Wait()
	return nil
}

// Check asks for a comprehensive check now, without waiting for it.
func (r *Relay) Check() { notify(r.check) }

// Forget lets the failures of relayed requests count no more: in HA mode nothing is
// relayed, so nothing else could clear them. What failed is still probed.
func (r *Relay) Forget() {
	r.locked(func(j *judge) { clear(j.windows) })
}

// Health is what the latest check said.
func (r *Relay) Health() Health {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.judge.health
}

func (r *Relay) locked(do func(j *judge)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	do(r.judge)
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
