// Package server is the reference cloud broker: a real, small broker that speaks
// the cloud contract over a store of its own. It runs the same engine and the
// same handlers as a connector's secondary broker, and never opens a connection
// into a zone: desktops are reached through the call streams of their zone's
// connectors. The cloud command and the demo run it.
package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/broker"
	"understudy/datadir"
	"understudy/env"
	"understudy/events"
	"understudy/launchfile"
	"understudy/roles"
	"understudy/site"
	"understudy/storefront"
	"understudy/trust"
)

// Defaults of the server.
const (
	DefaultListen    = ":7443"
	DefaultKeepAlive = 2 * time.Second
	stopTime         = 5 * time.Second
	// listenerShare: the listener may have half of the file descriptors.
	listenerShare = 2
)

// Options are what a Server needs.
type Options struct {
	Env env.Env
	// Data is the folder of the store; nobody else may use it meanwhile.
	Data string
	// Site is the name of the one site that is served.
	Site   string
	Listen string
	// TLS is nil for a loopback address without TLS.
	TLS *tls.Config
	// Trust holds what of TLS and tokens comes from files that may change; nil where
	// nothing does.
	Trust *trust.Store
	// Tokens say who may ask for what now.
	Tokens func() []Token
	// Accounts, if set, know administrators beside those of Tokens.
	Accounts Accounts
	// Restored says that the store was put back from a backup: its versions get a
	// new history, so that connectors with newer ones of the old history take them.
	Restored bool
	// Insecure also allows desktops whose callback is at a loopback address.
	Insecure bool
	// KeepAlive is how often a call stream carries a line; it is dead when nothing
	// has come for three times as long.
	KeepAlive time.Duration
	// RegistrationRate is how many registrations are taken a second; 0 means
	// DefaultRegistrationRate.
	RegistrationRate int
	// Connections and OfSource bound the connections, of all and of one source; 0 means
	// the defaults of env.
	Connections, OfSource int
	// Exposed are files with secrets that other users of the host may read.
	Exposed []string
	// Files makes answers of launches in other forms than our own.
	Files launchfile.Maker
	// XML is of the XML Service and of the STA.
	XML storefront.XML
	// Misbehave, if set, stands before all handlers: tests make a bad cloud broker
	// of this one with it.
	Misbehave func(http.Handler) http.Handler
	Logger    *logrus.Logger
}

func (o Options) validate() error {
	switch {
	case o.Data == "":
		return errors.New("server: Data is missing")
	case o.Site == "":
		return errors.New("server: Site is missing")
	case o.Tokens == nil:
		return errors.New("server: Tokens are missing")
	case o.RegistrationRate < 0:
		return fmt.Errorf("server: RegistrationRate %d is negative", o.RegistrationRate)
	case o.KeepAlive < 0:
		return fmt.Errorf("server: KeepAlive %s is negative", o.KeepAlive)
	}
	return o.Env.Validate()
}

func (o Options) withDefaults() Options {
	if o.Listen == "" {
		o.Listen = DefaultListen
	}
	if o.KeepAlive == 0 {
		o.KeepAlive = DefaultKeepAlive
	}
	if o.RegistrationRate == 0 {
		o.RegistrationRate = DefaultRegistrationRate
	}
	if o.Logger == nil {
		o.Logger = logrus.New()
		o.Logger.SetOutput(io.Discard)
	}
	return o
}

// Server is the reference cloud broker.
type Server struct {
	o      Options
	log    *logrus.Entry
	lock   *datadir.FolderLock
	store  *store
	engine *broker.Engine
	sites  *publisher
	hub    *hub
	resets chan broker.Reset
	turns  *turns
	denied roles.Refusals // of those who are known
	barred roles.Refusals // of strangers, who cannot crowd those out
	net    *env.Crowd
	http   *http.Server
	closed sync.Once
}

// New takes the data folder, opens the store and the listener, and starts
// nothing. Whoever does not call Run then calls Close.
func New(o Options) (*Server, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	s := &Server{
		o: o, log: o.Logger.WithField("site", o.Site), hub: newHub(o.Env.Rand("calls")),
		resets: make(chan broker.Reset, maxResets), turns: newTurns(o.RegistrationRate),
	}
	if err := s.open(context.Background()); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Server) open(ctx context.Context) (err error) {
	if err := readable(s.o.Data); err != nil {
		return err
	}
	if s.lock, err = datadir.Lock(s.o.Data); err != nil {
		return err
	}
	if s.store, err = openStore(ctx, s.o); err != nil {
		return err
	}
	s.store.pulse.tell = func(err error) { s.event(events.DiskFailed, logrus.Fields{"reason": err.Error()}) }
	if err := s.startEngine(ctx); err != nil {
		return err
	}
	handler, err := s.routes()
	if err != nil {
		return err
	}
	if s.o.Misbehave != nil {
		handler = s.o.Misbehave(handler)
	}
	s.http = s.newHTTP(handler)
	bound, err := s.o.Env.Listen(ctx, "tcp", s.o.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", s.o.Listen, err)
	}
	s.net = env.Bound(bound, s.http, env.Room{
		Share: listenerShare, Connections: s.o.Connections, OfSource: s.o.OfSource,
		Full: func(reason string) {
			s.event(events.ConnectionsFull, logrus.Fields{"reason": "the listener: " + reason})
		},
		Guessed: func(reason string) { s.event(events.SourceHeldBack, logrus.Fields{"reason": reason}) },
	})
	return nil
}

// startEngine goes on from what the store knows; registrations and sessions come
// from the desktops.
func (s *Server) startEngine(ctx context.Context) error {
	current, err := s.store.Current(ctx)
	if err != nil {
		return err
	}
	records, err := s.store.Marks(ctx)
	if err != nil {
		return err
	}
	s.engine = broker.New(broker.Options{Broker: site.FQDN(s.o.Site)}, current.index)
	s.engine.Apply(records)
	s.sites = newPublisher(s.store, s.engine, current, s.log)
	s.sites.rested = s.findTwice
	return nil
}

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.net.Addr() }

// Close gives back what New took. It is safe to call twice, and after Run.
func (s *Server) Close() {
	s.closed.Do(func() {
		if s.net != nil {
			_ = s.net.Close()
		}
		if s.store != nil {
			if err := s.store.Close(); err != nil {
				s.log.WithError(err).Error("the store could not be closed")
			}
		}
		if s.lock != nil {
			_ = s.lock.Close()
		}
	})
}
