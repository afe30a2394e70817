package peer

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"understudy/broker"
	"understudy/site"
	"understudy/wire"
)

// begin is the question of a peer that has nothing.
func begin() wire.MirrorRequest { return wire.MirrorRequest{Protocols: []int{1}, Outage: "o1"} }

// NEW-01: "state first, then the tail, in order, with acknowledgement": what changes all
// the time follows without being asked for, what came together in one part. It counts
// for acknowledged when the peer asks again, which it does once nothing follows.
func TestChangesFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		s.register(t, "h1")
		time.AfterFunc(mirrorGather/2, func() { s.register(t, "h2") })
		time.AfterFunc(mirrorGather*3/2, func() { s.register(t, "h3"); s.register(t, "h1") })
		began := time.Now()
		parts := s.asked(t, begin())
		if took := time.Since(began); took != 3*mirrorGather {
			t.Errorf("it is to ask again after %s", took)
		}
		var got []site.FQDN
		for i, part := range parts {
			if part.Anew != (i == 0) || part.More {
				t.Errorf("part %d: anew %t, more %t", i, part.Anew, part.More)
			}
			for _, item := range part.Items {
				got = append(got, item.Machine)
			}
		}
		want := []site.FQDN{"h1", "h2", "h3", "h1"}
		if len(parts) != 3 || !slices.Equal(got, want) {
			t.Fatalf("got %v in %d parts, want %v in 3", got, len(parts), want)
		}
		head, _ := s.engine.Changed()
		if lags := s.Lags(time.Now()); lags[0].Position != 0 || parts[2].To != head {
			t.Errorf("position %d is acknowledged, and %d of %d sent", lags[0].Position, parts[2].To, head)
		}
	})
}

// NEW-01, Design 7: what must be acknowledged ends an answer: what a launch waits for,
// with what is new then, and records. So does nothing new.
func TestFollowingEnds(t *testing.T) {
	after := func(d time.Duration, f func()) { time.AfterFunc(d, f) }
	for name, c := range map[string]struct {
		meanwhile func(*testing.T, *stage)
		items     []int // of each part
		records   int   // of the last
		after     time.Duration
	}{
		"nothing happens": {func(*testing.T, *stage) {}, []int{1}, 0, mirrorGather},
		"somebody waits already": {func(t *testing.T, s *stage) {
			t.Helper()
			go func() { defer s.urge()(); <-t.Context().Done() }()
			after(time.Millisecond, func() { s.register(t, "h2") })
		}, []int{1}, 0, 0},
		"somebody begins to wait": {func(t *testing.T, s *stage) {
			t.Helper()
			after(2*time.Millisecond, func() { s.Await(t.Context(), time.Second) })
		}, []int{1}, 0, 2 * time.Millisecond},
		"somebody begins to wait for what is new": {func(t *testing.T, s *stage) {
			t.Helper()
			after(time.Millisecond, func() { s.register(t, "h2") })
			after(2*time.Millisecond, func() { s.Await(t.Context(), time.Second) })
		}, []int{1, 1}, 0, 2 * time.Millisecond},
		"a record": {func(t *testing.T, s *stage) {
			t.Helper()
			after(time.Millisecond, s.shelf.add)
			after(2*time.Millisecond, func() { s.register(t, "h2") })
			after(6*time.Millisecond, func() { s.register(t, "h3") })
		}, []int{1, 1}, 1, mirrorGather},
		"a record alone": {func(t *testing.T, s *stage) {
			t.Helper()
			after(time.Millisecond, s.shelf.add)
		}, []int{1, 0}, 1, mirrorGather},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage()
				s.register(t, "h1")
				c.meanwhile(t, s)
				synctest.Wait()
				began := time.Now()
				parts := s.asked(t, begin())
				took := time.Since(began)
				if len(parts) != len(c.items) || took != c.after {
					t.Fatalf("got %d parts in %s, want %d in %s", len(parts), took, len(c.items), c.after)
				}
				for i, part := range parts {
					if len(part.Items) != c.items[i] {
						t.Errorf("part %d has %d items, want %d", i, len(part.Items), c.items[i])
					}
				}
				if last := parts[len(parts)-1]; len(last.Records) != c.records {
					t.Errorf("got %d records, want %d", len(last.Records), c.records)
				}
			})
		})
	}
}

// Design 7: while somebody waits for an acknowledgement each part that brings a peer up
// to date is the last of its answer, also when something is new by then.
func TestAwaitedPartIsTheLast(t *testing.T) {
	s, m := newStage(), Mirrored{Items: make([]broker.Item, 1)}
	if !s.goesOn(m) {
		t.Error("nothing follows")
	}
	defer s.urge()()
	if s.goesOn(m) {
		t.Error("more goes out before it is acknowledged")
	}
	if m.More = true; !s.goesOn(m) {
		t.Error("the peer is asked to acknowledge before it has everything")
	}
}

// NEW-01: "bounded in memory when a peer is slow": however long changes follow, no more
// is under way than is acknowledged together.
func TestFollowingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage()
		s.register(t, "h1")
		for n := range 200 {
			time.AfterFunc(time.Duration(2*n+1)*time.Millisecond/2, func() { s.register(t, "h2") })
		}
		began := time.Now()
		parts := s.asked(t, begin())
		if took := time.Since(began); len(parts) != mirrorParts || took != (mirrorParts-1)*mirrorGather {
			t.Errorf("got %d parts in %s", len(parts), took)
		}
	})
}
