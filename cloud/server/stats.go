package server

import (
	"fmt"
	"time"

	"understudy/broker"
)

// Stats counts what the engine holds, for who runs the server in its own process.
func (s *Server) Stats() broker.Stats { return s.engine.Stats() }

// Registrations are the desktops that the engine has leases of, for the same.
func (s *Server) Registrations() []broker.RegistrationInfo {
	return s.engine.Registrations(time.Now())
}

// Headline says in a line what the broker has: "serving version h-4 –
// registrations: 3, sessions: 1".
func (s *Server) Headline() string {
	stats := s.engine.Stats()
	return fmt.Sprintf("serving version %s – registrations: %d, sessions: %d", s.sites.Current().version, stats.Registrations, stats.Sessions)
}
