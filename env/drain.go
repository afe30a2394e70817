package env

import (
	"context"
	"fmt"
	"net"
	"net/http"
)

// see follows what net/http tells of a connection.
func (c *Crowd) see(conn net.Conn, s http.ConnState) {
	g := guestOf(conn)
	switch {
	case g == nil:
	case s == http.StateActive:
		if !g.active.Swap(true) {
			c.active.Add(1)
		}
	case g.active.Swap(false) && c.active.Add(-1) == 0 && c.stopping.Load():
		c.tell()
	}
}

func (c *Crowd) tell() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.calm != nil && c.active.Load() == 0 {
		close(c.calm)
		c.calm = nil
	}
}

// Stop accepts nothing more, waits for what is in flight until ctx ends, and cuts
// the rest; its error says that there was a rest. It ends as soon as nothing is in
// flight: net/http looks for that in growing, random intervals.
func (c *Crowd) Stop(ctx context.Context) error {
	at, cancel := context.WithCancel(context.Background())
	cancel()
	if c.server.Shutdown(at) == nil {
		return nil
	}
	calm := make(chan struct{})
	c.mu.Lock()
	c.calm = calm
	c.mu.Unlock()
	c.stopping.Store(true)
	c.tell()
	var err error
	select {
	case <-calm:
	case <-ctx.Done():
		err = fmt.Errorf("finish what is in flight: %w", context.Cause(ctx))
	}
	_ = c.server.Close()
	return err
}
