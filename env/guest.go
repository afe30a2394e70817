package env

import (
	"container/heap"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// guest is a connection of a crowd.
type guest struct {
	net.Conn
	crowd    *Crowd
	source   Source
	requests atomic.Int32 // that a handler has
	used     atomic.Int64 // when the latest of them ended
	active   atomic.Bool  // from the first byte of a request until it is answered
	stays    atomic.Bool  // it goes for nobody
	letIn    atomic.Bool  // it has shown a right secret
	greeted  atomic.Bool  // its TLS handshake was looked at
	reads    deadline
	writes   deadline

	spots [2]spot // the crowd's lock guards them
}

// spot is where a guest is in a queue. The stamp is not after its latest use.
type spot struct {
	stamp int64
	place int
}

// The queues that a guest is in.
const (
	inAll = iota
	inSource
)

func newGuest(c *Crowd, conn net.Conn) *guest {
	return &guest{
		Conn: conn, crowd: c, source: SourceOf(conn.RemoteAddr()),
		reads: deadline{tell: conn.SetReadDeadline}, writes: deadline{tell: conn.SetWriteDeadline},
	}
}

func (g *guest) Read(p []byte) (n int, err error) {
	for again := true; again && n == 0; {
		if err = g.reads.begin(); err != nil {
			return 0, err
		}
		n, err = g.Conn.Read(p)
		again = g.reads.end(err)
	}
	return n, err
}

func (g *guest) Write(p []byte) (n int, err error) {
	for again := true; again; {
		if err = g.writes.begin(); err != nil {
			return n, err
		}
		var more int
		more, err = g.Conn.Write(p[n:])
		n += more
		again = g.writes.end(err)
	}
	return n, err
}

// SetReadDeadline holds for the reads from now on.
func (g *guest) SetReadDeadline(t time.Time) error { return g.reads.set(t) }

// SetWriteDeadline holds for the writes from now on.
func (g *guest) SetWriteDeadline(t time.Time) error { return g.writes.set(t) }

// SetDeadline holds for both.
func (g *guest) SetDeadline(t time.Time) error {
	return errors.Join(g.reads.set(t), g.writes.set(t))
}

// Close closes the connection and makes room.
func (g *guest) Close() error {
	g.crowd.left(g)
	return g.Conn.Close()
}

func (g *guest) begin() { g.requests.Add(1) }

func (g *guest) end() {
	g.used.Store(g.crowd.uses.Add(1))
	g.requests.Add(-1)
}

// queue has guests in the order of a use that may not be their last; they are put right
// when they come first.
type queue struct {
	guests []*guest
	slot   int
}

func (q *queue) put(g *guest) { heap.Push(q, g) }

// take reports whether the guest was there.
func (q *queue) take(g *guest) bool {
	place := g.spots[q.slot].place
	if place >= len(q.guests) || q.guests[place] != g {
		return false
	}
	heap.Remove(q, place)
	return true
}

// idlest returns who has been idle for longest; nil, where all are being served.
func (q *queue) idlest(now int64) *guest {
	for len(q.guests) > 0 && q.guests[0].spots[q.slot].stamp < now {
		g := q.guests[0]
		s, used := &g.spots[q.slot], g.used.Load()
		switch {
		case g.requests.Load() > 0, g.stays.Load():
			s.stamp = now
		case used > s.stamp:
			s.stamp = used
		default:
			return g
		}
		heap.Fix(q, 0)
	}
	return nil
}

// Len, Less, Swap, Push and Pop make a queue a heap.
func (q *queue) Len() int { return len(q.guests) }

// Less goes by the stamps.
func (q *queue) Less(i, j int) bool {
	return q.guests[i].spots[q.slot].stamp < q.guests[j].spots[q.slot].stamp
}

// Swap keeps the places right.
func (q *queue) Swap(i, j int) {
	q.guests[i], q.guests[j] = q.guests[j], q.guests[i]
	q.guests[i].spots[q.slot].place, q.guests[j].spots[q.slot].place = i, j
}

// Push adds a guest.
func (q *queue) Push(x any) {
	g, _ := x.(*guest)
	g.spots[q.slot].place = len(q.guests)
	q.guests = append(q.guests, g)
}

// Pop takes the last one.
func (q *queue) Pop() any {
	end := len(q.guests) - 1
	g := q.guests[end]
	q.guests[end] = nil
	q.guests = q.guests[:end]
	return g
}

// guestOf finds the guest of a server's connection, below what TLS puts around it.
func guestOf(conn net.Conn) *guest {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	g, _ := conn.(*guest)
	return g
}

// guestKey is where a request's context has its guest.
type guestKey struct{}

func know(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, guestKey{}, guestOf(conn))
}

// asking is the connection of a request; nil outside of a crowd.
func asking(r *http.Request) *guest {
	g, _ := r.Context().Value(guestKey{}).(*guest)
	return g
}

// attend has a connection keep its place while it is served.
func attend(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g := asking(r); g != nil {
			g.begin()
			defer g.end()
		}
		next.ServeHTTP(w, r)
	})
}

// Stays lets the connection of a request go for nobody from now on: that of a peer.
func Stays(r *http.Request) {
	if g := asking(r); g != nil {
		g.stays.Store(true)
	}
}
