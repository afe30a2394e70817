package env

import (
	"net"
	"testing"
)

func crowdOf(room, ofSource int) *Crowd {
	return &Crowd{room: Room{Connections: room, OfSource: ofSource}, open: queue{slot: inAll}, sources: map[Source]*queue{}}
}

// from is a guest of that address; an empty one is of no source.
func (c *Crowd) from(address string) *guest {
	return &guest{crowd: c, source: SourceOf(&net.TCPAddr{IP: net.ParseIP(address)})}
}

// enters fails the test unless the guest comes in, or not, in the place of another.
func (c *Crowd) enters(t *testing.T, g *guest, wantFull bool, wantOut *guest) {
	t.Helper()
	if full, out := c.enter(g); (full != "") != wantFull || out != wantOut {
		t.Errorf("got full %q, out %p, want %v, %p", full, out, wantFull, wantOut)
	}
}

// A full listener gives the place of whoever was idle for longest to the next one,
// and never that of one that is being served.
func TestCrowdMakesRoom(t *testing.T) {
	c := crowdOf(2, 2)
	a, b, d := c.from(""), c.from(""), c.from("")
	c.enters(t, a, false, nil)
	c.enters(t, b, false, nil)
	a.begin()
	a.begin() // two streams of one connection
	a.end()
	c.enters(t, d, true, b)
	c.left(b) // it is closed, and served no more: nothing is counted twice
	b.begin()
	b.end()
	d.begin()
	c.enters(t, b, true, b)
	a.end()
	d.end()
	c.enters(t, b, true, a)
	c.left(b)
	c.enters(t, a, false, nil)
	if n := c.Count(); n.Open != 2 || n.Closed != 2 || n.Refused != 1 {
		t.Errorf("got %+v, want 2 open, 2 closed, 1 refused", n)
	}
}

// Issue 6, 4: "connections per source and overall": a source that has all that it may
// have gets the places of its own idle connections, and takes none of another's; an
// IPv6 source is a network.
func TestCrowdOfOneSource(t *testing.T) {
	for _, of := range []struct{ name, first, second, third, other string }{
		{"IPv4", "192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"},
		{"IPv6", "2001:db8::1", "2001:db8::2", "2001:db8::1:2:3:4", "2001:db8:0:1::1"},
		{"mapped", "192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1", "2001:db8::1"},
	} {
		t.Run(of.name, func(t *testing.T) {
			c := crowdOf(8, 2)
			other := c.from(of.other) // idle for longest
			first, second := c.from(of.first), c.from(of.second)
			for _, g := range []*guest{other, first, second} {
				c.enters(t, g, false, nil)
			}
			first.begin()
			third := c.from(of.third)
			c.enters(t, third, true, second)
			third.begin()
			refused := c.from(of.first)
			c.enters(t, refused, true, refused)
			n := c.Count()
			if n.Open != 3 || n.Sources != 2 || n.OfLargest != 2 || n.Largest != first.source.String() || n.Closed != 1 || n.Refused != 1 {
				t.Errorf("got %+v", n)
			}
			for _, g := range []*guest{other, first, third} {
				c.left(g)
			}
			if len(c.sources) != 0 || c.open.Len() != 0 {
				t.Errorf("%d sources and %d connections are left", len(c.sources), c.open.Len())
			}
		})
	}
}

// "At the limit the oldest idle connection of that source goes first, never a peer's."
func TestPeersStay(t *testing.T) {
	c := crowdOf(2, 2)
	peer, idle, next := c.from("192.0.2.1"), c.from("192.0.2.1"), c.from("192.0.2.1")
	peer.stays.Store(true)
	c.enters(t, peer, false, nil)
	c.enters(t, idle, false, nil)
	c.enters(t, next, true, idle)
	next.stays.Store(true)
	c.enters(t, idle, true, idle)
}

// The listeners of a connector, with shares of 2, 8 and 8, leave file descriptors to
// the rest of the process, and one source leaves a quarter of each to others.
func TestRoomOfListeners(t *testing.T) {
	for _, of := range []int{128, 1024, 20_000, 1 << 30} {
		sum := 0
		for _, share := range []int{2, 8, 8} {
			r := Room{Share: share}.within(of)
			if r.Connections < 1 || r.Connections > MostConnections || r.OfSource > r.Connections*3/4 {
				t.Errorf("1/%d of %d: got %+v", share, of, r)
			}
			sum += r.Connections
		}
		if sum > of*3/4 {
			t.Errorf("the listeners may have %d of %d", sum, of)
		}
	}
	if r := (Room{Share: 2}).within(1 << 20); r.OfSource < 10_000 {
		t.Errorf("one source may have %d, fewer than the desktops of a large zone behind one address", r.OfSource)
	}
	if r := (Room{Share: 2}).within(1024); r.OfSource < 256 {
		t.Errorf("one source may have %d, fewer than a StoreFront opens", r.OfSource)
	}
	if r := (Room{Share: 2, Connections: 100, OfSource: 10}).within(1 << 20); r.Connections != 100 || r.OfSource != 10 {
		t.Errorf("got %+v, want what was set", r)
	}
}
