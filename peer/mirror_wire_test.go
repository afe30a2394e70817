package peer

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"understudy/broker"
	"understudy/site"
)

// NEW-01: what is sent is what is read; what was cut or changed is refused.
func TestMirroredOnTheWire(t *testing.T) {
	m := Mirrored{Stream: "s", Outage: "o", Term: 1 << 40, Anew: true, To: 9, More: true, Items: []broker.Item{
		{Kind: broker.ItemHost, Number: 300, Machine: "h", Left: -time.Second, Lease: "l", Callback: broker.Around{Before: "c"}, Capacity: 3, Load: 4, AtLoad: 5, NextReport: 6, Turn: 7, Pass: 8, Reported: []broker.Record{{Kind: broker.LoggedOff}}},
		{Kind: broker.ItemHost, Machine: "k", Key: broker.LeaseKey{1, 19: 2}, Callback: broker.Around{Before: "b", After: "a", Named: true}},
		{Kind: broker.ItemSession, Machine: "h", Left: time.Hour, Session: &broker.Session{ID: "i", User: "u", Resource: "r", State: broker.Active, Started: time.Unix(5, 6).UTC()}},
		{Kind: broker.ItemSession, Machine: "h", Session: &broker.Session{ID: "j"}},
		{Kind: broker.ItemTicket, ID: "t", Spent: true, Ticket: &broker.Ticket{Session: "i", User: "u", Machine: "h", Zone: "z", Address: "a", Port: 80, Data: "d"}},
		{Kind: broker.ItemSessionEnded, Machine: "h", Session: &broker.Session{ID: "k"}},
		{Kind: broker.ItemHostEnded, Machine: "g"},
		{Kind: broker.ItemPeak, Peak: &broker.Peak{Day: "2026-01-02", Group: "g", Sessions: 300}},
		{Kind: broker.ItemSeat, Machine: "h", Seat: &broker.Seat{Kind: "group", Name: "g", Zone: "z", Moved: true}},
	}, Records: []broker.Record{{Journal: "own", Sequence: 1, Kind: broker.Launched}}}
	b, err := m.encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	former := slices.Clone(m.Items)
	slices.Reverse(former)
	got, err := decodeMirrored(b, former)
	if diff := cmp.Diff(m, got); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	for n := range b {
		if _, err := decodeMirrored(b[:n], nil); err == nil {
			t.Errorf("%d of %d bytes are taken for all", n, len(b))
		}
	}
}

// anyItem is one as an engine makes them.
func anyItem(t *rapid.T) broker.Item {
	text := func(what string) string { return rapid.String().Draw(t, what) }
	i := broker.Item{Kind: broker.ItemKind(rapid.IntRange(int(broker.ItemHost), int(broker.ItemSeat)).Draw(t, "kind")), Machine: site.FQDN(text("machine"))}
	left := time.Duration(rapid.Int64().Draw(t, "left"))
	switch i.Kind {
	case broker.ItemHost:
		i.Left, i.Number, i.Lease = left, rapid.Int32Min(0).Draw(t, "number"), text("lease")
		if i.Lease == "" {
			copy(i.Key[:], rapid.SliceOfN(rapid.Byte(), len(i.Key), len(i.Key)).Draw(t, "key"))
		}
		if i.Callback = (broker.Around{Before: text("before"), Named: rapid.Bool().Draw(t, "named")}); i.Callback.Named {
			i.Callback.After = text("after")
		}
		i.Capacity, i.Load, i.AtLoad = rapid.Int().Draw(t, "capacity"), rapid.Int().Draw(t, "load"), rapid.Int().Draw(t, "sessions")
		i.NextReport, i.Turn, i.Pass = rapid.Uint64().Draw(t, "report"), rapid.Uint64().Draw(t, "turn"), rapid.Uint64().Draw(t, "pass")
	case broker.ItemSession:
		i.Left, i.Session = left, &broker.Session{ID: text("id"), User: text("user"), Resource: text("resource"), State: broker.SessionState(text("state"))}
	case broker.ItemTicket:
		i.Left, i.ID, i.Spent = left, text("id"), rapid.Bool().Draw(t, "spent")
		i.Ticket = &broker.Ticket{Session: text("session"), User: text("user"), Machine: site.FQDN(text("at")), Zone: text("zone"), Address: text("address"), Port: rapid.Int().Draw(t, "port"), Data: text("data")}
	case broker.ItemSessionEnded:
		i.Session = &broker.Session{ID: text("id")}
	case broker.ItemPeak:
		i.Peak = &broker.Peak{Day: text("day"), Group: text("group"), Sessions: rapid.IntMin(0).Draw(t, "sessions")}
	case broker.ItemSeat:
		i.Seat = &broker.Seat{Kind: text("of"), Name: text("name"), Zone: text("zone"), Moved: rapid.Bool().Draw(t, "moved")}
	case broker.ItemHostEnded:
	}
	return i
}

// NEW-01: one part after the other is read as it was sent, though each is written and
// read where the one before was.
func TestPartsOnTheWire(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var sent []byte
		var former []broker.Item
		for range rapid.IntRange(1, 4).Draw(t, "parts") {
			m := Mirrored{Stream: rapid.String().Draw(t, "stream"), To: rapid.Uint64().Draw(t, "to"), Items: rapid.SliceOfN(rapid.Custom(anyItem), 0, 8).Draw(t, "items")}
			var err error
			if sent, err = m.encode(sent); err != nil {
				t.Fatal(err)
			}
			got, err := decodeMirrored(sent, former)
			if diff := cmp.Diff(m, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
				t.Fatalf("%v\n%s", err, diff)
			}
			former = got.Items
		}
	})
}

// FuzzMirrored: nothing that a peer sends makes a connector fail or use more memory
// than it was sent.
func FuzzMirrored(f *testing.F) {
	b, _ := Mirrored{Stream: "s", Items: []broker.Item{{Kind: broker.ItemHost, Machine: "h"}, {Kind: broker.ItemTicket, Ticket: &broker.Ticket{}}}}.encode(nil)
	f.Add(b)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = decodeMirrored(b, nil) })
}

// NEW-01: what a peer mirrors is bounded in memory too: the shortest items take two
// bytes on the wire.
func TestMirroredIsBounded(t *testing.T) {
	m := Mirrored{Items: make([]broker.Item, maxItems+1)}
	for i := range m.Items {
		m.Items[i].Kind = broker.ItemHostEnded
	}
	b, err := m.encode(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decodeMirrored(b, nil); err == nil {
		t.Errorf("%d items were read of %d bytes", len(m.Items), len(b))
	}
}
