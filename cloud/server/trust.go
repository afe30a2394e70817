package server

import (
	"context"

	"github.com/sirupsen/logrus"

	"understudy/events"
	"understudy/trust"
)

// Reload reads certificates and tokens from their files again. What cannot be used is
// the error; what was read before stays in use then.
func (s *Server) Reload(context.Context) error {
	r := s.o.Trust.Reload()
	if len(r.Changed) == 0 {
		s.event(events.TrustReloaded, logrus.Fields{"reason": "nothing has changed"})
	}
	s.tellTrust(r)
	return r.Err()
}

// tellTrust logs what a look at the files found.
func (s *Server) tellTrust(r trust.Report) {
	for _, f := range r.Changed {
		s.event(events.TrustReloaded, logrus.Fields{"reason": "in use now: " + f.Text})
	}
	for _, f := range r.Unreadable {
		s.event(events.TrustUnreadable, logrus.Fields{"reason": f.Text})
	}
	for _, c := range r.Expiring {
		if c.Urgent() {
			s.event(events.CertificateExpired, logrus.Fields{"reason": c.Reason()})
		} else {
			s.event(events.CertificateExpires, logrus.Fields{"reason": c.Reason()})
		}
	}
}
