package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/broker"
	"understudy/datadir"
	"understudy/events"
	"understudy/trust"
)

const (
	headerTime = 10 * time.Second
	idleTime   = 2 * time.Minute
	expireTick = time.Second
	maxResets  = 1024
	resetTime  = 3 * time.Second
	// resetsAtOnce bounds the resets in flight.
	resetsAtOnce = 16
)

// newHTTP serves HTTP/1.1 and HTTP/2, the latter with prior knowledge where there
// is no TLS: call streams need both directions open.
func (s *Server) newHTTP(handler http.Handler) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(s.o.TLS != nil)
	protocols.SetUnencryptedHTTP2(s.o.TLS == nil)
	return &http.Server{
		Handler: handler, TLSConfig: s.o.TLS.Clone(), Protocols: protocols,
		ReadHeaderTimeout: headerTime, IdleTimeout: idleTime,
		ErrorLog: log.New(io.Discard, "", 0),
		HTTP2:    &http.HTTP2Config{MaxConcurrentStreams: 1000, SendPingTimeout: idleTime},
	}
}

// Run serves until ctx ends, then finishes what is in flight, within a bounded
// time, and closes the store.
func (s *Server) Run(ctx context.Context) error {
	defer s.Close()
	s.event(events.Started, logrus.Fields{"address": s.Addr().String(), "version": s.sites.Current().version.String()})
	for _, file := range s.o.Exposed {
		s.event(events.SecretExposed, logrus.Fields{"file": file, "reason": datadir.ExposedSecret(file)})
	}
	for _, file := range s.lock.Mended {
		s.event(events.SecretExposed, logrus.Fields{"file": file, "reason": "other users of this host could get at " + file + " in the data folder; from now on they cannot"})
	}
	if s.o.Restored {
		s.event(events.SiteChanged, logrus.Fields{"version": s.sites.Current().version.String(), "reason": "the store was put back from a backup"})
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var running sync.WaitGroup
	running.Go(func() { s.sites.run(ctx, s.o.Env.Gate) })
	running.Go(func() { s.expire(ctx) })
	running.Go(func() { s.sendResets(ctx) })
	if s.o.Trust.Watches() {
		running.Go(func() { s.o.Trust.Run(ctx, func(r trust.Report) { r.Tell(s.tellOf) }) })
	}
	served := make(chan error, 1)
	running.Go(func() { served <- s.serve() })
	err := s.wait(ctx, served)
	cancel()
	err = errors.Join(err, s.stop())
	running.Wait()
	s.event(events.Stopped, nil)
	return err
}

func (s *Server) wait(ctx context.Context, served <-chan error) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-served:
		return err
	}
}

func (s *Server) serve() error {
	var err error
	if s.o.TLS != nil {
		err = s.http.ServeTLS(s.net, "", "")
	} else {
		err = s.http.Serve(s.net)
	}
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return fmt.Errorf("serve: %w", err)
}

// stop ends the call streams, which would go on for ever, and waits for requests.
func (s *Server) stop() error {
	s.hub.close()
	ctx, cancel := context.WithTimeout(context.Background(), stopTime)
	defer cancel()
	_ = s.net.Stop(ctx) // what is not done by then is cut
	return nil
}

// expire lets the engine end what is over, and asks again for resets that did not
// happen.
func (s *Server) expire(ctx context.Context) {
	ticker := time.NewTicker(expireTick)
	defer ticker.Stop()
	for s.o.Env.Gate(ctx) == nil {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			s.note(s.engine.Expire(now))
			for _, reset := range s.engine.Resets(now) {
				s.askReset(ctx, reset)
			}
		}
	}
}

// askReset never blocks: what does not fit is asked for again later.
func (s *Server) askReset(_ context.Context, reset broker.Reset) {
	select {
	case s.resets <- reset:
	default:
	}
}

func (s *Server) sendResets(ctx context.Context) {
	var sending sync.WaitGroup
	defer sending.Wait()
	slots := make(chan struct{}, resetsAtOnce)
	for {
		select {
		case <-ctx.Done():
			return
		case reset := <-s.resets:
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			sending.Go(func() { defer func() { <-slots }(); s.sendReset(ctx, reset) })
		}
	}
}
