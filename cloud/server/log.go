package server

import (
	"github.com/sirupsen/logrus"

	"understudy/broker"
	"understudy/events"
)

// event writes one line for an event of the catalogue.
func (s *Server) event(name events.Name, fields logrus.Fields) { logEvent(s.log, name, fields) }

func logEvent(log *logrus.Entry, name events.Name, fields logrus.Fields) {
	kind := events.Lookup(name)
	entry := log.WithFields(fields).WithFields(logrus.Fields{"event": string(kind.Name), "code": kind.Code})
	switch kind.Severity {
	case events.Error:
		entry.Error(kind.Meaning)
	case events.Warning:
		entry.Warn(kind.Meaning)
	case events.Info:
		entry.Info(kind.Meaning)
	}
}

// note tells of the records that a person should know about.
func (s *Server) note(records []broker.Record) {
	for _, r := range records {
		if r.Kind == broker.Conflicting {
			s.event(events.AssignmentConflict, logrus.Fields{"machine": r.Machine, "zone": r.Zone, "user": r.User, "reason": r.Reason})
		}
	}
}
