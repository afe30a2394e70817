package storefront

import (
	"encoding/json"
	"sync"

	"understudy/broker"
	"understudy/wire"
)

// enumeration is what an answer is made of, and forgotten once it is sent: the next one
// has the room.
type enumeration struct {
	in   wire.ResourcesRequest
	list []broker.Resource
	text []byte
}

// Bounds of the room that is kept for the next one.
const (
	textKept = 64 << 10
	listKept = 1 << 10
)

// enumerations are those that nobody makes at the moment.
type enumerations struct{ pool sync.Pool }

func (l *enumerations) begin() *enumeration {
	e, ok := l.pool.Get().(*enumeration)
	if !ok {
		e = new(enumeration)
	}
	return e
}

func (l *enumerations) end(e *enumeration) {
	if cap(e.text) > textKept || cap(e.list) > listKept {
		return
	}
	clear(e.list) // it would keep a site
	e.in = wire.ResourcesRequest{}
	l.pool.Put(e)
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
