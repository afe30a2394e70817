package server

import "understudy/broker"

// Stats counts what the engine holds, for who runs the server in its own process.
func (s *Server) Stats() broker.Stats { return s.engine.Stats() }
