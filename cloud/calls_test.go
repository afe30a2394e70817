package cloud_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"understudy/cloud"
	"understudy/env"
)

// A connector that stops closes its call stream, and then its process ends: by then
// the cloud broker must have been told, also on a connection that is slow to take it.
// One that takes nothing is a bounded wait.
//
// No line is slow for longer than a ping waits: that would wait for a mutex, which
// stops the clock of a bubble.
func TestClosedCallStreamIsTold(t *testing.T) {
	for name, close := range map[string]func(stream io.Closer, cancel func()){
		"closed":                     func(stream io.Closer, _ func()) { _ = stream.Close() },
		"closed as its context ends": func(stream io.Closer, cancel func()) { cancel(); _ = stream.Close() },
	} {
		for _, takes := range []time.Duration{50 * time.Millisecond, 1500 * time.Millisecond} {
			synctest.Test(t, func(t *testing.T) {
				world := newSlowLine(t)
				c, err := cloud.New(cloud.Options{Env: world.env(), URL: "http://cloud.example", Site: "example", Connector: "cc1.example"})
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				stream, err := c.Calls(ctx)
				if err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				world.takes.Store(int64(takes))
				began := time.Now()
				close(stream, cancel)
				if took := time.Since(began); world.resets.Load() == 0 && takes < time.Second || took > 1100*time.Millisecond {
					t.Errorf("%s: Close returned after %s, with %d resets told on a line that takes %s", name, took, world.resets.Load(), takes)
				}
				world.takes.Store(0)
				time.Sleep(takes)
			})
		}
	}
}

// slowLine is a cloud broker that takes call streams, at the end of a line that may be
// slow to take what is written to it.
type slowLine struct {
	listener chan net.Conn
	takes    atomic.Int64 // nanoseconds
	resets   atomic.Int64 // RST_STREAM frames that were taken
}

func newSlowLine(t *testing.T) *slowLine {
	t.Helper()
	l := &slowLine{listener: make(chan net.Conn, 1)}
	server := &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		_ = http.NewResponseController(w).Flush()
		_, _ = io.Copy(io.Discard, r.Body)
	})}
	server.Protocols.SetUnencryptedHTTP2(true)
	go func() { _ = server.Serve(accepting(l.listener)) }()
	t.Cleanup(func() { _ = server.Close() })
	return l
}

func (l *slowLine) env() env.Env {
	world := env.Real()
	world.Dial = func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		l.listener <- far
		return &slowConn{near, l}, nil
	}
	return world
}

type slowConn struct {
	net.Conn
	line *slowLine
}

func (c *slowConn) Write(p []byte) (int, error) {
	const frameType, reset = 3, 3
	time.Sleep(time.Duration(c.line.takes.Load()))
	n, err := c.Conn.Write(p)
	if err == nil && len(p) > frameType && p[frameType] == reset {
		c.line.resets.Add(1)
	}
	return n, err
}

// accepting is a listener that accepts what is sent to it.
type accepting chan net.Conn

func (a accepting) Accept() (net.Conn, error) {
	conn, open := <-a
	if !open {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (a accepting) Close() error { close(a); return nil }

func (a accepting) Addr() net.Addr { return &net.TCPAddr{} }
