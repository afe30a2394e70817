package wire

import "sync"

// room is where a body is read to or an answer is written. What is made of a body is a
// copy, and an answer is forgotten once it is sent, so the next one may have the room.
type room struct{ quickWriter }

// roomKept is the most memory of a room that is kept for the next one.
const roomKept = 64 << 10

var rooms = sync.Pool{New: func() any { return new(room) }} //nolint:gochecknoglobals // the next request is of another API, or another connection

// enter returns a room that is empty.
func enter() *room {
	r, _ := rooms.Get().(*room)
	r.quickWriter = quickWriter{b: r.b[:0], plain: true}
	return r
}

func (r *room) leave() {
	if cap(r.b) <= roomKept {
		rooms.Put(r)
	}
}
