package agent

import (
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"strings"
	"time"

	"understudy/env"
)

// listener is one of the three, bound by New and served by Run.
type listener struct {
	name   string
	net    *env.Crowd
	server *http.Server
}

// bind opens the three listeners.
func (a *Agent) bind(ctx context.Context) error {
	admin, err := a.adminRoutes()
	if err != nil {
		return err
	}
	for _, l := range []struct {
		name, address string
		handler       http.Handler
		share         int // of the file descriptors: a quarter of them stays for the rest
	}{
		{"client", a.o.Listen.Client, a.clientRoutes(), 2},
		{"peer", a.o.Listen.Peer, a.peerRoutes(), 8},
		{"admin", a.o.Listen.Admin, admin, 8},
	} {
		bound, err := a.listen(ctx, l.name, l.address)
		if err != nil {
			return fmt.Errorf("listen for %s on %s: %w", l.name, l.address, err)
		}
		server := a.newServer(l.name, l.handler)
		crowd := env.Bound(bound, server, a.roomOf(l.name, l.share))
		a.listeners = append(a.listeners, &listener{name: l.name, net: crowd, server: server})
	}
	return nil
}

// How long clients may take: for a TLS handshake and a request's head each, for a
// whole request, and from its head until they have read the answer, which a relayed
// request has to wait for first.
const (
	headerTime = 10 * time.Second
	readTime   = 30 * time.Second
	writeTime  = time.Minute
	maxHeader  = 64 << 10
)

// newServer makes the server of a listener. Requests of the admin API may last,
// as those that follow the events do, so they end with the service.
func (a *Agent) newServer(name string, h http.Handler) *http.Server {
	s := &http.Server{
		Handler: h, ReadHeaderTimeout: headerTime, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: maxHeader,
		ErrorLog: stdlog.New(debugLines{a.o.Logger}, "", 0),
	}
	if name == "client" {
		s.TLSConfig, s.ReadTimeout, s.WriteTimeout = a.o.TLS.Client, readTime, writeTime
	}
	if name == "peer" {
		s.TLSConfig = a.o.TLS.Peer
		if s.TLSConfig != nil {
			s.ReadTimeout, s.WriteTimeout = readTime, writeTime // of those who turn out to be no peers
		}
		// A peer's call stream needs HTTP/2, also where there is no TLS.
		s.Protocols = new(http.Protocols)
		s.Protocols.SetHTTP1(true)
		s.Protocols.SetHTTP2(s.TLSConfig != nil)
		s.Protocols.SetUnencryptedHTTP2(s.TLSConfig == nil)
	}
	if name == "admin" {
		s.BaseContext = func(net.Listener) context.Context { return a.follows }
	}
	return s
}

// Addr is where a listener is bound.
func (a *Agent) Addr(name string) string {
	for _, l := range a.listeners {
		if l.name == name {
			return strings.TrimPrefix(l.net.Addr().String(), "@")
		}
	}
	return ""
}

func (a *Agent) serveListener(l *listener) error {
	var err error
	if l.server.TLSConfig != nil {
		err = l.server.ServeTLS(l.net, "", "")
	} else {
		err = l.server.Serve(l.net)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// closeListeners stops accepting, waits a little for what is in flight, and cuts
// the rest. The peer listener goes last and at once: its streams have no end, and
// peers are to hear us until then.
func (a *Agent) closeListeners(ctx context.Context) {
	for _, l := range a.listeners {
		if l.name == "peer" {
			continue
		}
		_ = l.net.Stop(ctx) // what is not done by then is cut
	}
}

func (a *Agent) closePeerListener() {
	for _, l := range a.listeners {
		if l.name == "peer" {
			_ = l.server.Close()
		}
	}
}
