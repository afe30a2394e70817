package peer

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"understudy/env"
	"understudy/site"
	"understudy/wire"
)

// speaker is a mesh with the peers cc02 and cc03 that has something to say.
func speaker(t *testing.T, dial func(context.Context, string, string) (net.Conn, error)) *Mesh {
	t.Helper()
	e := env.Real()
	if dial != nil {
		e.Dial = dial
	}
	m, err := New(Options{Env: e, Self: "cc01", Site: "example", Zone: "west", Deadline: func() time.Duration { return time.Minute }})
	if err != nil {
		t.Fatal(err)
	}
	m.SetPeers([]site.Connector{{FQDN: "cc02", PeerURL: "http://10.0.0.2:1"}, {FQDN: "cc03", PeerURL: "http://10.0.0.3:1"}})
	m.Publish(wire.Facts{Boot: "one"})
	return m
}

func next(t *testing.T, f *feed) wire.Facts {
	t.Helper()
	p := make([]byte, 4096)
	n, err := f.Read(p)
	if err != nil {
		t.Fatal(err)
	}
	var facts wire.Facts
	if err := json.Unmarshal(p[:n], &facts); err != nil {
		t.Fatal(err)
	}
	return facts
}

// All peers are told the same line, also who reads it a moment later; a stream that
// begins has a word of its own.
func TestOneLineForAllPeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := speaker(t, nil)
		second, third := &feed{ctx: t.Context(), link: m.link("cc02")}, &feed{ctx: t.Context(), link: m.link("cc03")}
		first := next(t, second).Seq
		time.Sleep(time.Millisecond)
		if got := next(t, third).Seq; got != first+1 {
			t.Errorf("a new stream begins with number %d after %d, want a word of its own", got, first)
		}
		m.Publish(wire.Facts{Boot: "two"})
		told := next(t, second)
		time.Sleep(time.Millisecond)
		if got := next(t, third); got.Seq != told.Seq || told.Boot != "two" {
			t.Errorf("one peer is told number %d of %q, the other %d", told.Seq, told.Boot, got.Seq)
		}
	})
}

// What is so is repeated on a beat a little faster than the interval, also when
// nobody publishes.
func TestBeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := speaker(t, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 10*DefaultInterval+time.Millisecond)
		defer cancel()
		go m.beat(ctx)
		f := &feed{ctx: ctx, link: m.link("cc02")}
		p, lines := make([]byte, 4096), 0
		for {
			if _, err := f.Read(p); err != nil {
				break
			}
			lines++
		}
		if lines < 11 || lines > 12 {
			t.Errorf("%d lines in ten intervals", lines)
		}
	})
}

// A stream whose connection ends is over at once, not at the next word.
func TestFeedEndsWithItsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mine, theirs := net.Pipe()
		m := speaker(t, func(context.Context, string, string) (net.Conn, error) { return mine, nil })
		ended := make(chan error, 1)
		go func() { ended <- m.link("cc02").post(t.Context(), m.now()) }()
		in := bufio.NewReader(theirs)
		req, err := http.ReadRequest(in)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(theirs, "HTTP/1.1 100 Continue\r\n\r\n")
		if _, err := bufio.NewReader(req.Body).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		_ = theirs.Close()
		select {
		case err = <-ended:
		case <-time.After(DefaultInterval / 2):
			t.Error("the stream goes on without its connection")
			m.link("cc02").facts.CloseIdleConnections()
		}
		if err == nil {
			t.Error("the stream that broke has no error")
		}
	})
}

// That a peer was heard is no reason to redial at once when it has begun to read
// since.
func TestAcceptedStreamForgetsToRedial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := speaker(t, nil).link("cc02")
		l.again <- struct{}{}
		l.accepted(l.mesh.now())
		if began := time.Now(); l.waits(t.Context()) != redial {
			t.Errorf("redials after %s", time.Since(began))
		}
		l.again <- struct{}{}
		if d := l.waits(t.Context()); d != 0 {
			t.Errorf("who is told to redial at once waits %s", d)
		}
	})
}

// waits is how long it really waits where it means to wait for the redial.
func (l *link) waits(ctx context.Context) time.Duration {
	began := time.Now()
	l.wait(ctx, redial)
	return time.Since(began)
}

// A stream given up because the peer is silent is tried again at once, and only once.
func TestRedialOfASilentPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := speaker(t, nil).link("cc02")
		if d := l.judge(l.mesh.now(), errSilent); d != 0 {
			t.Errorf("after silence it waits %s", d)
		}
		if d := l.judge(l.mesh.now(), errors.New("broken")); d < redial-redial*2/3 || d > redial+redial*2/3 {
			t.Errorf("after a broken stream it waits %s", d)
		}
	})
}
