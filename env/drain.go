package env

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
)

// Drain ends a server in an orderly way as soon as nothing is in flight: net/http
// looks for that in growing, random intervals.
type Drain struct {
	server *http.Server

	mu     sync.Mutex // guards what follows
	active map[net.Conn]bool
	calm   chan struct{} // closed when nothing is active; nil while nobody waits
}

// NewDrain watches the connections of a server that does not serve yet.
func NewDrain(server *http.Server) *Drain {
	d := &Drain{server: server, active: map[net.Conn]bool{}}
	server.ConnState = d.see
	return d
}

func (d *Drain) see(c net.Conn, s http.ConnState) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s == http.StateActive {
		d.active[c] = true
		return
	}
	delete(d.active, c)
	d.tell()
}

// tell is called with the lock held.
func (d *Drain) tell() {
	if d.calm != nil && len(d.active) == 0 {
		close(d.calm)
		d.calm = nil
	}
}

// Stop accepts nothing more, waits for what is in flight until ctx ends, and cuts
// the rest; its error says that there was a rest.
func (d *Drain) Stop(ctx context.Context) error {
	at, cancel := context.WithCancel(context.Background())
	cancel()
	if d.server.Shutdown(at) == nil {
		return nil
	}
	calm := make(chan struct{})
	d.mu.Lock()
	d.calm = calm
	d.tell()
	d.mu.Unlock()
	var err error
	select {
	case <-calm:
	case <-ctx.Done():
		err = fmt.Errorf("finish what is in flight: %w", context.Cause(ctx))
	}
	_ = d.server.Close()
	return err
}
