// Package env holds what a process takes from the world and what a simulator
// must be able to own: dialling, listening, the wall clock, randomness and the
// gate that every loop passes before it acts; and what keeps a crowd from using up
// its listeners. It opens nothing itself; agent, desktop and cloud/server take an Env
// in their Options.
package env

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"time"
)

// Env is the world as a process sees it. Durations and decisions use the
// process's own monotonic time.Now and timers; Now is only for what is stored
// or shown.
type Env struct {
	// Dial opens an outgoing connection.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Listen opens a listener.
	Listen func(ctx context.Context, network, address string) (net.Listener, error)
	// Now is the wall clock.
	Now func() time.Time
	// Rand returns the random bytes of one named stream, so that a simulator can
	// seed each user of randomness by itself. It is safe for concurrent use.
	Rand func(stream string) io.Reader
	// Gate returns at once, or holds the caller while the process is paused.
	Gate func(ctx context.Context) error
}

// Real returns the Env of an ordinary process.
func Real() Env {
	dialer := &net.Dialer{Timeout: 6 * time.Second, KeepAlive: 15 * time.Second}
	return Env{
		Dial: dialer.DialContext,
		Listen: func(ctx context.Context, network, address string) (net.Listener, error) {
			var lc net.ListenConfig
			return lc.Listen(ctx, network, address)
		},
		Now:  time.Now,
		Rand: func(string) io.Reader { return rand.Reader },
		Gate: func(ctx context.Context) error { return ctx.Err() },
	}
}

// Validate names the parts that are missing.
func (e Env) Validate() error {
	var errs []error
	for name, missing := range map[string]bool{
		"Dial": e.Dial == nil, "Listen": e.Listen == nil, "Now": e.Now == nil, "Rand": e.Rand == nil, "Gate": e.Gate == nil,
	} {
		if missing {
			errs = append(errs, errors.New("env: "+name+" is missing"))
		}
	}
	return errors.Join(errs...)
}

// Sleep waits, or returns why it need not any more.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
