package relay

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// calm is the least time between two checks, however often one is asked for.
	calm = 250 * time.Millisecond
	// tries is how often a check asks for each thing.
	tries = 2
)

// keepChecking checks at once, then every interval or when asked.
func (r *Relay) keepChecking(ctx context.Context) {
	for r.o.Env.Gate(ctx) == nil {
		r.checkOnce(ctx)
		interval := r.o.Interval()
		rest := min(calm, interval)
		if !r.pause(ctx, rest, nil) || !r.pause(ctx, interval-rest, r.check) {
			return
		}
	}
}

// pause waits, or less when the signal comes; it reports whether to go on.
func (r *Relay) pause(ctx context.Context, d time.Duration, signal <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	case <-signal:
	}
	return true
}

// finding is what a check found, and how requests go from now on.
type finding struct {
	begun    time.Time
	direct   error // what is wrong with the direct way
	through  error // and with the peer, where requests go through one
	from, to *route
	reason   string // why they go another way
}

// checkOnce checks the direct way, and the one through a peer while that is used.
// What it found is true at once: nobody sees a connector ill that has another way.
func (r *Relay) checkOnce(ctx context.Context) {
	f := finding{begun: time.Now()}
	f.from = r.way().route
	f.to = f.from
	r.examine(ctx, &f)
	r.decide(ctx, &f)
	if ctx.Err() != nil {
		return
	}
	if h := r.conclude(f); !h.Healthy {
		r.o.OnTrouble(HealthCheck, h.Reason)
	}
	r.o.OnCheck()
	if f.to != f.from {
		r.o.OnRoute(f.from.via, f.to.via, f.reason)
		r.Check() // what failed meanwhile on the way before is asked on this one
	}
}

// examine asks both ways side by side, so that a check takes hardly longer than two
// tries; less where a peer answers, so that trouble with that shows soon.
func (r *Relay) examine(ctx context.Context, f *finding) {
	var asking sync.WaitGroup
	most := tries
	if f.from != r.direct {
		most = 1
		asking.Go(func() { f.through = r.askAll(ctx, f.from, r.probes(f.from), tries) })
	}
	f.direct = r.askAll(ctx, r.direct, r.probes(r.direct), most)
	asking.Wait()
}

// decide says how requests go on (NEW-03). A peer is asked only where the direct way
// is of no use, and one in a check, so that trouble is told hardly later for it.
func (r *Relay) decide(ctx context.Context, f *finding) {
	if f.from == r.direct {
		asked := f.direct
		f.direct = r.verdict(f.from, asked)
		if f.direct == nil {
			r.doubted = false
			return
		}
		if r.onlyDoubted(asked) {
			return
		}
		if next := r.seek(ctx, f.from, f.direct); next != nil {
			f.to, f.reason = next, f.direct.Error()
		}
		return
	}
	f.through = r.verdict(f.from, f.through)
	again := r.back.due(f.direct == nil)
	switch {
	case f.through == nil && again:
		f.to, f.reason = r.direct, "the cloud broker answers directly again"
	case f.through == nil:
	case f.direct == nil:
		f.to, f.reason = r.direct, f.through.Error()
	default:
		f.to, f.reason = r.direct, f.through.Error()
		if next := r.seek(ctx, f.from, f.direct); next != nil {
			f.to = next
		}
	}
}

// onlyDoubted: where everything was answered and only the call stream, or earlier
// requests, speak against the direct way, that has until the next check to come right.
// A call stream is opened anew at once when the cloud broker answers.
func (r *Relay) onlyDoubted(asked error) bool {
	first := asked == nil && !r.doubted
	r.doubted = asked == nil
	return first
}

// verdict adds to what was asked what is known besides of the way in use.
func (r *Relay) verdict(used *route, asked error) error {
	if asked != nil {
		return asked
	}
	notify(r.redial)
	r.mu.Lock()
	defer r.mu.Unlock()
	if doubt := used.judge.doubt(time.Now()); doubt != "" {
		return errors.New(doubt)
	}
	return nil
}

// conclude makes what a check found true, all at once.
func (r *Relay) conclude(f finding) Health {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if f.to != f.from {
		r.take(now, f.to)
	}
	r.direct.judge.conclude(f.begun, now, said(f.direct))
	if f.from != r.direct {
		f.from.judge.conclude(f.begun, now, said(f.through))
	}
	if f.to != r.direct && f.to != f.from {
		f.to.judge.conclude(f.begun, now, "")
	}
	return r.health()
}

func said(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// probeGap lies between the beginnings of two probes, so that it is no accident
// which one gets a connection that is free.
const probeGap = time.Millisecond

func (r *Relay) probes(of *route) []request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return of.judge.probes()
}

// askAll asks for health and makes the probes side by side. It returns the first
// thing wrong.
func (r *Relay) askAll(ctx context.Context, to *route, probes []request, tries int) error {
	wrong := make([]error, len(probes)+1)
	var asking sync.WaitGroup
	asking.Go(func() { wrong[0] = repeat(ctx, tries, func(ctx context.Context) error { return r.askHealth(ctx, to) }) })
	for i, q := range probes {
		asking.Go(func() {
			r.pause(ctx, time.Duration(i+1)*probeGap, nil)
			wrong[i+1] = repeat(ctx, tries, func(ctx context.Context) error { return r.askProbe(ctx, to, q) })
		})
	}
	asking.Wait()
	for _, err := range wrong {
		if err != nil {
			return err
		}
	}
	return nil
}

// repeat tries again only after the try before has failed.
func repeat(ctx context.Context, tries int, try func(context.Context) error) error {
	err := try(ctx)
	for range tries - 1 {
		if err == nil {
			return nil
		}
		err = try(ctx)
	}
	return err
}

func (r *Relay) askHealth(ctx context.Context, to *route) error {
	ctx, cancel := context.WithTimeout(ctx, r.o.Try)
	defer cancel()
	_, err := to.cloud.Health(ctx)
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("the cloud broker's health: no answer within %s", r.o.Try)
	}
	return err
}

func (r *Relay) askProbe(ctx context.Context, to *route, q request) error {
	if _, err := r.ask(ctx, r.o.Try, to, q, nil); err != nil {
		return fmt.Errorf("a %s probe: %w", q.kind, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	to.judge.probed(q.kind)
	return nil
}
