package env

import (
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// telling counts how often a connection is told of deadlines.
type telling struct {
	net.Conn
	told int
}

func (c *telling) SetReadDeadline(t time.Time) error  { c.told++; return c.Conn.SetReadDeadline(t) }
func (c *telling) SetWriteDeadline(t time.Time) error { c.told++; return c.Conn.SetWriteDeadline(t) }

func pipeGuest() (*guest, *telling, net.Conn) {
	here, there := net.Pipe()
	c := &telling{Conn: here}
	return newGuest(crowdOf(1, 1), c), c, there
}

// What counts is the deadline that was set last, whether the read had begun or not.
func TestReadDeadlines(t *testing.T) {
	none, second := func(time.Time) time.Time { return time.Time{} }, time.Second
	in := func(d time.Duration) func(time.Time) time.Time {
		return func(began time.Time) time.Time { return began.Add(d) }
	}
	brokenOff := func(time.Time) time.Time { return time.Unix(1, 0) } // as net/http does
	for name, c := range map[string]struct {
		before []func(time.Time) time.Time
		during func(time.Time) time.Time // a second after the read began
		want   time.Duration             // 0: it does not fail in a minute
	}{
		"one":                           {before: []func(time.Time) time.Time{in(5 * second)}, want: 5 * second},
		"a later one":                   {before: []func(time.Time) time.Time{in(5 * second), in(9 * second)}, want: 9 * second},
		"an earlier one":                {before: []func(time.Time) time.Time{in(9 * second), in(5 * second)}, want: 5 * second},
		"none any more":                 {before: []func(time.Time) time.Time{in(5 * second), none}},
		"a past one, then a later one":  {before: []func(time.Time) time.Time{in(-second), in(5 * second)}, want: 5 * second},
		"a past one, then none":         {before: []func(time.Time) time.Time{in(-second), none}},
		"past while it reads":           {before: []func(time.Time) time.Time{in(5 * second)}, during: in(-second), want: second},
		"earlier while it reads":        {before: []func(time.Time) time.Time{in(9 * second)}, during: in(5 * second), want: 5 * second},
		"later while it reads":          {before: []func(time.Time) time.Time{in(5 * second)}, during: in(9 * second), want: 9 * second},
		"the first one while it reads":  {during: in(5 * second), want: 5 * second},
		"none any more while it reads":  {before: []func(time.Time) time.Time{in(5 * second)}, during: none},
		"broken off":                    {before: []func(time.Time) time.Time{in(9 * second)}, during: brokenOff, want: second},
		"broken off before":             {before: []func(time.Time) time.Time{in(9 * second), brokenOff}, want: 1},
		"broken off, then a later one":  {before: []func(time.Time) time.Time{brokenOff, in(5 * second)}, want: 5 * second},
		"broken off, then none":         {before: []func(time.Time) time.Time{brokenOff, none}},
		"past, not set back, once more": {before: []func(time.Time) time.Time{in(9 * second), in(-second)}, want: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, _, there := pipeGuest()
				began := time.Now()
				for _, at := range c.before {
					if err := g.SetReadDeadline(at(began)); err != nil {
						t.Fatal(err)
					}
				}
				if c.during != nil {
					time.AfterFunc(second, func() { _ = g.SetReadDeadline(c.during(began)) })
				}
				ends := time.AfterFunc(time.Minute, func() { _ = there.Close() })
				_, err := g.Read(make([]byte, 1))
				ends.Stop()
				took := time.Since(began)
				switch {
				case c.want == 0 && (took != time.Minute || !errors.Is(err, io.EOF)):
					t.Errorf("failed after %v: %v", took, err)
				case c.want > 0 && (took != c.want && c.want > 1 || took > c.want || !errors.Is(err, os.ErrDeadlineExceeded)):
					t.Errorf("after %v: %v, want a deadline after %v", took, err, c.want)
				}
			})
		})
	}
}

