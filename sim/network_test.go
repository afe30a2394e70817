package sim

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"understudy/env"
)

// two are a process that dials and one that listens.
type two struct {
	*testing.T
	net  *network
	a, b *life
	port net.Listener
}

const portB = "10.0.0.2:80"

func newTwo(t *testing.T, seed uint64) *two {
	t.Helper()
	n := newNetwork(seed)
	w := &two{T: t, net: n, a: n.begin(n.addHost("a", "10.0.0.1")), b: n.begin(n.addHost("b", "10.0.0.2"))}
	var err error
	if w.port, err = w.b.listen(t.Context(), "tcp", portB); err != nil {
		t.Fatal(err)
	}
	return w
}

// connect returns both ends of a new connection.
func (t *two) connect() (a, b net.Conn) {
	t.Helper()
	a, err := t.a.dial(t.Context(), "tcp", portB)
	if err != nil {
		t.Fatal(err)
	}
	if b, err = t.port.Accept(); err != nil {
		t.Fatal(err)
	}
	return a, b
}

// send writes here, and tells when it was read there, or which error ended that.
func send(t *two, from, to net.Conn, text string) (time.Duration, error) {
	t.Helper()
	began := time.Now()
	if _, err := io.WriteString(from, text); err != nil {
		return 0, err
	}
	_, err := io.ReadFull(to, make([]byte, len(text)))
	return time.Since(began), err
}

const request = "GET /what/it/is/about HTTP/1.1\r\n\r\n"

// inBubble does something with two processes, in a time of its own.
func inBubble(t *testing.T, seed uint64, do func(t *two)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { do(newTwo(t, seed)) })
}

// A delay follows from the seed, the way, what is sent and when, not from what else
// was sent before.
func TestDelayHasCauses(t *testing.T) {
	trip := func(seed uint64, text string, others int) (d time.Duration) {
		inBubble(t, seed, func(t *two) {
			a, b := t.connect()
			for range others {
				t.connect()
			}
			_ = env.Sleep(t.Context(), time.Second-time.Since(midnight))
			d, _ = send(t, a, b, text)
		})
		return d
	}
	first := trip(1, request, 0)
	if again := trip(1, request, 0); again != first {
		t.Errorf("the same took %s, then %s", first, again)
	}
	if among := trip(1, request, 3); among != first {
		t.Errorf("the same took %s, and after other connections %s", first, among)
	}
	if first < nearest || first > nearest+nearSpread {
		t.Errorf("it took %s, want %s to %s", first, nearest, nearest+nearSpread)
	}
	if trip(2, request, 0) == first || trip(1, strings.ToLower(request[3:])+request, 0) == first {
		t.Error("another seed, or another thing, takes the same time")
	}
}

// midnight is when each bubble begins.
var midnight = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// A small frame takes the shortest way: whether there is one may be an accident.
func TestSmallFramesDelayNothing(t *testing.T) {
	inBubble(t, 1, func(t *two) {
		a, b := t.connect()
		if d, err := send(t, a, b, strings.Repeat("x", controlSize)); d != nearest || err != nil {
			t.Errorf("it took %s (%v), want %s", d, err, nearest)
		}
	})
}

// A cut lets nothing pass, not even what is under way; after the heal it is sent again.
func TestCutAndHeal(t *testing.T) {
	inBubble(t, 1, func(t *two) {
		a, b := t.connect()
		_, _ = io.WriteString(a, "under way, ")
		t.net.cut(both("a", "b")...)
		_, _ = io.WriteString(a, "and after")
		_ = b.SetReadDeadline(time.Now().Add(time.Minute))
		if n, err := b.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("over a cut came %d bytes (%v)", n, err)
		}
		began := time.Now()
		t.net.heal(both("a", "b")...)
		_ = b.SetReadDeadline(time.Time{})
		got := make([]byte, len("under way, and after"))
		if _, err := io.ReadFull(b, got); err != nil || string(got) != "under way, and after" || time.Since(began) > resent {
			t.Errorf("%s after the heal came %q (%v)", time.Since(began), got, err)
		}
	})
}

