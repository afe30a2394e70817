package env

import (
	"cmp"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/cpu"
)

// MostConnections bounds a listener where the process may have more file
// descriptors than anybody needs: it bounds the memory of a crowd.
const MostConnections = 16_384

// MostOfSource bounds the connections of one source to a listener: those of a zone
// whose 10,000 desktops come through one address are fewer. Where a listener has less
// room, three quarters of it are what one source may have.
const MostOfSource = 12_288

// crowdQuiet is how long nothing more is said about a listener that was full.
const crowdQuiet = 10 * time.Minute

// Room is what a listener may have.
type Room struct {
	// Share leaves file descriptors to what else the process does: the listener has at
	// most 1/Share of them.
	Share int
	// Connections and OfSource bound all connections and those of one source; 0 means
	// MostConnections and MostOfSource.
	Connections, OfSource int
	// Full and Guessed are told now and then, in words, that there is no more room, and
	// that a source shows wrong secrets, or fails in TLS, again and again; nil tells nobody.
	Full, Guessed func(reason string)
}

// Crowd is a listener with a bounded number of connections, of each source and of all,
// which knows of each whether it is being served. Requests change nothing that they
// share but counters.
type Crowd struct {
	net.Listener
	server *http.Server
	room   Room

	_        cpu.CacheLinePad
	uses     atomic.Int64 // grows with each use of a connection, to tell which was first
	_        cpu.CacheLinePad
	stopping atomic.Bool
	guessers guessers
	// secure says that the server has TLS; strangers have none in it.
	secure    bool
	strangers strangers

	mu      sync.Mutex // guards what follows
	open    queue
	sources map[Source]*queue
	closed  uint64        // to make room
	refused uint64        // because all others were being served
	calm    chan struct{} // closed when nothing is active; nil while nobody waits
	empty   chan struct{} // closed when nobody is there any more; nil while nobody waits
}

// Bound gives a listener and its server, whose handler is set, that much room, so that
// those who ask nothing can use up neither what other sources need, nor other
// listeners, the disk and the peers. When there is none left, a new connection takes
// the place of the one that has been idle for longest: of the same source, where that
// has all that it may have.
func Bound(l net.Listener, s *http.Server, r Room) *Crowd {
	r = r.within(descriptors())
	c := &Crowd{Listener: l, server: s, room: r, open: queue{slot: inAll}, sources: map[Source]*queue{}, secure: s.TLSConfig != nil}
	c.strangers.open(seldom(r.Guessed))
	c.room.Full, c.guessers.tell = seldom(r.Full), seldom(r.Guessed)
	c.guessers.failures = NewFailures(freeGuesses, 0)
	s.ConnContext, s.ConnState, s.Handler = know, c.see, attend(s.Handler)
	return c
}

// within fills in what is not said and keeps to what the process may have.
func (r Room) within(descriptors int) Room {
	r.Connections = min(cmp.Or(r.Connections, MostConnections), max(1, descriptors/r.Share))
	r.OfSource = min(cmp.Or(r.OfSource, MostOfSource), max(1, r.Connections*3/4))
	return r
}

// seldom lets a word through now and then.
func seldom(tell func(string)) func(string) {
	var mu sync.Mutex
	var told time.Time
	due := func(now time.Time) bool {
		mu.Lock()
		defer mu.Unlock()
		if !told.IsZero() && now.Sub(told) < crowdQuiet {
			return false
		}
		told = now
		return true
	}
	return func(reason string) {
		if tell != nil && due(time.Now()) {
			tell(reason)
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
		g := newGuest(c, inner)
		if c.secure && c.strangers.turnsAway(g.source) {
			_ = inner.Close()
			continue
		}
		full, out := c.enter(g)
		if full != "" {
			c.room.Full(full)
		}
		if out != nil {
			_ = out.Close()
		}
		if out != g {
			return g, nil
		}
	}
}

// enter says what is full, and who has to go for the new one: itself, where all others
// are being served.
func (c *Crowd) enter(g *guest) (full string, out *guest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.uses.Add(1)
	if full, from := c.crowded(g.source); from != nil {
		if out = from.idlest(now); out == nil {
			c.refused++
			return full, g
		}
		c.closed++
		c.remove(out)
		c.add(g)
		return full, out
	}
	c.add(g)
	return "", nil
}

// crowded returns whose place a new connection of that source is to take, if it needs
// somebody's.
func (c *Crowd) crowded(from Source) (string, *queue) {
	if q := c.sources[from]; q != nil && from.known() && q.Len() >= c.room.OfSource {
		return from.String() + " has " + connections(q.Len()) + ", as many as one source may have", q
	}
	if c.open.Len() >= c.room.Connections {
		return "it has " + connections(c.open.Len()) + ", as many as it may have", &c.open
	}
	return "", nil
}

func (c *Crowd) add(g *guest) {
	stamp := c.uses.Add(1)
	g.spots[inAll].stamp, g.spots[inSource].stamp = stamp, stamp
	c.open.put(g)
	q := c.sources[g.source]
	if q == nil {
		q = &queue{slot: inSource}
		c.sources[g.source] = q
	}
	q.put(g)
}

func (c *Crowd) remove(g *guest) {
	if !c.open.take(g) {
		return
	}
	q := c.sources[g.source]
	q.take(g)
	if q.Len() == 0 {
		delete(c.sources, g.source)
	}
}

func (c *Crowd) left(g *guest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(g)
	c.tellEmpty()
}
