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
	r.Tell(s.tellOf)
	return r.Err()
}

// tellOf writes one line about a file.
func (s *Server) tellOf(name events.Name, f trust.Finding) {
	s.event(name, logrus.Fields{"reason": f.Text, "file": f.File})
}
