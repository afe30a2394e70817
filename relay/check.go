package relay

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// calm is the least time between two checks, however often one is asked for.
const calm = 250 * time.Millisecond

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

func (r *Relay) checkOnce(ctx context.Context) {
	var probes []request
	begun := time.Now()
	r.locked(func(j *judge) { probes = j.probes() })
	reason := r.askAll(ctx, probes)
	if ctx.Err() != nil {
		return
	}
	if reason == "" {
		notify(r.redial)
	}
	var h Health
	r.locked(func(j *judge) { h = j.checked(begun, time.Now(), reason) })
	if !h.Healthy {
		r.o.OnTrouble(HealthCheck, h.Reason)
	}
	r.o.OnCheck()
}

// probeGap lies between the beginnings of two probes, so that it is no accident
// which one gets a connection that is free.
const probeGap = time.Millisecond

// askAll asks for health and makes the probes side by side, so that a check takes
// hardly longer than two tries. It returns the first thing wrong.
func (r *Relay) askAll(ctx context.Context, probes []request) string {
	wrong := make([]error, len(probes)+1)
	var asking sync.WaitGroup
	asking.Go(func() { wrong[0] = r.twice(ctx, r.askHealth) })
	for i, q := range probes {
		asking.Go(func() {
			r.pause(ctx, time.Duration(i+1)*probeGap, nil)
			wrong[i+1] = r.twice(ctx, func(ctx context.Context) error { return r.askProbe(ctx, q) })
		})
	}
	asking.Wait()
	for _, err := range wrong {
		if err != nil {
			return err.Error()
		}
	}
	return ""
}

// twice makes up to two tries, the second only after the first has failed.
func (r *Relay) twice(ctx context.Context, try func(context.Context) error) error {
	if try(ctx) == nil {
		return nil
	}
	return try(ctx)
}

func (r *Relay) askHealth(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.o.Try)
	defer cancel()
	_, err := r.o.Cloud.Health(ctx)
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("the cloud broker's health: no answer within %s", r.o.Try)
	}
	return err
}

func (r *Relay) askProbe(ctx context.Context, q request) error {
	if _, err := r.ask(ctx, r.o.Try, q, nil); err != nil {
		return fmt.Errorf("a %s probe: %w", q.kind, err)
	}
	r.locked(func(j *judge) { j.probed(q.kind) })
	return nil
}