// Two cuts of one way need two heals; a dial waits for them, as long as it may.
func TestDialOverACut(t *testing.T) {
	inBubble(t, 1, func(t *two) {
		t.net.cut(way{"a", "b"})
		t.net.cut(way{"a", "b"})
		t.net.heal(way{"a", "b"})
		began := time.Now()
		if _, err := t.a.dial(t.Context(), "tcp", portB); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != dialPatience {
			t.Errorf("after %s: %v, want a time-out after %s", time.Since(began), err, dialPatience)
		}
		time.AfterFunc(2*time.Second, func() { t.net.heal(way{"a", "b"}) })
		began = time.Now()
		if _, err := t.a.dial(t.Context(), "tcp", portB); err != nil || time.Since(began) < 2*time.Second {
			t.Errorf("after %s: %v, want a connection after the heal", time.Since(began), err)
		}
	})
}

func TestCutOneWay(t *testing.T) {
	inBubble(t, 1, func(t *two) {
		a, b := t.connect()
		t.net.cut(way{"a", "b"})
		if d, err := send(t, b, a, "the other way"); err != nil || d > nearest+nearSpread {
			t.Errorf("the way that is open took %s (%v)", d, err)
		}
		_ = b.SetReadDeadline(time.Now().Add(time.Minute))
		if _, err := send(t, a, b, "this way"); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("over a cut: %v", err)
		}
	})
}

func TestRefused(t *testing.T) {
	inBubble(t, 1, func(t *two) {
		for address, want := range map[string]error{"10.0.0.2:81": syscall.ECONNREFUSED, "10.0.0.3:80": syscall.EHOSTUNREACH} {
			if _, err := t.a.dial(t.Context(), "tcp", address); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", address, err, want)
			}
		}
		if _, err := t.b.listen(t.Context(), "tcp", portB); !errors.Is(err, syscall.EADDRINUSE) {
			t.Errorf("a second listener: %v", err)
		}
		_ = t.port.Close()
		if _, err := t.a.dial(t.Context(), "tcp", portB); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("after the listener closed: %v", err)
		}
	})
}

// A crash resets connections, closes ports, and ends all that the process does; the
// next life of its host can listen.
func TestCrash(t *testing.T) {
	inBubble(t, 1, func(t *two) {
		a, b := t.connect()
		t.b.Sever()
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the other end reads %v", err)
		}
		if _, err := b.Write([]byte("a last word")); err == nil {
			t.Error("who has crashed writes")
		}
		if _, err := t.a.dial(t.Context(), "tcp", portB); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("a dial: %v", err)
		}
		if _, err := t.b.dial(t.Context(), "tcp", portB); !errors.Is(err, errDead) {
			t.Errorf("a dial of who has crashed: %v", err)
		}
		if err := t.b.Env().Gate(t.Context()); !errors.Is(err, errDead) {
			t.Errorf("the gate of who has crashed: %v", err)
		}
		if _, err := t.net.begin(t.b.host).listen(t.Context(), "tcp", portB); err != nil {
			t.Errorf("the next life: %v", err)
		}
	})
}

// A crash over a cut is found out after the heal.
func TestCrashOverACut(t *testing.T) {
	inBubble(t, 1, func(t *two) {
		a, _ := t.connect()
		t.net.cut(both("a", "b")...)
		t.b.Sever()
		_ = a.SetReadDeadline(time.Now().Add(time.Minute))
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("over the cut: %v", err)
		}
		_ = a.SetReadDeadline(time.Time{})
		t.net.heal(both("a", "b")...)
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("after the heal: %v", err)
		}
	})
}

