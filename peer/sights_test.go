package peer

import (
	"testing"
	"time"

	"understudy/site"
	"understudy/wire"
	"understudy/zone"
)

const (
	cc01     = site.FQDN("cc01.example.test")
	deadline = 2 * time.Second
)

func word(change func(*wire.Facts)) wire.Facts {
	f := wire.Facts{FQDN: cc01, Boot: "b1", State: zone.Normal}
	if change != nil {
		change(&f)
	}
	return f
}

// TestBookTellsStoppedFromLost quotes design 4: "A reset connection plus a refused
// redial means stopped, at once; silence past the deadline means lost".
func TestBookTellsStoppedFromLost(t *testing.T) {
	t0 := time.Now()
	at := func(d time.Duration) time.Time { return t0.Add(d) }
	hear := func(b book) uint64 {
		stream, _ := b.opened(cc01)
		b.received(t0, deadline, stream, word(nil), false)
		return stream
	}
	tests := []struct {
		name     string
		happens  func(b book)
		ask      time.Duration
		heard    bool
		answered bool
		link     string
		since    time.Duration
	}{
		{"nothing yet", func(book) {}, time.Second, false, false, LinkNever, 0},
		{"a stream without a word is nothing", func(b book) { b.opened(cc01) }, time.Second, false, false, LinkNever, 0},
		{"heard", func(b book) { hear(b) }, time.Second, true, true, LinkUp, 0},
		{"heard until the deadline", func(b book) { hear(b) }, deadline, true, true, LinkUp, 0},
		{"silent past the deadline", func(b book) { hear(b) }, deadline + 1, false, true, LinkLost, deadline},
		{"just broken is unresolved", func(b book) { b.ended(at(1), cc01, hear(b)) }, time.Second, true, true, LinkUp, 0},
		{"broken and silent is lost", func(b book) { b.ended(at(1), cc01, hear(b)) }, deadline + 1, false, true, LinkLost, deadline},
		{"broken and refused has stopped", func(b book) {
			b.ended(at(1), cc01, hear(b))
			b.nobody(at(2), cc01)
		}, 3, false, true, LinkStopped, 2},
		{"refused while a stream is open says nothing", func(b book) {
			hear(b)
			b.nobody(at(2), cc01)
		}, 3, true, true, LinkUp, 0},
		{"refused, never heard", func(b book) { b.nobody(at(2), cc01) }, 3, false, true, LinkStopped, 2},
		{"an orderly stop says so first", func(b book) {
			stream, _ := b.opened(cc01)
			b.received(t0, deadline, stream, word(func(f *wire.Facts) { f.Leaving = true }), false)
			b.ended(at(1), cc01, stream)
		}, 2, false, true, LinkStopped, 1},
		{"back after a stop", func(b book) {
			b.ended(at(1), cc01, hear(b))
			b.nobody(at(2), cc01)
			stream, _ := b.opened(cc01)
			b.received(at(5), deadline, stream, word(nil), false)
		}, 6, true, true, LinkUp, 5},
		{"the end of a replaced stream says nothing", func(b book) {
			old := hear(b)
			hear(b)
			b.ended(at(1), cc01, old)
			b.nobody(at(2), cc01)
		}, 3, true, true, LinkUp, 0},
		{"a word on a replaced stream is stale", func(b book) {
			old := hear(b)
			hear(b)
			b.received(at(deadline), deadline, old, word(nil), false)
		}, deadline + 1, false, true, LinkLost, deadline},
		{"not in its list", func(b book) { b.refused(at(1), cc01, "not_in_zone") }, 2, false, true, LinkRefused, 1},
		{"not in its list, but heard", func(b book) {
			hear(b)
			b.refused(at(1), cc01, "not_in_zone")
		}, 2, true, true, LinkRefused, 1},
		{"in its list again", func(b book) {
			hear(b)
			b.refused(at(1), cc01, "not_in_zone")
			b.accepted(at(2), cc01)
		}, 3, true, true, LinkUp, 2},
		{"forgotten", func(b book) {
			hear(b)
			b.forget(at(1))
		}, 2, false, false, LinkNever, 1},
		{"a stream from before it was forgotten is dead", func(b book) {
			stream := hear(b)
			b.forget(at(1))
			b.received(at(2), deadline, stream, word(nil), false)
		}, 3, false, false, LinkNever, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := book{}
			b.set(t0, []site.FQDN{cc01})
			tt.happens(b)
			s := b.sights(at(tt.ask), deadline)[0]
			if s.Heard != tt.heard || s.Answered != tt.answered || s.Link != tt.link {
				t.Errorf("heard %v, answered %v, link %s (%s); want %v, %v, %s",
					s.Heard, s.Answered, s.Link, s.Reason, tt.heard, tt.answered, tt.link)
			}
			if got := s.Since.Sub(t0); got != tt.since {
				t.Errorf("since %s, want %s", got, tt.since)
			}
			if s.Link != LinkUp && s.Reason == "" {
				t.Error("a link that is not up has no reason")
			}
		})
	}
}

func TestBookNamesWhatMatters(t *testing.T) {
	idle, longer := site.Duration(time.Second), site.Duration(time.Minute)
	tests := []struct {
		name   string
		change func(*wire.Facts)
		want   bool
	}{
		{"nothing", nil, false},
		{"number and ages", func(f *wire.Facts) { f.Seq, f.ConfigAge = 7, longer }, false},
		{"front age", func(f *wire.Facts) { f.FrontIdle = &longer }, false},
		{"no front", func(f *wire.Facts) { f.FrontIdle = nil }, true},
		{"state", func(f *wire.Facts) { f.State = zone.PendingHA }, true},
		{"record", func(f *wire.Facts) { f.Record.Number = 9 }, true},
		{"whom it hears", func(f *wire.Facts) { f.Heard = []wire.Heard{{FQDN: "cc02"}} }, true},
		{"a new process", func(f *wire.Facts) { f.Boot = "b2" }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := book{}
			b.set(time.Now(), []site.FQDN{cc01})
			stream, _ := b.opened(cc01)
			base := word(func(f *wire.Facts) { f.FrontIdle = &idle })
			b.received(time.Now(), deadline, stream, base, false)
			next := base
			if tt.change != nil {
				tt.change(&next)
			}
			if got, _ := b.received(time.Now(), deadline, stream, next, false); got != tt.want {
				t.Errorf("changed %v, want %v", got, tt.want)
			}
		})
	}
}

func TestBookKeepsWhoStays(t *testing.T) {
	b, now := book{}, time.Now()
	b.set(now, []site.FQDN{cc01, "cc02"})
	stream, _ := b.opened(cc01)
	b.received(now, deadline, stream, word(nil), false)
	b.set(now, []site.FQDN{cc01, "cc03"})
	got := b.sights(now, deadline)
	if len(got) != 2 || !got[0].Heard || got[1].FQDN != "cc03" || got[1].Link != LinkNever {
		t.Errorf("sights %+v, want cc01 heard and cc03 never", got)
	}
	if _, known := b.opened("cc02"); known {
		t.Error("cc02 is still known")
	}
}
