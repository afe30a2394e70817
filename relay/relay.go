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
	// Peers, if set, names the peers that reach the cloud broker directly and pass
	// requests on (NEW-03), the best first; Through is the cloud broker as it is asked
	// through one of them, or nil.
	Peers   func() []site.FQDN
	Through func(peer site.FQDN) Cloud
	// Call carries out one of the cloud broker's calls in the zone.
	Call func(ctx context.Context, c wire.Call) wire.CallAnswer
	// Term is the zone's; the cloud broker hears it with everything we send.
	Term func() uint64
	// Self is this connector, and Pass passes on what a peer asks; nil: nothing is.
	Self site.FQDN
	Pass func(ctx context.Context, p wire.Passed) (*http.Response, error)
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
	// NoStream says that there is no call stream: nobody but desktops and StoreFronts
	// calls.
	NoStream bool
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
	// OnRoute hears, after OnCheck would, when requests go another way than before.
	OnRoute func(from, to site.FQDN, reason string)
}

func (o Options) validate() error {
	switch {
	case o.Cloud == nil:
		return errors.New("relay: Cloud is missing")
	case o.Call == nil:
		return errors.New("relay: Call is missing")
	case (o.Peers == nil) != (o.Through == nil):
		return errors.New("relay: Peers and Through go together")
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
	if o.Peers == nil {
		o.Peers = func() []site.FQDN { return nil }
	}
	if o.OnRoute == nil {
		o.OnRoute = func(site.FQDN, site.FQDN, string) {}
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
	slots  chan struct{} // one taken by each request that is passed on for a peer
	direct *route

	// Of the checks: the peer that was asked last and was of no use, and when the direct
	// way is taken back.
	tried site.FQDN
	back  comeback
	// doubted says that the check before found nothing wrong but what was known besides.
	doubted bool

	mu    sync.Mutex // guards all below, and what routes know
	route *route     // how requests go
	left  context.Context
	leave context.CancelFunc // ends left
}

// New returns a relay that has checked nothing yet. It starts nothing.
func New(o Options) (*Relay, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	direct := &route{cloud: o.Cloud, judge: newJudge(time.Now(), o.Grace)}
	direct.judge.streamless = o.NoStream
	r := &Relay{
		o: o, check: make(chan struct{}, 1), redial: make(chan struct{}, 1), slots: make(chan struct{}, maxPassed),
		direct: direct, route: direct,
	}
	r.left, r.leave = context.WithCancel(context.Background())
	return r, nil
}

// Run checks the cloud broker and keeps the call stream up until ctx ends, and
// returns when everything it started has ended.
func (r *Relay) Run(ctx context.Context) error {
	r.locked(func(j *judge) { j.restart(time.Now()) })
	var running sync.WaitGroup
	running.Go(func() { r.keepChecking(ctx) })
	if !r.o.NoStream {
		running.Go(func() { r.keepStream(ctx) })
	}
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

// Health is what the latest check said of the way that requests go.
func (r *Relay) Health() Health {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.health()
}

// health is called with the lock held.
func (r *Relay) health() Health {
	h := r.route.judge.health
	h.Via = r.route.via
	if h.Via != "" {
		h.Reason = fmt.Sprintf("through %s: %s; directly: %s", h.Via, h.Reason, r.direct.judge.health.Reason)
	}
	return h
}

// locked shows the book of the way that requests go.
func (r *Relay) locked(do func(j *judge)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	do(r.route.judge)
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
