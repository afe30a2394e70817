package pki

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"

	"understudy/env"
	"understudy/site"
	"understudy/wire"
)

// DefaultAddress is where the service of an authority listens.
const DefaultAddress = ":7446"

// Times of the service.
const (
	headerTime  = 5 * time.Second
	requestTime = 15 * time.Second
	idleTime    = 30 * time.Second
	stopTime    = 5 * time.Second
	limitRetry  = 5 * time.Second
)

// ServerOptions say how an authority is served.
type ServerOptions struct {
	Env       env.Env
	Authority *Authority
	Listen    string
	// Names are those of the service's own certificate.
	Names []site.FQDN
	// Life is that of what it issues.
	Life time.Duration
	// Report hears of each certificate issued and each request refused; err is nil for the former.
	Report func(how, name, from string, err error)
}

// Server issues certificates over TLS 1.3.
type Server struct {
	o       ServerOptions
	limits  *limiter
	net     net.Listener
	server  *http.Server
	renewed sync.Mutex // guards own
	own     *tls.Certificate
}

// NewServer signs the service's own certificate, whose key is nowhere but in memory,
// and listens.
func NewServer(ctx context.Context, o ServerOptions) (*Server, error) {
	s := &Server{o: o, limits: newLimiter()}
	if err := s.renewOwn(ctx); err != nil {
		return nil, fmt.Errorf("the certificate of the service: %w", err)
	}
	s.server = &http.Server{
		Handler: s.routes(), ReadHeaderTimeout: headerTime, ReadTimeout: requestTime, WriteTimeout: requestTime, IdleTimeout: idleTime,
		MaxHeaderBytes: 16 << 10, ErrorLog: log.New(io.Discard, "", 0), TLSConfig: s.tls(),
	}
	listener, err := o.Env.Listen(ctx, "tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", o.Listen, err)
	}
	s.net = env.Bound(listener, s.server, env.Room{Share: 2})
	return s, nil
}

// Addr is where the service listens.
func (s *Server) Addr() string { return s.net.Addr().String() }

// tls asks for a certificate and lets the handler judge it, so that who is refused hears why.
func (s *Server) tls() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13, ClientAuth: tls.RequestClientCert,
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			err := s.renewOwn(hello.Context())
			s.renewed.Lock()
			defer s.renewed.Unlock()
			if s.own == nil {
				return nil, err
			}
			return s.own, nil // an old one is better than none
		},
	}
}

// renewOwn signs a new certificate of the service when it is time.
func (s *Server) renewOwn(ctx context.Context) error {
	s.renewed.Lock()
	defer s.renewed.Unlock()
	if s.own != nil && s.o.Env.Now().Before(RenewAt(s.own.Leaf.NotBefore, s.own.Leaf.NotAfter)) {
		return nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), s.o.Env.Rand("pki keys"))
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	cert, err := s.o.Authority.Issue(ctx, Order{Names: s.o.Names, Life: s.o.Life, Key: key.Public(), How: Own})
	if err != nil {
		return err
	}
	s.own = s.o.Authority.pair(cert, key)
	return nil
}

// Run serves until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- s.server.ServeTLS(s.net, "", "") }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	err := s.server.Shutdown(stop)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.server.Close()
	}
	if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

func (s *Server) routes() http.Handler {
	r := chi.NewRouter()
	r.Use(s.limit)
	r.NotFound(func(w http.ResponseWriter, _ *http.Request) {
		wire.WriteError(w, wire.NewProblem(http.StatusNotFound, wire.CodeNotFound, "this service has /pki/v1/enrol and /pki/v1/renew"))
	})
	r.MethodNotAllowed(func(w http.ResponseWriter, _ *http.Request) {
		wire.WriteError(w, wire.NewProblem(http.StatusMethodNotAllowed, wire.CodeMethod, "POST"))
	})
	r.Post("/pki/v1/enrol", s.enrol)
	r.Post("/pki/v1/renew", s.renew)
	return r
}

// limit answers 429 to a source that asks too often, before anything is read or signed.
func (s *Server) limit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.limits.allow(env.SourceFrom(r.RemoteAddr).String(), time.Now()) {
			p := wire.NewProblem(http.StatusTooManyRequests, wire.CodeTooMany, "too many requests from this address")
			p.RetryAfter = limitRetry
			wire.WriteError(w, p)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) enrol(w http.ResponseWriter, r *http.Request) {
	var asked wire.Enrolment
	if err := wire.Read(w, r, wire.MaxPKI, wire.Refuse, &asked); err != nil {
		wire.WriteError(w, err)
		return
	}
	from := env.SourceFrom(r.RemoteAddr).String()
	cert, err := s.o.Authority.Enrol(r.Context(), asked.Token, asked.CSR, s.o.Life, from)
	s.answer(w, ByToken, from, cert, err)
}

func (s *Server) renew(w http.ResponseWriter, r *http.Request) {
	var asked wire.Renewal
	if err := wire.Read(w, r, wire.MaxPKI, wire.Refuse, &asked); err != nil {
		wire.WriteError(w, err)
		return
	}
	var shown *x509.Certificate
	if len(r.TLS.PeerCertificates) > 0 {
		shown = r.TLS.PeerCertificates[0]
	}
	from := env.SourceFrom(r.RemoteAddr).String()
	cert, err := s.o.Authority.Renew(r.Context(), shown, asked.CSR, s.o.Life, from)
	s.answer(w, ByRenewal, from, cert, err)
}

func (s *Server) answer(w http.ResponseWriter, how, from string, cert *x509.Certificate, err error) {
	if err != nil {
		s.o.Report(how, "", from, err)
		wire.WriteError(w, err)
		return
	}
	s.o.Report(how, cert.DNSNames[0], from, nil)
	wire.WriteJSON(w, http.StatusOK, wire.IssuedCertificate{Certificate: string(certPEM(cert.Raw)), CA: s.o.Authority.CA()})
}
