package server

import (
	"time"

	"understudy/broker"
)

// Stats counts what the engine holds, for who runs the server in its own process.
func (s *Server) Stats() broker.Stats { return s.engine.Stats() }

// Registrations are the desktops that the engine has leases of, for the same.
func (s *Server) Registrations() []broker.RegistrationInfo {
	return s.engine.Registrations(time.Now())
}