// A write that goes on past a deadline that is not wanted any more loses and repeats
// nothing.
func TestWriteDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _, there := pipeGuest()
		if err := errors.Join(g.SetDeadline(time.Now().Add(2*time.Second)), g.SetWriteDeadline(time.Now().Add(time.Minute))); err != nil {
			t.Fatal(err)
		}
		var got []byte
		go func() {
			for one := make([]byte, 1); ; time.Sleep(time.Second) {
				if _, err := there.Read(one); err != nil {
					return
				}
				got = append(got, one[0])
			}
		}()
		n, err := g.Write([]byte("abcdef"))
		if synctest.Wait(); n != 6 || err != nil || string(got) != "abcdef" {
			t.Errorf("wrote %d (%v), %q came", n, err, got)
		}
		if err := g.SetWriteDeadline(time.Now().Add(2500 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if n, err := g.Write([]byte("abcdef")); n != 2 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("wrote %d (%v), want 2 until the deadline", n, err)
		}
		_ = there.Close()
		time.Sleep(time.Second) // the reader's
	})
}

// A request sets eight deadlines, of which the connection has to know none: not even of
// the one that breaks off the read of a server that watches the connection while it
// answers, where that read has not begun.
func TestDeadlinesAreToldSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, conn, there := pipeGuest()
		one := make([]byte, 1)
		const requests = 10
		for range requests {
			now := time.Now()
			must(t, g.SetReadDeadline(now.Add(2*time.Minute))) // idle
			go func() { _, _ = there.Write(one) }()
			if _, err := g.Read(one); err != nil {
				t.Fatal(err)
			}
			must(t, g.SetReadDeadline(time.Time{}))
			must(t, g.SetReadDeadline(now.Add(10*time.Second)))  // head
			must(t, g.SetReadDeadline(now.Add(30*time.Second)))  // body
			must(t, g.SetWriteDeadline(now.Add(60*time.Second))) // answer
			must(t, g.SetReadDeadline(time.Time{}))              // watch
			go func() { _, _ = there.Read(one) }()
			if _, err := g.Write(one); err != nil {
				t.Fatal(err)
			}
			must(t, g.SetReadDeadline(time.Unix(1, 0))) // no longer
			if _, err := g.Read(one); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("the watching read: %v", err)
			}
			must(t, g.SetReadDeadline(time.Time{}))
			time.Sleep(100 * time.Millisecond)
		}
		if conn.told > 4 {
			t.Errorf("the connection was told %d times in %d requests", conn.told, requests)
		}
		_ = there.Close()
	})
}

// However a read that begins and one who breaks it off meet, it ends, and the next one
// does not.
func TestWatchIsBrokenOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _, there := pipeGuest()
		for i := range 1000 {
			watched := make(chan error)
			go func() {
				_, err := g.Read(make([]byte, 1))
				watched <- err
			}()
			for range i % 4 {
				runtime.Gosched()
			}
			must(t, g.SetReadDeadline(time.Unix(1, 0)))
			if err := <-watched; !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("the watching read %d: %v", i, err)
			}
			must(t, g.SetReadDeadline(time.Time{}))
			go func() { _, _ = there.Write([]byte{1}) }()
			if _, err := g.Read(make([]byte, 1)); err != nil {
				t.Fatalf("the next read %d: %v", i, err)
			}
		}
		_ = there.Close()
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A second read begins on a connection that still knows that the first was broken off, as
// with pipelined requests, and is broken off itself while the connection is told of none.
func TestBrokenOffWhileTold(t *testing.T) {
	var knows time.Time
	d := deadline{tell: func(at time.Time) error { knows = at; return nil }}
	brokenOff := func() {
		if err := d.set(time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
	}
	d.going.Store(1)
	brokenOff()
	if err := d.set(time.Time{}); err != nil {
		t.Fatal(err)
	}
	looks := 0
	if err := d.pass(func(told, wanted int64) bool {
		if looks++; looks == 1 {
			brokenOff()
		}
		return differs(told, wanted)
	}); err != nil {
		t.Fatal(err)
	}
	if knows.IsZero() {
		t.Error("the read goes on for ever: the connection knows no deadline")
	}
}
