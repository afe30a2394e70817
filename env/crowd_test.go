package env

import "testing"

// A full listener gives the place of whoever was idle for longest to the next one,
// and never that of one that is being served.
func TestCrowdMakesRoom(t *testing.T) {
	c := &Crowd{room: 2}
	a, b, d := &guest{crowd: c}, &guest{crowd: c}, &guest{crowd: c}
	enter := func(g *guest, wantFull bool, wantOut *guest) {
		t.Helper()
		if full, out := c.enter(g); full != wantFull || out != wantOut {
			t.Errorf("got full %v, out %p, want %v, %p", full, out, wantFull, wantOut)
		}
	}
	enter(a, false, nil)
	enter(b, false, nil)
	a.begin()
	a.begin() // two streams of one connection
	a.end()
	enter(d, true, b)
	c.left(b) // it is closed, and served no more: nothing is counted twice
	b.begin()
	b.end()
	d.begin()
	enter(b, true, b)
	a.end()
	d.end()
	enter(b, true, a)
	c.left(b)
	enter(a, false, nil)
	if len(c.open) != 2 {
		t.Errorf("%d open, want 2", len(c.open))
	}
}

// The listeners of a connector, with shares of 2, 8 and 8, leave file descriptors to
// the rest of the process.
func TestRoomOfListeners(t *testing.T) {
	for _, of := range []int{128, 1024, 20_000, 1 << 30} {
		sum := 0
		for _, share := range []int{2, 8, 8} {
			room := roomOf(share, of)
			if room < 1 || room > mostConnections {
				t.Errorf("1/%d of %d: got %d", share, of, room)
			}
			sum += room
		}
		if sum > of*3/4 {
			t.Errorf("the listeners may have %d of %d", sum, of)
		}
	}
}
