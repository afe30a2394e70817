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
	a.tellTrust(r)
	return r.Err()
}

// tellTrust logs what a look at the files found.
func (a *Agent) tellTrust(r trust.Report) {
	for _, f := range r.Changed {
		a.tell(events.TrustReloaded, "in use now: "+f.Text)
	}
	for _, f := range r.Unreadable {
		a.tell(events.TrustUnreadable, f.Text)
	}
	for _, c := range r.Expiring {
		if c.Urgent() {
			a.tell(events.CertificateExpired, c.Reason())
		} else {
			a.tell(events.CertificateExpires, c.Reason())
		}
	}
}

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
