package env_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"understudy/env"
)

// pipes is a listener in memory.
type pipes struct {
	made chan net.Conn
	done chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.made:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p pipes) Close() error   { close(p.done); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// drain stops a server whose only request takes so long, after half a second.
func drain(t *testing.T, handling, patience time.Duration) (took time.Duration, answer string, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(handling):
			case <-r.Context().Done():
			}
			_, _ = io.WriteString(w, "done")
		})}
		l := pipes{make(chan net.Conn), make(chan struct{})}
		d := env.Bound(l, server, env.Room{Share: 2})
		served := make(chan error, 1)
		go func() { served <- server.Serve(d) }()
		mine, theirs := net.Pipe()
		l.made <- theirs
		answered := make(chan string, 1)
		go func() {
			_, _ = io.WriteString(mine, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
			resp, err := http.ReadResponse(bufio.NewReader(mine), nil)
			if err != nil {
				answered <- err.Error()
				return
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			answered <- string(body)
		}()
		<-time.After(500 * time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		began := time.Now()
		err = d.Stop(ctx)
		took, answer = time.Since(began), <-answered
		if why := <-served; !errors.Is(why, http.ErrServerClosed) {
			t.Errorf("the server ended with %v", why)
		}
		_ = mine.Close()
	})
	return took, answer, err
}

// A server ends as soon as nothing is in flight, and not at the next look of net/http.
func TestDrainWaitsForWhatIsInFlight(t *testing.T) {
	if took, answer, err := drain(t, 1723*time.Millisecond, time.Minute); took != 1223*time.Millisecond || answer != "done" || err != nil {
		t.Errorf("after %s: %q, %v", took, answer, err)
	}
}

func TestDrainOfNothing(t *testing.T) {
	if took, answer, err := drain(t, time.Millisecond, time.Minute); took != 0 || answer != "done" || err != nil {
		t.Errorf("after %s: %q, %v", took, answer, err)
	}
}

// What is still in flight when the time is up is cut, and told.
func TestDrainCuts(t *testing.T) {
	took, answer, err := drain(t, time.Hour, 2*time.Second)
	if took != 2*time.Second || answer == "done" || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "in flight") {
		t.Errorf("after %s: %q, %v", took, answer, err)
	}
}

// slow is a connection on which everything comes a little later, in small pieces.
type slow struct{ net.Conn }

func (s slow) Read(b []byte) (int, error) {
	time.Sleep(time.Millisecond)
	return s.Conn.Read(b[:min(len(b), 8)])
}

// Over HTTP/2 net/http takes a request for finished before the end of its answer is
// written.
func TestDrainLetsAnswersOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(time.Second)
			_, _ = io.WriteString(w, "done")
		})}
		server.Protocols.SetUnencryptedHTTP2(true)
		l := pipes{make(chan net.Conn), make(chan struct{})}
		d := env.Bound(l, server, env.Room{Share: 2})
		go func() { _ = server.Serve(d) }()
		transport := &http.Transport{Protocols: new(http.Protocols), DialContext: func(context.Context, string, string) (net.Conn, error) {
			mine, theirs := net.Pipe()
			l.made <- theirs
			return slow{mine}, nil
		}}
		transport.Protocols.SetUnencryptedHTTP2(true)
		answered := make(chan string, 1)
		go func() {
			resp, err := (&http.Client{Transport: transport}).Get("http://x.test/")
			if err != nil {
				answered <- err.Error()
				return
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				body = []byte(err.Error())
			}
			answered <- string(body)
		}()
		<-time.After(500 * time.Millisecond)
		if err := d.Stop(t.Context()); err != nil {
			t.Error(err)
		}
		if got := <-answered; got != "done" {
			t.Errorf("the answer is %q", got)
		}
		<-time.After(time.Second) // whatever still reads comes to the end
	})
}
