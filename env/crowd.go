package env

import (
	"container/heap"
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// mostConnections bounds a listener where the process may have more file
// descriptors than anybody needs: it bounds the memory of a crowd.
const mostConnections = 16_384

// crowdQuiet is how long nothing more is said about a listener that was full.
const crowdQuiet = 10 * time.Minute

// Crowd is a listener with a bounded number of connections, which knows of each
// whether it is being served. Requests change nothing that they share but counters.
type Crowd struct {
	net.Listener
	server *http.Server
	room   int
	full   func() // told when a connection has to go

	uses     atomic.Int64 // grows with each use of a connection, to tell which was first
	active   atomic.Int32 // connections with something in flight
	stopping atomic.Bool

	mu   sync.Mutex // guards what follows
	open guests
	calm chan struct{} // closed when nothing is active; nil while nobody waits
}

// Bound gives a listener and its server, whose handler is set, at most the part
// 1/share of the file descriptors that this process may have, so that those who ask
// nothing cannot use up what other listeners, the disk and the peers need. When it
// is full, a new connection takes the place of the one that has been idle for
// longest, and full is told now and then how many there may be.
func Bound(l net.Listener, s *http.Server, share int, full func(room int)) *Crowd {
	c := &Crowd{Listener: l, server: s, room: roomOf(share, descriptors())}
	c.full = seldom(func() { full(c.room) })
	s.ConnContext, s.ConnState, s.Handler = know, c.see, attend(s.Handler)
	return c
}

func roomOf(share, descriptors int) int {
	return min(mostConnections, max(1, descriptors/share))
}

// seldom is for a function that one goroutine calls.
func seldom(do func()) func() {
	var told time.Time
	return func() {
		if now := time.Now(); told.IsZero() || now.Sub(told) >= crowdQuiet {
			told = now
			do()
		}
	}
}

// Accept waits for the next connection that has room.
func (c *Crowd) Accept() (net.Conn, error) {
	for {
		inner, err := c.Listener.Accept()
		if err != nil {
			return nil, err
		}
		g := &guest{Conn: inner, crowd: c}
		crowded, out := c.enter(g)
		if crowded {
			c.full()
		}
		if out != nil {
			_ = out.Close()
		}
		if out != g {
			return g, nil
		}
	}
}

// enter returns who has to go for the new one; itself, where all others are being
// served.
func (c *Crowd) enter(g *guest) (crowded bool, out *guest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	crowded = len(c.open) >= c.room
	if crowded {
		if out = c.idlest(); out == nil {
			return true, g
		}
		heap.Remove(&c.open, out.place)
	}
	g.stamp = c.uses.Add(1)
	heap.Push(&c.open, g)
	return crowded, out
}

// idlest returns who has been idle for longest; nil, where all are being served.
// Guests are in the order of a use that may not be their last, and are put right
// when they come first.
func (c *Crowd) idlest() *guest {
	now := c.uses.Add(1)
	for len(c.open) > 0 && c.open[0].stamp < now {
		g := c.open[0]
		used := g.used.Load()
		switch {
		case g.requests.Load() > 0:
			g.stamp = now
		case used > g.stamp:
			g.stamp = used
		default:
			return g
		}
		heap.Fix(&c.open, 0)
	}
	return nil
}

func (c *Crowd) left(g *guest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if g.place < len(c.open) && c.open[g.place] == g {
		heap.Remove(&c.open, g.place)
	}
}

// guest is a connection of a crowd.
type guest struct {
	net.Conn
	crowd    *Crowd
	requests atomic.Int32 // that a handler has
	used     atomic.Int64 // when the latest of them ended
	active   atomic.Bool  // from the first byte of a request until it is answered

	stamp int64 // not after used; the crowd's lock guards it and place
	place int
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

// guests are a heap by stamp.
type guests []*guest

func (l guests) Len() int           { return len(l) }
func (l guests) Less(i, j int) bool { return l[i].stamp < l[j].stamp }
func (l guests) Swap(i, j int)      { l[i], l[j] = l[j], l[i]; l[i].place, l[j].place = i, j }

// Push adds a guest.
func (l *guests) Push(x any) {
	g, _ := x.(*guest)
	g.place = len(*l)
	*l = append(*l, g)
}

// Pop takes the last one.
func (l *guests) Pop() any {
	end := len(*l) - 1
	g := (*l)[end]
	(*l)[end] = nil
	*l = (*l)[:end]
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

// attend has a connection keep its place while it is served.
func attend(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g, _ := r.Context().Value(guestKey{}).(*guest); g != nil {
			g.begin()
			defer g.end()
		}
		next.ServeHTTP(w, r)
	})
}
