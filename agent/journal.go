package agent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/broker"
	"understudy/events"
	"understudy/localdb"
	"understudy/vda"
	"understudy/wire"
)

// fullRetry is when somebody may ask again whom a full journal has sent away.
const fullRetry = 30 * time.Second

// journal makes durable records durable and tells operators of what they should
// know of the others.
type journal struct {
	store interface {
		Record(ctx context.Context, records []broker.Record) error
	}
	log *log
	// failed hears that the disk did not take records.
	failed func(at time.Time, err error)
	full   atomic.Bool // and told of
}

// Record keeps the durable ones; its error means that nothing may be answered.
func (j *journal) Record(ctx context.Context, records []broker.Record) error {
	var durable []broker.Record
	for i := range records {
		if records[i].Durable() {
			durable = append(durable, records[i])
		}
		j.tell(&records[i])
	}
	if len(durable) == 0 {
		return nil
	}
	begun := time.Now()
	err := j.store.Record(ctx, durable)
	switch {
	case errors.Is(err, localdb.ErrJournalFull):
		return j.refuse(err)
	case err != nil && ctx.Err() == nil:
		j.failed(begun, err)
	}
	return err
}

// refuse: what cannot be kept is not acknowledged. It is told of once, until there
// is room again.
func (j *journal) refuse(err error) error {
	if !j.full.Swap(true) {
		j.log.raise(events.JournalFull, err.Error(), logrus.Fields{})
	}
	p := wire.NewProblem(http.StatusServiceUnavailable, wire.CodeJournalFull,
		"this connector can keep no more records of the outage until the cloud broker has them")
	p.RetryAfter = fullRetry
	return fmt.Errorf("%w: %w", p, err)
}

func (j *journal) tell(r *broker.Record) {
	switch r.Kind {
	case broker.UsedMark:
		if r.Used {
			j.raise(events.MachineUsed, cmp.Or(r.Reason, string(r.Machine)+" was used"), r)
		}
	case broker.Conflicting:
		j.raise(events.AssignmentConflict, r.Reason, r)
	case broker.Launched, broker.LoggedOff, broker.Assignment, broker.Registered, broker.Dropped, broker.Withdrawn:
	}
}

func (j *journal) raise(name events.Name, reason string, r *broker.Record) {
	j.log.raise(name, reason, logrus.Fields{"machine": string(r.Machine), "session": r.Session, "user": r.User})
}

// doubled makes durable records durable here, and waits a moment until a peer has them too
// (design 7).
type doubled struct {
	here vda.Recorder
	// settled waits where the group's failover mode says so.
	settled func(ctx context.Context, group string)
}

// Record returns when the records may be acknowledged.
func (d doubled) Record(ctx context.Context, records []broker.Record) error {
	if err := d.here.Record(ctx, records); err != nil {
		return err
	}
	waited := map[string]bool{}
	for i := range records {
		if r := &records[i]; r.Durable() && !waited[r.Group] {
			waited[r.Group] = true
			d.settled(ctx, r.Group)
		}
	}
	return nil
}
