package desktop

import (
	"context"

	"github.com/sirupsen/logrus"

	"understudy/events"
	"understudy/trust"
)

// Reload reads the certificates from their files again. What cannot be used is the
// error; what was read before stays in use then.
func (a *Agent) Reload(context.Context) error {
	r := a.o.Trust.Reload()
	if len(r.Changed) == 0 {
		a.tell(events.TrustReloaded, "nothing has changed")
	}
	r.Tell(a.tellOf)
	return r.Err()
}

// tellOf is tell of a file, which the sentence names.
func (a *Agent) tellOf(name events.Name, f trust.Finding) { a.tell(name, f.Text) }

// tell writes one line for an event of the catalogue.
func (a *Agent) tell(name events.Name, reason string) {
	kind := events.Lookup(name)
	entry := a.o.Logger.WithFields(logrus.Fields{"event": string(name), "code": kind.Code, fieldReason: reason})
	switch kind.Severity {
	case events.Error:
		entry.Error(kind.Meaning)
	case events.Warning:
		entry.Warn(kind.Meaning)
	case events.Info:
		entry.Info(kind.Meaning)
	}
}
