package agent

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"understudy/broker"
	"understudy/peer"
	"understudy/site"
	"understudy/wire"
)

// copying is a mirror whose source is a script.
type copying struct {
	*mirror
	asked  []wire.MirrorRequest
	answer func() (peer.Mirrored, error)
	broken error // the disk
	held   map[string]uint64
	in     []wire.ContainedRecord // what the snapshot contains
}

func newCopying() *copying {
	index := site.NewIndex(&site.Site{
		Name: "acme", Zones: []site.Zone{{Name: "east"}}, Machines: []site.Machine{{Name: "h1", Group: "farm", Zone: "east", Capacity: 9, Weight: 100}},
		Groups: []site.DeliveryGroup{{Name: "farm", Kind: site.MultiSession, Zones: []string{"east"}, Desktop: "Farm"}},
	})
	c := &copying{held: map[string]uint64{}}
	c.mirror = &mirror{
		ask: func(_ context.Context, _ site.FQDN, r wire.MirrorRequest, take func(peer.Mirrored) error) error {
			c.asked = append(c.asked, r)
			got, err := c.answer()
			if err != nil {
				return err
			}
			return take(got)
		},
		keep: func(_ context.Context, got peer.Mirrored) error {
			for _, r := range got.Records {
				c.held[r.Journal] = r.Sequence
			}
			return c.broken
		},
		held:      func() map[string]uint64 { return c.held },
		contained: func() []wire.ContainedRecord { return c.in },
		fresh: func(context.Context) (*broker.Engine, *site.Index, error) {
			return broker.New(broker.Options{Broker: "cc2", Zone: "east", HA: true}, index), index, nil
		},
		changed: func() <-chan struct{} { return nil },
		target:  func() mirrorTarget { return target },
	}
	return c
}

var target = mirrorTarget{from: "cc1", outage: "o1", term: 3}

func state(to uint64, more bool) func() (peer.Mirrored, error) {
	return func() (peer.Mirrored, error) {
		return peer.Mirrored{
			Stream: "s1", Outage: "o1", Term: 3, Anew: true, To: to, More: more,
			Items: []broker.Item{{Kind: broker.ItemHost, Machine: "h1", Lease: "l1", Callback: broker.Around{Before: "http://h1"}, Capacity: 9, Left: time.Minute}},
		}, nil
	}
}

func (c *copying) next() wire.MirrorRequest {
	r, _ := c.request(target)
	return r
}

// NEW-01: only what was applied, and is on the disk, is acknowledged.
func TestAcknowledgedOnceApplied(t *testing.T) {
	c := newCopying()
	c.answer, c.broken = state(5, false), errors.New("no space left on device")
	if err := c.once(t.Context(), target); err == nil || c.next().Position != 0 {
		t.Errorf("got %v, position %d: acknowledged though the disk took nothing", err, c.next().Position)
	}
	c.broken = nil
	if err := c.once(t.Context(), target); err != nil || c.next().Position != 5 || c.next().Stream != "s1" {
		t.Errorf("got %v, then %+v", err, c.next())
	}
	got := c.claim("o1")
	if got == nil || !got.whole || len(got.engine.Registrations(time.Now())) != 1 {
		t.Errorf("the copy is %+v", got)
	}
}

// NEW-01: an answer comes in parts, and each that was applied is kept when the next is
// not. The wait for a part is bounded, not that for all of them.
func TestEachPartCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCopying()
		c.ask = func(ctx context.Context, _ site.FQDN, _ wire.MirrorRequest, take func(peer.Mirrored) error) error {
			for to := range uint64(3) {
				select {
				case <-ctx.Done():
					t.Fatalf("given up before part %d", to)
				case <-time.After(mirrorPatience - time.Millisecond):
				}
				got, _ := state(to+1, true)()
				got.Anew = to == 0
				if err := take(got); err != nil {
					return err
				}
			}
			<-ctx.Done()
			return context.Cause(ctx)
		}
		began := time.Now()
		err := c.once(t.Context(), target)
		if took := time.Since(began); !errors.Is(err, context.DeadlineExceeded) || took != 4*mirrorPatience-3*time.Millisecond {
			t.Errorf("got %v after %s", err, took)
		}
		if got := c.next(); got.Position != 3 {
			t.Errorf("it goes on from %d", got.Position)
		}
	})
}

// Design 6: mirrored state belongs to one outage.
func TestMirrorOfAnotherOutage(t *testing.T) {
	c := newCopying()
	c.answer = func() (peer.Mirrored, error) {
		m, err := state(5, false)()
		m.Outage = "o0"
		return m, err
	}
	if err := c.once(t.Context(), target); err == nil || !strings.Contains(err.Error(), "outage") {
		t.Errorf("got %v", err)
	}
	c.answer = state(5, false)
	if err := c.once(t.Context(), target); err != nil {
		t.Fatal(err)
	}
	if c.claim("o2") != nil {
		t.Error("the state of one outage is served from in the next")
	}
	if err := c.once(t.Context(), target); err != nil {
		t.Fatal(err)
	}
	c.dropOthers(mirrorTarget{})
	if whole, _ := c.whole("o1"); whole {
		t.Error("it is kept after the outage has closed")
	}
}

// Design 4: a candidate has caught up when it has the whole state, not before; a copy
// that is whole stays until another is.
func TestWholeCopyStays(t *testing.T) {
	c := newCopying()
	c.answer = state(5, true)
	for range 2 {
		if err := c.once(t.Context(), target); err != nil {
			t.Fatal(err)
		}
		if whole, _ := c.whole("o1"); whole {
			t.Fatal("a part counts as the whole")
		}
	}
	c.answer = state(7, false)
	if err := c.once(t.Context(), target); err != nil {
		t.Fatal(err)
	}
	c.answer = func() (peer.Mirrored, error) {
		m, err := state(1, true)()
		m.Stream = "s2"
		return m, err
	}
	if err := c.once(t.Context(), target); err != nil {
		t.Fatal(err)
	}
	if got := c.claim("o1"); got == nil || got.stream != "s1" {
		t.Errorf("got %+v, want the whole copy", got)
	}
}

// REP-02: what comes after this connector has taken the office changes nothing.
func TestLateAnswerIsDropped(t *testing.T) {
	c := newCopying()
	c.answer = func() (peer.Mirrored, error) {
		c.claim("o1")
		return state(5, false)()
	}
	if err := c.once(t.Context(), target); err != nil {
		t.Fatal(err)
	}
	if whole, _ := c.whole("o1"); whole {
		t.Error("it was applied")
	}
}

// ADC-04: who is refused says why, and is a candidate without the state.
func TestRefusedMirror(t *testing.T) {
	c := newCopying()
	c.refused = true // told of already
	c.failed(target, wire.NewProblem(http.StatusConflict, wire.CodeVersion, "this connector speaks mirror protocol 2, the peer [1]"))
	if _, possible := c.whole("o1"); possible {
		t.Error("it waits for a state that cannot come")
	}
	if got := c.status(target); !strings.Contains(got.WhyNot, "protocol 2") || got.From != "cc1" {
		t.Errorf("status: %+v", got)
	}
}
