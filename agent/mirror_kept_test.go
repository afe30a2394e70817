package agent

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"understudy/broker"
	"understudy/peer"
	"understudy/site"
	"understudy/wire"
)

// withPool is a mirror of a site with one pooled desktop, p1, which is registered.
func withPool(t *testing.T) *copying {
	t.Helper()
	index := site.NewIndex(&site.Site{
		Name: "acme", Zones: []site.Zone{{Name: "east"}}, Machines: []site.Machine{{Name: "p1", Group: "pool", Zone: "east", Capacity: 1, Weight: 100}},
		Groups: []site.DeliveryGroup{{Name: "pool", Kind: site.Pooled, Zones: []string{"east"}, Desktop: "Pool"}},
	})
	c := newCopying()
	c.fresh = func(context.Context) (*broker.Engine, *site.Index, error) {
		engine := broker.New(broker.Options{Broker: "cc2", Zone: "east", HA: true}, index)
		engine.Mirror()
		return engine, index, nil
	}
	c.answer = func() (peer.Mirrored, error) {
		return peer.Mirrored{Stream: "s1", Outage: "o1", Anew: true, To: 5, Items: []broker.Item{
			{Kind: broker.ItemHost, Machine: "p1", Lease: "l1", Callback: broker.Around{Before: "http://p1"}, Capacity: 1, Left: time.Minute},
		}}, nil
	}
	if err := c.once(t.Context(), target); err != nil {
		t.Fatal(err)
	}
	return c
}

var usedMark = []broker.Record{{Journal: "j", Sequence: 1, Kind: broker.UsedMark, Machine: "p1", Used: true}}

func left(engine *broker.Engine) int { return engine.Pools()[0].Left }

// LHC-34, design 7: who takes over goes on from every durable record that it has, also
// where the copy of the present server's state is not whole yet and the one before it
// is used.
func TestRecordsReachTheCopyThatIsUsed(t *testing.T) {
	c := withPool(t)
	c.answer = func() (peer.Mirrored, error) {
		return peer.Mirrored{Stream: "s2", Outage: "o1", Anew: true, To: 1, More: true, Records: usedMark}, nil
	}
	if err := c.once(t.Context(), target); err != nil {
		t.Fatal(err)
	}
	got := c.claim("o1")
	if got == nil || got.stream != "s1" {
		t.Fatalf("got %+v, want the whole copy", got)
	}
	if n := left(got.engine); n != 0 {
		t.Errorf("a used desktop is handed out: %d left", n)
	}
}

// LHC-34: the same of records that are put on the disk while this connector takes over.
func TestRecordsUnderWayReachWhoTookOver(t *testing.T) {
	c := withPool(t)
	var claimed *shadow
	c.answer = func() (peer.Mirrored, error) {
		claimed = c.claim("o1")
		return peer.Mirrored{Stream: "s1", Outage: "o1", To: 6, Records: usedMark}, nil
	}
	if err := c.once(t.Context(), target); err != nil {
		t.Fatal(err)
	}
	if n := left(claimed.engine); n != 0 {
		t.Errorf("a used desktop is handed out: %d left", n)
	}
}

// Design 7: the engine goes by "every durable record, own or mirrored, that the snapshot
// does not contain". A desktop that an earlier outage used, and that was reset since, is
// handed out, also by a copy on whose disk that record arrives only now.
func TestContainedRecordsChangeNothing(t *testing.T) {
	c := withPool(t)
	c.in = []wire.ContainedRecord{{Journal: "j", Sequence: 1}}
	c.answer = func() (peer.Mirrored, error) {
		return peer.Mirrored{Stream: "s1", Outage: "o1", To: 6, Records: usedMark}, nil
	}
	if err := c.once(t.Context(), target); err != nil {
		t.Fatal(err)
	}
	if n := left(c.claim("o1").engine); n != 1 {
		t.Errorf("%d desktops are left, want 1", n)
	}
}

// NEW-01: who was paused while it served goes on from what it had, unless somebody
// else has taken the office meanwhile: what is done there is not known here.
func TestOwnStateIsKeptWhileNobodyElseServes(t *testing.T) {
	c := withPool(t)
	served := c.claim("o1")
	c.keepOwn(served)
	if whole, _ := c.whole("o1"); whole {
		t.Error("it counts as a copy of what somebody else has")
	}
	c.dropOthers(mirrorTarget{outage: "o1"})
	if got := c.claim("o1"); got != served || len(got.engine.Registrations(time.Now())) != 1 {
		t.Fatalf("got %+v, want what it served from", got)
	}
	for what, end := range map[string]func(){
		"somebody else serves": c.outdateOwn,
		"the outage is over":   func() { c.dropOthers(mirrorTarget{}) },
	} {
		c.keepOwn(served)
		end()
		if c.claim("o1") != nil {
			t.Errorf("it is kept though %s", what)
		}
	}
	if n := len(served.engine.Registrations(time.Now())); n != 0 {
		t.Errorf("it still has %d registrations", n)
	}
}

// NEW-01: a copy that was cut off from its source gives way to one that was not: it
// does not count as the state. Where nobody has a newer one it is used.
func TestOldCopyIsNotTheState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := withPool(t)
		<-time.After(behindAfter)
		if whole, _ := c.whole("o1"); !whole {
			t.Error("a copy of a moment ago does not count")
		}
		<-time.After(time.Second)
		if whole, _ := c.whole("o1"); whole {
			t.Error("an old copy counts as the state")
		}
		if c.claim("o1") == nil {
			t.Error("there is nothing to take over from")
		}
	})
}
