package agent

import (
	"errors"
	"fmt"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/events"
	"understudy/site"
	configsync "understudy/sync"
	"understudy/wire"
)

// firstAsks are those of a connector that has no snapshot at all, in vain so far.
type firstAsks struct {
	tries int
	next  time.Time // by the wall clock, for operators
}

// askAgain returns when to ask again, never where there is a snapshot: then the
// schedule is enough.
func (a *Agent) askAgain() <-chan time.Time {
	if a.hasSite() {
		a.first.Store(nil)
		return nil
	}
	asks := firstAsks{tries: 1}
	if before := a.first.Load(); before != nil {
		asks.tries += before.tries
	}
	pause := configsync.Pause(asks.tries, a.o.SyncInterval, a.leftAlone())
	asks.next = a.o.Env.Now().UTC().Add(pause)
	a.first.Store(&asks)
	a.wake()
	return time.After(pause)
}

func (a *Agent) hasSite() bool {
	_, usable := a.ownVersion()
	return usable
}

// leftAlone is for how long whom the site comes from wants to be left alone.
func (a *Agent) leftAlone() time.Duration {
	if until := a.notBefore.Load(); until != nil {
		return max(0, time.Until(*until))
	}
	return 0
}

// heed notes that wish where a failed sync tells of one.
func (a *Agent) heed(err error) {
	if p, ok := errors.AsType[*wire.Problem](err); ok && p.RetryAfter > 0 {
		until := time.Now().Add(p.RetryAfter)
		a.notBefore.Store(&until)
	}
}

// failure is a failed sync that was told of.
type failure struct {
	reason string
	at     time.Time
}

// tellFailed tells of a failed sync. Who has no snapshot asks often, and tells of the same
// reason once in an interval.
func (a *Agent) tellFailed(r configsync.Result, from site.FQDN, fields logrus.Fields) {
	a.syncFailing = true
	if from == "" {
		a.heed(r.Err)
	}
	now, reason := time.Now(), r.Err.Error()
	if !a.hasSite() && reason == a.failed.reason && now.Sub(a.failed.at) < a.o.SyncInterval {
		return
	}
	a.failed = failure{reason: reason, at: now}
	a.log.raise(events.SyncFailed, reason, fields)
}

// syncStatus is how the latest sync ended, and what who has no snapshot waits for.
func (a *Agent) syncStatus() wire.SyncStatus {
	s := *a.lastSync.Load()
	if asks := a.first.Load(); asks != nil && !a.hasSite() {
		s.Waiting = fmt.Sprintf("for a first copy of the site; asks again at %s UTC", asks.next.Format(time.TimeOnly))
	}
	return s
}
