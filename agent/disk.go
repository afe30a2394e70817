package agent

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/events"
)

// diskPatience is how long the state database may fail before this connector
// gives up the office (design 4).
const diskPatience = 3 * time.Second

const probeLimit = time.Second

// disk knows whether the state database can be written. Whoever could not write
// says so; only the probe ends a failure.
type disk struct {
	log *log

	mu    sync.Mutex // guards what follows
	since time.Time  // of the failure; zero: it works
	err   error      // the first of the failure: a reason that changed would be told again
}

func (d *disk) failed(now time.Time, err error) {
	d.mu.Lock()
	first := d.err == nil
	if first {
		d.since, d.err = now, err
	}
	d.mu.Unlock()
	if first {
		d.log.raise(events.DiskFailed, err.Error(), logrus.Fields{})
	}
}

func (d *disk) failing() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err != nil
}

func (d *disk) works() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err = nil
}

// why says why this connector cannot serve for its disk; empty: it can.
func (d *disk) why(now time.Time) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err == nil || now.Sub(d.since) < diskPatience {
		return ""
	}
	return fmt.Sprintf("the state database cannot be written: %v", d.err)
}

// watchDisk probes the state database each second, and keeps the time of the last
// StoreFront request over restarts.
func (a *Agent) watchDisk(ctx context.Context) {
	saved := time.Duration(-1)
	a.beats(&a.pulse.disk)
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.probing():
		}
		a.beats(&a.pulse.disk)
		if a.probeDisk(ctx) {
			saved = a.keepFrontActivity(ctx, saved)
		}
	}
}

// probeDisk reports whether the disk works, and gives up on one that does not
// answer: that is no better than one that says no. After a failure it must have
// room again, else it would seem to work between one failure and the next.
func (a *Agent) probeDisk(ctx context.Context) bool {
	bounded, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	begun, failing, probe := time.Now(), a.disk.failing(), a.state.Probe
	if failing {
		probe = a.state.ProbeRoom
	}
	err := probe(bounded)
	switch {
	case err != nil && ctx.Err() == nil:
		a.disk.failed(begun, err)
	case err == nil && failing:
		a.disk.works()
	}
	return err == nil
}

// keepFrontActivity writes the time of the last StoreFront request at most each
// minute: the window is days. It waits no longer than a probe, which comes after it.
func (a *Agent) keepFrontActivity(ctx context.Context, saved time.Duration) time.Duration {
	idle, asked := a.front.idle(time.Now())
	at := time.Since(a.front.base) - idle
	if !asked || saved >= 0 && at-saved < time.Minute {
		return saved
	}
	bounded, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	begun := time.Now()
	if err := a.state.SaveFrontActivity(bounded, a.o.Env.Now().Add(-idle)); err != nil {
		if ctx.Err() == nil {
			a.disk.failed(begun, err)
		}
		return saved
	}
	return at
}
