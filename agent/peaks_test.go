package agent

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"understudy/broker"
	"understudy/peer"
	"understudy/site"
)

// shelf is a disk for peaks that may break.
type shelf struct {
	held   map[peakOf]int
	broken error
	writes int
}

func (s *shelf) SavePeaks(_ context.Context, list []broker.Peak) error {
	s.writes++
	if s.broken != nil {
		return s.broken
	}
	for _, p := range list {
		s.held[peakOf{p.Day, p.Group}] = max(p.Sessions, s.held[peakOf{p.Day, p.Group}])
	}
	return nil
}

func (s *shelf) Peaks(context.Context, int) ([]broker.Peak, error) { return nil, nil }

// counted is a recorder of the peaks of one engine, under a clock that is set by hand.
type counted struct {
	*peaks
	*shelf
	today  string
	serves *broker.Engine
	errs   []error
}

func newCounted() *counted {
	c := &counted{today: "2026-01-01", shelf: &shelf{held: map[peakOf]int{}}}
	c.serves = countingEngine()
	c.peaks = &peaks{
		store: c.shelf, day: func() string { return c.today }, engine: func() *broker.Engine { return c.serves },
		failed: func(_ time.Time, err error) { c.errs = append(c.errs, err) }, saved: map[peakOf]int{}, unsaved: map[peakOf]int{},
	}
	return c
}

func countingEngine() *broker.Engine {
	return broker.New(broker.Options{Broker: "cc1", Zone: "east", HA: true}, site.NewIndex(&site.Site{
		Name: "acme", Zones: []site.Zone{{Name: "east"}}, Machines: []site.Machine{{Name: "h1", Group: "farm", Zone: "east", Capacity: 9, Weight: 100}},
		Groups: []site.DeliveryGroup{{Name: "farm", Kind: site.MultiSession, Zones: []string{"east"}, Desktop: "Farm"}},
	}))
}

// bring lets the host come with these sessions.
func (c *counted) bring(t *testing.T, ids string) {
	t.Helper()
	r := broker.Registration{Machine: "h1", Zone: "east", Capacity: 9}
	for id := range strings.FieldsSeq(ids) {
		r.Sessions = append(r.Sessions, broker.Session{ID: id, User: id, State: broker.Active})
	}
	if _, _, err := c.serves.Register(time.Now(), "lease", r); err != nil {
		t.Fatal(err)
	}
}

func (c *counted) want(t *testing.T, day string, n int) {
	t.Helper()
	if got := c.held[peakOf{day, ""}]; got != n {
		t.Errorf("%s: the peak is %d, want %d", day, got, n)
	}
}

// VPN-05: "with the daily peak recorded": at midnight the next day begins with the
// sessions that there are, and a clock that jumps loses no peak.
func TestPeaksByDay(t *testing.T) {
	c, ctx := newCounted(), t.Context()
	c.round(ctx)
	c.bring(t, "a b c")
	c.bring(t, "a")
	c.today = "2026-01-02"
	c.round(ctx)
	c.want(t, "2026-01-01", 3)
	c.want(t, "2026-01-02", 1)
	c.bring(t, "a b")
	c.today = "2026-01-01" // set back
	c.round(ctx)
	c.want(t, "2026-01-02", 2)
	c.want(t, "2026-01-01", 3)
	c.today = "2099-05-05" // far ahead
	c.round(ctx)
	c.today = "2026-01-01"
	c.round(ctx)
	c.want(t, "2026-01-01", 3)
	if n := c.site("2026-01-01"); n != 3 {
		t.Errorf("status shows %d", n)
	}
	before := c.writes
	c.round(ctx)
	if c.writes != before {
		t.Error("what has not changed is written again")
	}
}

// VPN-05: the end of an outage, or a disk that fails for a while, loses no peak.
func TestPeaksAreNotLost(t *testing.T) {
	c, ctx := newCounted(), t.Context()
	c.round(ctx)
	c.broken = errors.New("no space left on device")
	c.bring(t, "a b c")
	c.round(ctx)
	if len(c.errs) != 1 {
		t.Errorf("errors %v", c.errs)
	}
	c.bring(t, "a b c d")
	ended := c.serves
	c.serves = nil
	ended.Retire()
	c.round(ctx)
	c.broken = nil
	c.round(ctx)
	c.want(t, "2026-01-01", 4)
}

// VPN-05: a connector that takes over goes on from the peaks that it has mirrored.
func TestPeaksAreMirrored(t *testing.T) {
	c, ctx := newCounted(), t.Context()
	c.round(ctx)
	c.serves.Mirror()
	c.bring(t, "a b c")
	c.bring(t, "a")
	tail, _ := c.serves.Tail(time.Now(), 0, 100, nil)

	next := newCounted()
	next.serves = nil
	next.mirrored(peer.Mirrored{Items: append(slices.Clone(tail.Items), broker.Item{Kind: broker.ItemPeak, Peak: &broker.Peak{Day: "no day", Sessions: 99}})})
	next.round(ctx)
	next.want(t, "2026-01-01", 3)
	if next.held[peakOf{"2026-01-01", "farm"}] != 3 || len(next.held) != 2 {
		t.Errorf("the peer keeps %v", next.held)
	}
	engine := countingEngine()
	next.recall(engine)
	if got := engine.Peaks("2026-01-01"); len(got) != 2 || got[0].Sessions != 3 {
		t.Errorf("the next secondary broker begins with %v", got)
	}
}
