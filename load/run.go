package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"understudy/storefront/client"
)

// ErrNoAnswer says that no connector answered when the run began.
var ErrNoAnswer = errors.New("no connector answers")

// Runner is one run.
type Runner struct {
	o      Options
	base   string // of the callbacks
	listen net.Listener
	tally  *tally
	ledger *ledger
	fleet  *fleet
	crowd  *crowd
	front  *client.Client
	watch  *watch
	began  time.Time
	report Report
}

// New gets a run ready: it listens for calls of the desktops and starts nothing.
func New(ctx context.Context, o Options) (*Runner, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	listener, err := o.Env.Listen(ctx, "tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen for calls of the desktops at %s: %w", o.Listen, err)
	}
	front, err := client.New(client.Options{
		Env: o.Env, Connectors: o.Connectors, Key: o.Key, TLS: o.TLS, Interval: time.Second, ConnectTimeout: 2 * time.Second, AnswerTimeout: 12 * time.Second,
	})
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	r := &Runner{o: o, base: o.callbackBase(listener.Addr().String()), listen: listener, tally: newTally(), ledger: newLedger(len(o.Machines)), front: front}
	r.fleet = newFleet(o, r.base, r.tally, r.ledger)
	r.crowd = newCrowd(o, front, r.fleet, r.tally)
	r.watch = newWatch(o, r.ledger)
	return r, nil
}

// Run puts the zone under load until the time is over or ctx ends, and returns
// what was measured; with ErrNoAnswer where there was nothing to measure.
func (r *Runner) Run(ctx context.Context) (Report, error) {
	if err := r.reach(ctx); err != nil {
		return Report{}, errors.Join(err, r.listen.Close())
	}
	if r.o.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, r.o.Duration)
		defer cancel()
	}
	served := r.serve()
	r.report, r.began = r.o.begin(), time.Now()
	r.play(ctx)
	return r.report, served()
}

// reach waits for the first good heartbeat.
func (r *Runner) reach(ctx context.Context) error {
	r.front.Beat(ctx)
	for _, c := range r.front.Heartbeats() {
		if c.Good {
			return nil
		}
	}
	var reasons []string
	for _, c := range r.front.Heartbeats() {
		reasons = append(reasons, c.URL+": "+c.Reason)
	}
	return fmt.Errorf("%w: %s", ErrNoAnswer, strings.Join(reasons, "; "))
}

// serve takes calls of the desktops; the function it returns ends that.
func (r *Runner) serve() func() error {
	server := &http.Server{Handler: r.fleet, ReadHeaderTimeout: requestTime}
	ended := make(chan error, 1)
	go func() {
		if r.o.servesTLS() {
			server.TLSConfig = r.o.serverTLS()
			ended <- server.ServeTLS(r.listen, "", "")
			return
		}
		ended <- server.Serve(r.listen)
	}()
	return func() error {
		_ = server.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}
}

// play runs desktops, users and watchers side by side. The desktops go last, so
// that users who leave can still be reported.
func (r *Runner) play(ctx context.Context) {
	fleetCtx, stopFleet := context.WithCancel(context.WithoutCancel(ctx))
	defer stopFleet()
	var desktops, others sync.WaitGroup
	desktops.Go(func() { r.fleet.run(fleetCtx) })
	others.Go(func() { r.crowd.run(ctx) })
	others.Go(func() { _ = r.front.Run(ctx) }) // it ends with ctx only
	others.Go(func() { r.watch.run(ctx) })
	r.observe(ctx)
	others.Wait()
	r.report.end(r)
	stopFleet()
	desktops.Wait()
}

// observe takes a sample each second, and follows the epochs.
func (r *Runner) observe(ctx context.Context) {
	second := time.NewTicker(sampleEvery)
	defer second.Stop()
	line := time.NewTicker(r.o.Every)
	defer line.Stop()
	recent := newCounts()
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-r.watch.epochs:
			r.report.enter(r, e)
			r.o.OnEpoch(e)
			fmt.Fprintln(r.o.Progress, e.sentence())
		case now := <-second.C:
			taken := r.tally.takeSample()
			recent.merge(taken)
			r.report.sample(r, now, taken)
		case now := <-line.C:
			fmt.Fprintln(r.o.Progress, r.progress(now, recent))
			recent = newCounts()
		}
	}
}

const sampleEvery = time.Second
