package server

import (
	"context"
	"io"
	"net/http"

	"understudy/site"
	"understudy/wire"
)

// Handler is what the listener serves.
func (s *Server) Handler() http.Handler { return s.http.Handler }

// Router is all that is served, for who walks it.
func (s *Server) Router() http.Handler {
	h, err := s.routes()
	if err != nil {
		panic(err)
	}
	return h
}

// AddFindings puts findings into the store.
func (s *Server) AddFindings(ctx context.Context, list []wire.Finding) error {
	_, err := s.store.AddFindings(ctx, list)
	return err
}

// Answers reads a connector's side of a call stream, on which one call waits, and
// returns what was delivered to it, the zone's term then, and why the reading ended.
func (s *Server) Answers(c site.Connector, body io.ReadCloser) (delivered []wire.CallAnswer, term uint64, err error) {
	stream := newCallStream(c, s.o.KeepAlive)
	waiting := make(chan wire.CallAnswer, 1)
	stream.expect(waiting) // it has the id 1
	err = s.readAnswers(stream, body)
	select {
	case a := <-waiting:
		delivered = append(delivered, a)
	default:
	}
	return delivered, s.engine.Term(c.Zone), err
}
