package env

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// mostConnections bounds a listener where the process may have more file
// descriptors than anybody needs: it bounds the memory of a crowd.
const mostConnections = 16_384

// crowdQuiet is how long nothing more is said about a listener that was full.
const crowdQuiet = 10 * time.Minute

// Bound gives a listener and its server, whose handler is set, at most the part
// 1/share of the file descriptors that this process may have, so that those who ask
// nothing cannot use up what other listeners, the disk and the peers need. When it
// is full, a new connection takes the place of the one that has been idle for
// longest, and full is told now and then how many there may be.
func Bound(l net.Listener, s *http.Server, share int, full func(room int)) net.Listener {
	s.ConnContext, s.Handler = know, attend(s.Handler)
	room := roomOf(share, descriptors())
	return newCrowd(l, room, seldom(func() { full(room) }))
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

// crowd is a listener with a bounded number of connections.
type crowd struct {
	net.Listener
	room int
	// full is told when a connection has to go.
	full func()

	mu sync.Mutex // guards what follows
	// open is where in idle each connection stands; nil: it is being served.
	open map[*guest]*list.Element
	// idle has those whose request is not there yet, longest first.
	idle *list.List
}

func newCrowd(l net.Listener, room int, full func()) *crowd {
	return &crowd{Listener: l, room: room, full: full, open: map[*guest]*list.Element{}, idle: list.New()}
}

// Accept waits for the next connection that has room.
func (c *crowd) Accept() (net.Conn, error) {
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
func (c *crowd) enter(g *guest) (crowded bool, out *guest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	crowded = len(c.open) >= c.room
	if crowded {
		first := c.idle.Front()
		if first == nil {
			return true, g
		}
		out, _ = first.Value.(*guest)
		c.remove(out)
	}
	c.open[g] = c.idle.PushBack(g)
	return crowded, out
}

// served notes that requests of a connection begin or end.
func (c *crowd) served(g *guest, change int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, here := c.open[g]
	g.requests += change
	switch {
	case !here:
	case g.requests > 0 && at != nil:
		c.idle.Remove(at)
		c.open[g] = nil
	case g.requests == 0:
		c.open[g] = c.idle.PushBack(g)
	}
}

func (c *crowd) left(g *guest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(g)
}

func (c *crowd) remove(g *guest) {
	if at := c.open[g]; at != nil {
		c.idle.Remove(at)
	}
	delete(c.open, g)
}

// guest is a connection of a crowd.
type guest struct {
	net.Conn
	crowd    *crowd
	requests int // in flight; the crowd's lock guards it
}

// Close closes the connection and makes room.
func (g *guest) Close() error {
	g.crowd.left(g)
	return g.Conn.Close()
}

// guestKey is where a request's context has its connection.
type guestKey struct{}

// know lets requests find the guest whose they are, below what TLS puts around it.
func know(ctx context.Context, conn net.Conn) context.Context {
	if secure, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = secure.NetConn()
	}
	return context.WithValue(ctx, guestKey{}, conn)
}

// attend has a connection keep its place while it is served.
func attend(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if g, ok := r.Context().Value(guestKey{}).(*guest); ok {
			g.crowd.served(g, 1)
			defer g.crowd.served(g, -1)
		}
		next.ServeHTTP(w, r)
	})
}