// While a process is paused it reads, sends, accepts and dials nothing, and its gate
// holds; then all of that goes on.
func TestPause(t *testing.T) {
	deeds := map[string]func(t *two, a, b net.Conn){
		"reads": func(t *two, a, b net.Conn) { t.Helper(); must(t)(send(t, a, b, "what it reads")) },
		"reads what had come": func(t *two, a, b net.Conn) {
			t.b.wake()
			_, _ = io.WriteString(a, "come")
			_ = env.Sleep(t.Context(), time.Second)
			t.b.pause()
			must(t)(0, func() error { _, err := io.ReadFull(b, make([]byte, len("come"))); return err }())
		},
		"sends":   func(t *two, a, b net.Conn) { t.Helper(); must(t)(send(t, b, a, "what it sends")) },
		"accepts": func(t *two, _, _ net.Conn) { t.Helper(); t.connect() },
		"gate":    func(t *two, _, _ net.Conn) { t.Helper(); must(t)(0, t.b.Env().Gate(t.Context())) },
	}
	for name, deed := range deeds {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(t *two) {
				a, b := t.connect()
				t.b.pause()
				began := time.Now()
				time.AfterFunc(4*time.Second, t.b.wake)
				deed(t, a, b)
				if d := time.Since(began); d < 4*time.Second || d > 4*time.Second+2*resent {
					t.Errorf("it took %s, want a little more than the pause of 4s", d)
				}
			})
		})
	}
}

func must(t *two) func(time.Duration, error) {
	t.Helper()
	return func(_ time.Duration, err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
}

// A dial that was under way when its process stopped goes on when that does.
func TestPauseHoldsDials(t *testing.T) {
	inBubble(t, 1, func(t *two) {
		time.AfterFunc(time.Microsecond, t.a.pause)
		time.AfterFunc(3*time.Second, t.a.wake)
		began := time.Now()
		if _, err := t.a.dial(t.Context(), "tcp", portB); err != nil || time.Since(began) < 3*time.Second {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
	})
}

// Those that were held at one place go on at different moments after the wake, if
// they came there at different ones.
func TestWakeIsStaggered(t *testing.T) {
	inBubble(t, 1, func(t *two) {
		t.b.pause()
		on := make(chan time.Time, 2)
		for i := range 2 {
			time.AfterFunc(time.Duration(i+1)*time.Second, func() {
				_ = t.b.awake(context.Background())
				on <- time.Now()
			})
		}
		_ = env.Sleep(t.Context(), 5*time.Second)
		t.b.wake()
		if first, second := <-on, <-on; first.Equal(second) {
			t.Error("both go on at one moment")
		}
	})
}

// Requests that waited on connections of their own until a process woke up, and are all
// accepted at one moment then, are read at different ones.
func TestAcceptsAfterAWakeAreStaggered(t *testing.T) {
	inBubble(t, 1, func(t *two) {
		t.b.pause()
		for range 2 {
			a, err := t.a.dial(t.Context(), "tcp", portB)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(a, "GET / HTTP/1.1\r\n\r\n")
			_ = env.Sleep(t.Context(), time.Second)
		}
		t.b.wake()
		_ = env.Sleep(t.Context(), time.Second)
		read := make(chan time.Time, 2)
		for range 2 {
			b, err := t.port.Accept()
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				_, _ = b.Read(make([]byte, 1))
				read <- time.Now()
			}()
		}
		if first, second := <-read, <-read; first.Equal(second) {
			t.Error("both are read at one moment")
		}
	})
}

// Dials that begin at different moments, and wait for one heal, are made at different
// moments.
func TestHealIsStaggered(t *testing.T) {
	inBubble(t, 1, func(t *two) {
		t.net.cut(both("a", "b")...)
		made := make(chan time.Time, 2)
		for i := range 2 {
			time.AfterFunc(time.Duration(i+1)*time.Second, func() {
				_, _ = t.a.dial(context.Background(), "tcp", portB)
				made <- time.Now()
			})
		}
		_ = env.Sleep(t.Context(), 3*time.Second)
		t.net.heal(both("a", "b")...)
		if first, second := <-made, <-made; first.Equal(second) {
			t.Error("both are made at one moment")
		}
	})
}

// Loss makes some of what is sent late and breaks some connections; without it
// neither happens.
func TestLossy(t *testing.T) {
	inBubble(t, 1, func(t *two) {
		count := func() (late, broken int) {
			for range 200 {
				a, b := t.connect()
				_ = env.Sleep(t.Context(), time.Millisecond)
				switch d, err := send(t, a, b, request); {
				case errors.Is(err, syscall.ECONNRESET):
					broken++
				case err != nil:
					t.Fatal(err)
				case d >= resent:
					late++
				}
			}
			return late, broken
		}
		t.net.lossy(40, way{"a", "b"})
		if late, broken := count(); late < 50 || late > 110 || broken < 5 || broken > 40 {
			t.Errorf("of 200, %d are late and %d break", late, broken)
		}
		t.net.lossy(0, way{"a", "b"})
		if late, broken := count(); late+broken > 0 {
			t.Errorf("without loss %d are late and %d break", late, broken)
		}
	})
}

func TestSlow(t *testing.T) {
	inBubble(t, 1, func(t *two) {
		a, b := t.connect()
		t.net.slow(300*time.Millisecond, way{"a", "b"})
		if d, err := send(t, a, b, request); err != nil || d < 300*time.Millisecond || d > 400*time.Millisecond {
			t.Errorf("it took %s (%v)", d, err)
		}
		if d, err := send(t, b, a, request); err != nil || d > nearest+nearSpread {
			t.Errorf("the other way took %s (%v)", d, err)
		}
	})
}

// What is written before the end of a stream is read before it, and the end a moment
// later.
func TestEndOfStream(t *testing.T) {
	inBubble(t, 1, func(t *two) {
		a, b := t.connect()
		_, _ = io.WriteString(a, request)
		_ = a.Close()
		if got, err := io.ReadAll(b); err != nil || string(got) != request {
			t.Errorf("got %q, %v", got, err)
		}
		if _, err := a.Write([]byte("more")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a write after the end: %v", err)
		}
		_, _ = io.WriteString(b, "to nobody")
		_ = env.Sleep(t.Context(), time.Second)
		if _, err := b.Write([]byte("still")); err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("a write to nobody: %v", err)
		}
	})
}

