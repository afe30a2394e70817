package relay_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"understudy/relay"
	"understudy/wire"
)

// The call stream being up is part of health, with a short grace at the start and
// when it broke.
func TestCallStreamIsPartOfHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.cloud.refuse = true
		s.run(t, func() {
			time.Sleep(time.Second)
			if h := s.Health(); !h.Healthy || h.CallStream {
				t.Errorf("within the grace: %+v", h)
			}
			time.Sleep(5 * time.Second)
			if h := s.Health(); h.Healthy || !strings.Contains(h.Reason, "call stream") {
				t.Errorf("after the grace: %+v", h)
			}
			s.cloud.set(func(c *cloud) { c.refuse = false })
			time.Sleep(10 * time.Second)
			if h := s.Health(); !h.Healthy || !h.CallStream {
				t.Errorf("after it came up: %+v", h)
			}
		})
	})
}

// A stream that is dead without being closed is noticed by its silence.
func TestSilentCallStreamIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.cloud.mute = true
		s.run(t, func() {
			time.Sleep(5 * time.Second)
			if s.cloud.streams() != 1 || s.Health().CallStream {
				t.Errorf("%d streams, up %t", s.cloud.streams(), s.Health().CallStream)
			}
			time.Sleep(3 * time.Second)
			if got := s.cloud.streams(); got < 2 {
				t.Errorf("%d streams were opened, want another after the silence", got)
			}
		})
	})
}

func (c *cloud) streams() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.opened
}

func TestCallStreamComesBackAndSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.run(t, func() {
			time.Sleep(time.Second)
			s.cloud.set(func(c *cloud) { c.far.Close() })
			time.Sleep(2 * time.Second)
			s.mu.Lock()
			defer s.mu.Unlock()
			if want := []bool{true, false, true}; !slices.Equal(s.streams, want) {
				t.Errorf("told %v, want %v", s.streams, want)
			}
		})
	})
}

// Calls are carried out side by side, so that a slow desktop holds up nobody, and
// every answer carries the zone's term.
func TestCallsAreAnsweredSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, func(o *relay.Options) {
			o.Call = func(ctx context.Context, c wire.Call) wire.CallAnswer {
				if c.ID == "slow" {
					time.Sleep(3 * time.Second)
				}
				return wire.CallAnswer{Status: http.StatusCreated, Body: c.Body}
			}
		})
		s.run(t, func() {
			time.Sleep(time.Second)
			next := s.cloud.drain()
			began := time.Now()
			for _, id := range []string{"slow", "quick"} {
				if _, err := s.cloud.far.Write([]byte(`{"id":"` + id + `","body":{"x":1}}` + "\n")); err != nil {
					t.Fatal(err)
				}
			}
			for _, want := range []string{"quick", "slow"} {
				if a := next(); a.ID != want || a.Term != 7 || a.Status != 201 || string(a.Body) != `{"x":1}` {
					t.Errorf("answer %+v, want that to %s", a, want)
				}
			}
			if took := time.Since(began); took != 3*time.Second {
				t.Errorf("took %s", took)
			}
		})
	})
}

// A cloud broker whose stream is always cut at once is not healthy for that.
func TestFlappingCallStreamGetsNoGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		s.run(t, func() {
			for range 200 {
				time.Sleep(60 * time.Millisecond)
				s.cloud.set(func(c *cloud) {
					if c.far != nil {
						c.far.Close()
					}
				})
			}
			if h := s.Health(); h.Healthy {
				t.Errorf("a stream that never lasts: %+v", h)
			}
		})
	})
}

// LHC-11, where there is no call stream: it is opened nowhere and missed by nobody.
func TestWithoutACallStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, func(o *relay.Options) { o.NoStream = true })
		s.run(t, func() {
			time.Sleep(time.Minute)
			if h := s.Health(); !h.Healthy || h.CallStream || s.cloud.opened != 0 {
				t.Errorf("health %+v, opened %d times", h, s.cloud.opened)
			}
			s.cloud.set(func(c *cloud) { c.health = func(context.Context) error { return errRefused } })
			time.Sleep(time.Minute)
			if h := s.Health(); h.Healthy {
				t.Errorf("after a failed check: %+v", h)
			}
		})
	})
}
