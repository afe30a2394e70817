package storefront

import (
	"encoding/json"
	"sync"

	"understudy/broker"
	"understudy/wire"
)

// roomKept is the most of an answer's memory that is kept for the next one.
const roomKept = 64 << 10

// rooms are for answers that are written, and forgotten once they are sent.
type rooms struct{ pool sync.Pool }

// with hands an empty room to write, which returns what it has made of it.
func (l *rooms) with(write func(room []byte) []byte) {
	room, ok := l.pool.Get().(*[]byte)
	if !ok {
		room = new([]byte)
	}
	if *room = write((*room)[:0]); cap(*room) <= roomKept {
		l.pool.Put(room)
	}
}

// appendResources writes a wire.ResourcesAnswer. What does not depend on the user is
// written once for each version of the site.
func appendResources(answer []byte, list []broker.Resource) []byte {
	answer = append(answer, `{"resources":[`...)
	for i, r := range list {
		if i > 0 {
			answer = append(answer, ',')
		}
		answer = append(answer, resourceLine(r)...)
	}
	return append(answer, "]}\n"...)
}

func resourceLine(r broker.Resource) []byte {
	if r.Session != "" {
		return written(r)
	}
	return r.Memo.Text(func() []byte { return written(r) })
}

func written(r broker.Resource) []byte {
	out := wire.Resource{ID: r.ID, Name: r.Name, Kind: r.Kind, Zones: r.Zones, Session: r.Session}
	if len(r.Groups) > 0 {
		out.Group = r.Groups[0]
	}
	line, err := json.Marshal(out)
	if err != nil {
		panic("storefront: a resource cannot be written: " + err.Error()) // it has nothing but texts
	}
	return line
}