// A jump of the wall clock moves what a process takes for the time of day, and no
// duration.
func TestWallClockJumps(t *testing.T) {
	inBubble(t, 1, func(t *two) {
		e, began := t.b.Env(), time.Now()
		t.b.host.jump = -time.Hour
		if got := e.Now(); !got.Equal(began.Add(-time.Hour)) {
			t.Errorf("it is %s, want an hour before %s", got, began)
		}
		if err := e.Gate(t.Context()); err != nil || time.Since(began) != 0 {
			t.Errorf("the gate took %s (%v)", time.Since(began), err)
		}
		if got := t.a.Env().Now(); !got.Equal(began) {
			t.Errorf("another host says %s", got)
		}
	})
}

// What is random depends on the process, its life, the name and the moment, not on
// what was drawn before.
func TestRandomHasCauses(t *testing.T) {
	inBubble(t, 1, func(t *two) {
		draw := func(l *life, name string) string {
			p := make([]byte, 16)
			_, _ = l.rand(name).Read(p)
			return string(p)
		}
		first := draw(t.a, "x")
		if draw(t.a, "x") == first || draw(t.a, "y") == first || draw(t.b, "x") == first {
			t.Error("two draws give the same")
		}
		_ = env.Sleep(t.Context(), time.Second)
		second := draw(t.a, "x")
		fresh := newNetwork(1)
		same := fresh.begin(fresh.addHost("a", "10.0.0.1"))
		if draw(same, "x") != second || second == first {
			t.Error("the same draw at the same moment depends on those before, or that at another moment is the same")
		}
	})
}
