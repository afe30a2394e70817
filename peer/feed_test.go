package peer

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"reflect"
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

// What is so is repeated in each interval, by who publishes or by itself: once nobody
// did for three. Newer facts that are to come and do not are awaited for half of one.
func TestBeat(t *testing.T) {
	for name, c := range map[string]struct {
		publish int
		awaited bool
		lines   int
	}{"nobody publishes": {0, false, 9}, "published on time": {10, false, 11}, "published in vain": {0, true, 6}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := speaker(t, nil)
				m.o.OnDue = func() bool { return c.awaited }
				ctx, cancel := context.WithTimeout(t.Context(), 10*DefaultInterval+time.Millisecond)
				defer cancel()
				defer m.repeat.Stop()
				go func() {
					for range c.publish {
						time.Sleep(DefaultInterval)
						m.Publish(wire.Facts{Boot: "one"})
					}
				}()
				if got := count(&feed{ctx: ctx, link: m.link("cc02")}); got != c.lines {
					t.Errorf("got %d lines in ten intervals, want %d", got, c.lines)
				}
			})
		})
	}
}

// count reads lines until the feed ends.
func count(f *feed) (lines int) {
	p := make([]byte, 4096)
	for {
		if _, err := f.Read(p); err != nil {
			return lines
		}
		lines++
	}
}

// Design 4: what is said is what was published last, also where most of it was said
// before.
func TestLinesAreTheFacts(t *testing.T) {
	idle, later := site.Duration(time.Second), site.Duration(2*time.Second)
	heard := func(seq uint64) []wire.Heard {
		return []wire.Heard{{FQDN: "cc02", Boot: "b", Seq: seq}, {FQDN: "cc03", Seq: 9}}
	}
	synctest.Test(t, func(t *testing.T) {
		m := speaker(t, nil)
		defer m.repeat.Stop()
		f := &feed{ctx: t.Context(), link: m.link("cc02")}
		for i, want := range []wire.Facts{
			{Boot: "one", Heard: heard(1)},
			{Boot: "one", Heard: heard(12)},
			{Boot: "one", Heard: heard(0)},
			{Boot: "one", Heard: heard(7)},
			{Boot: "one", Heard: heard(8)[:1]},
			{Boot: "one"},
			{Boot: "one", Heard: heard(0)},
			{Boot: "one", Heard: heard(8)},
			{Boot: "one", ConfigAge: idle},
			{Boot: "one", ConfigAge: later},
			{Boot: "one", FrontIdle: &idle},
			{Boot: "one", FrontIdle: &later},
			{Boot: "two", FrontIdle: &later},
		} {
			time.Sleep(DefaultInterval)
			m.Publish(want)
			got := next(t, f)
			want.FQDN, want.Site, want.Zone, want.Protocol, want.Seq = "cc01", "example", "west", wire.PeerProtocol, got.Seq
			if !reflect.DeepEqual(got, want) {
				t.Errorf("line %d: got %+v, want %+v", i, got, want)
			}
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

// Issue 4: "≤ 0.6 % of a core" when idle: who hears a heartbeat when its own is all but
// due says it then, so that those of a zone go out together; and not before. Where
// newer facts are to come, with them.
func TestHeartbeatsGoOutTogether(t *testing.T) {
	const allBut, justSaid = DefaultInterval * 9 / 10, DefaultInterval / 2
	for name, c := range map[string]struct {
		after       time.Duration
		newer       bool
		due, repeat bool
	}{
		"all but due":                    {allBut, false, true, true},
		"all but due, newer are to come": {allBut, true, true, false},
		"just said":                      {justSaid, false, false, false},
		"just said, newer are to come":   {justSaid, true, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := speaker(t, nil)
				defer m.repeat.Stop()
				due := 0
				m.o.OnDue = func() bool { due++; return c.newer }
				in := &inbound{mesh: m}
				time.Sleep(c.after)
				before := m.spoke
				in.take(wire.Facts{FQDN: "cc02", Boot: "b"}, false)
				if got := due > 0; got != c.due {
					t.Errorf("%s after the own heartbeat: told %t, want %t", c.after, got, c.due)
				}
				if got := m.spoke.After(before); got != c.repeat {
					t.Errorf("%s after the own heartbeat: repeated %t, want %t", c.after, got, c.repeat)
				}
				m.Publish(wire.Facts{Boot: "one"})
				if got := m.spoke.After(before); got != c.due {
					t.Errorf("%s after the own heartbeat: repeated with newer facts %t, want %t", c.after, got, c.due)
				}
			})
		})
	}
}

// Who is the first to speak is it again after an interval. Who hears another first
// leaves it to that one, and is it again where that one falls silent.
func TestWhoSpeaksFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := speaker(t, nil)
		defer m.repeat.Stop()
		spoken := func(after time.Duration) bool {
			before := m.lastSpoke()
			time.Sleep(after)
			synctest.Wait()
			return m.lastSpoke().After(before)
		}
		if !spoken(3*DefaultInterval) || !spoken(DefaultInterval) {
			t.Error("nobody else speaks, and it does not in each interval")
		}
		time.Sleep(DefaultInterval * 9 / 10)
		(&inbound{mesh: m}).take(wire.Facts{FQDN: "cc02", Boot: "b"}, false)
		if spoken(3*DefaultInterval - 1) {
			t.Error("it does not wait for who spoke first")
		}
		if !spoken(1) || !spoken(DefaultInterval) {
			t.Error("who spoke first is silent, and it does not speak in its place")
		}
	})
}

func (m *Mesh) lastSpoke() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.spoke
}
