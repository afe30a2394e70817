package agent

import (
	"context"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/events"
)

// log raises events: one line each in the log, and one row each in the bounded
// table that `understudy events` reads. It never holds up who raises one.
type log struct {
	o    *Options
	rows chan events.Entry
}

func newLog(o *Options) *log { return &log{o: o, rows: make(chan events.Entry, 1024)} }

// raise tells operators of an event.
func (l *log) raise(name events.Name, reason string, fields logrus.Fields) {
	kind := events.Lookup(name)
	l.o.Logger.WithFields(fields).WithFields(logrus.Fields{
		"event": string(name), "code": kind.Code, "zone": l.o.Zone, "connector": string(l.o.FQDN), "reason": reason,
	}).Log(level(kind.Severity), kind.Meaning)
	l.keep(l.o.Env.Now().UTC(), name, reason, fields)
}

// keep has an event in the table only.
func (l *log) keep(at time.Time, name events.Name, reason string, fields logrus.Fields) {
	kind := events.Lookup(name)
	entry := events.Entry{
		At: at, Code: kind.Code, Event: name, Severity: kind.Severity,
		Zone: l.o.Zone, Connector: string(l.o.FQDN), Reason: reason, Fields: fields,
	}
	select {
	case l.rows <- entry:
	default:
		l.o.Logger.WithField("event", string(name)).Warn("the event table is behind; this event is only in the log")
	}
}

// Tell raises an event of what runs beside the connector.
func (a *Agent) Tell(name events.Name, reason string) { a.log.raise(name, reason, logrus.Fields{}) }

// Keep has an event among the others that was before the connector, and is in the log already.
func (a *Agent) Keep(at time.Time, name events.Name, reason string) {
	a.log.keep(at, name, reason, logrus.Fields{})
}

func level(s events.Severity) logrus.Level {
	switch s {
	case events.Error:
		return logrus.ErrorLevel
	case events.Warning:
		return logrus.WarnLevel
	case events.Info:
		return logrus.InfoLevel
	}
	return logrus.InfoLevel
}

// run writes the rows until ctx ends, and then what is left.
func (l *log) run(ctx context.Context, table eventTable) {
	for {
		select {
		case e := <-l.rows:
			l.write(ctx, table, e)
		case <-ctx.Done():
			l.flush(table)
			return
		}
	}
}

func (l *log) flush(table eventTable) {
	for {
		select {
		case e := <-l.rows:
			l.write(context.Background(), table, e)
		default:
			return
		}
	}
}

func (l *log) write(ctx context.Context, table eventTable, e events.Entry) {
	if err := table.AppendEvent(context.WithoutCancel(ctx), e); err != nil {
		l.o.Logger.WithError(err).Warn("an event could not be added to the event table")
	}
}

// eventTable keeps events for operators.
type eventTable interface {
	AppendEvent(ctx context.Context, e events.Entry) error
}

// debugLines takes what net/http has to say of connections, without a goroutine of
// its own.
type debugLines struct{ logger *logrus.Logger }

// Write logs one line.
func (d debugLines) Write(line []byte) (int, error) {
	d.logger.Debug(strings.TrimSuffix(string(line), "\n"))
	return len(line), nil
}
