package pages

import (
	"bytes"
	"testing"
)

// The page at the byte that SQLite locks holds nothing.
func TestLockedPageIsLeftOut(t *testing.T) {
	const size, locked = 1024, lockedByte/1024 + 1
	w := &Writer{layout: layout{size: size, usable: size, pages: locked - 2}}
	for _, want := range []uint32{locked - 1, locked + 1, locked + 2} {
		got, err := w.add(bytes.Repeat([]byte{1}, size))
		if err != nil || got != want {
			t.Errorf("got page %d (%v), want %d", got, err, want)
		}
	}
	if got := w.buffer[size]; got != 0 || len(w.buffer) != 4*size {
		t.Errorf("the page that is left out begins with %d, and %d bytes are written", got, len(w.buffer))
	}
}
