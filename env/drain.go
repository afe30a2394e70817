package env

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"
)

// see follows what net/http tells of a connection.
func (c *Crowd) see(conn net.Conn, s http.ConnState) {
	g := guestOf(conn)
	switch {
	case g == nil:
		return
	case c.secure && s == http.StateActive:
		c.greet(g, conn)
	case c.secure && s == http.StateClosed:
		c.part(g, conn)
	}
	c.tally(g, s)
}

// tally notes whether a connection has something in flight.
func (c *Crowd) tally(g *guest, s http.ConnState) {
	active := s == http.StateActive
	if g.active.Swap(active) && !active && c.stopping.Load() {
		c.tell()
	}
}

func (c *Crowd) tell() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calm != nil && !slices.ContainsFunc(c.open.guests, func(g *guest) bool { return g.active.Load() }) {
		close(c.calm)
		c.calm = nil
	}
}

// lastWords is for how long connections may close by themselves. Over HTTP/2 a request is
// over when the end of its answer is in a buffer; the connection closes once that is
// written and the client has heard that no more is taken.
const lastWords = 50 * time.Millisecond

// Stop accepts nothing more, waits for what is in flight until ctx ends, and cuts
// the rest; its error says that there was a rest. It ends as soon as nothing is in
// flight: net/http looks for that in growing, random intervals.
func (c *Crowd) Stop(ctx context.Context) error {
	at, cancel := context.WithCancel(context.Background())
	cancel()
	if c.server.Shutdown(at) == nil {
		return nil
	}
	calm, empty := c.await()
	var err error
	select {
	case <-calm:
		select {
		case <-empty:
		case <-ctx.Done():
		case <-time.After(lastWords):
		}
	case <-ctx.Done():
		err = fmt.Errorf("finish what is in flight: %w", context.Cause(ctx))
	}
	_ = c.server.Close()
	return err
}

// await returns what is closed when nothing is in flight, and when nobody is there.
func (c *Crowd) await() (calm, empty <-chan struct{}) {
	none, nobody := make(chan struct{}), make(chan struct{})
	c.mu.Lock()
	c.calm, c.empty = none, nobody
	c.tellEmpty()
	c.mu.Unlock()
	c.stopping.Store(true)
	c.tell()
	return none, nobody
}

// tellEmpty has the lock.
func (c *Crowd) tellEmpty() {
	if c.empty != nil && c.open.Len() == 0 {
		close(c.empty)
		c.empty = nil
	}
}
