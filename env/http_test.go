package env_test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"understudy/env"
)

// Two transports with one config do not change what the other offers: one that
// speaks HTTP/1.1 only must not end up on HTTP/2.
func TestTransportsShareNoConfig(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	config := server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	config.NextProtos = nil
	old, both := oldTransport(config), env.Real().Transport(env.Fixed(config))
	for range 2 {
		for want, transport := range map[int]*http.Transport{1: old, 2: both} {
			resp, err := (&http.Client{Transport: transport}).Get(server.URL)
			if err != nil {
				t.Fatalf("HTTP/%d: %v", want, err)
			}
			resp.Body.Close()
			if resp.ProtoMajor != want {
				t.Errorf("got %s, want HTTP/%d", resp.Proto, want)
			}
		}
	}
}

// oldTransport dials anew for each request and speaks HTTP/1.1 only.
func oldTransport(config *tls.Config) *http.Transport {
	transport := env.Real().Transport(env.Fixed(config))
	transport.DisableKeepAlives, transport.ForceAttemptHTTP2 = true, false
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetHTTP1(true)
	return transport
}

// A host that dies, or a network that is cut, ends no connection: what was sent on
// it is never answered. A desktop or StoreFront that waited for its own time-out
// would be late at the next connector (LHC-23).
func TestAliveNoticesASilentConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cut atomic.Pointer[line]
		listener := make(lines)
		server := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), Protocols: new(http.Protocols)}
		server.Protocols.SetUnencryptedHTTP2(true)
		go func() { _ = server.Serve(listener) }()
		defer func() { _ = server.Close() }()
		world := env.Env{Dial: func(context.Context, string, string) (net.Conn, error) {
			near, far := net.Pipe()
			listener <- far
			l := &line{Conn: near}
			cut.Store(l)
			return l, nil
		}}
		transport := env.Alive(world.StreamTransport(nil))
		defer transport.CloseIdleConnections()
		ask := func() error {
			resp, err := (&http.Client{Transport: transport}).Get("http://cc01.example.test/")
			if err != nil {
				return err
			}
			return resp.Body.Close()
		}
		if err := ask(); err != nil {
			t.Fatal(err)
		}
		cut.Load().silent.Store(true)
		began := time.Now()
		if err := ask(); err == nil {
			t.Error("a silent connection answered")
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("it was noticed after %v", took)
		}
		if err := ask(); err != nil {
			t.Errorf("the next connection: %v", err)
		}
	})
}

// line is a connection on which all that is written is lost once it is silent.
type line struct {
	net.Conn
	silent atomic.Bool
}

func (l *line) Write(p []byte) (int, error) {
	if l.silent.Load() {
		return len(p), nil
	}
	return l.Conn.Write(p)
}

// lines is a listener that accepts what is sent to it.
type lines chan net.Conn

func (l lines) Accept() (net.Conn, error) {
	conn, open := <-l
	if !open {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (l lines) Close() error { close(l); return nil }

func (l lines) Addr() net.Addr { return &net.TCPAddr{} }
