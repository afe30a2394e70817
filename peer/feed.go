package peer

import (
	"context"
	"encoding/json"
	"time"
)

// feed is the body of a facts request: each read takes the newest facts at that
// moment, one line of JSON. Nothing is ever queued, so a peer that reads slowly
// skips values.
type feed struct {
	ctx  context.Context
	link *link
	rest []byte
	next *time.Timer
}

func newFeed(ctx context.Context, l *link) *feed {
	return &feed{ctx: ctx, link: l, next: time.NewTimer(0)}
}

// Read waits until there is something to say.
func (f *feed) Read(p []byte) (int, error) {
	for len(f.rest) == 0 {
		if err := f.wait(); err != nil {
			return 0, err
		}
		if err := f.take(); err != nil {
			return 0, err
		}
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

func (f *feed) wait() error {
	select {
	case <-f.ctx.Done():
		return f.ctx.Err() // the connection is closed, without an end of the body
	case <-f.link.fresh:
	case <-f.next.C:
	}
	f.next.Reset(f.link.mesh.o.Interval)
	return f.link.mesh.o.Env.Gate(f.ctx)
}

func (f *feed) take() error {
	facts, ok := f.link.mesh.latest(time.Now())
	if !ok {
		return nil
	}
	line, err := json.Marshal(facts)
	f.rest = append(line, '\n')
	return err
}

// Close is called by the transport when the request is over.
func (f *feed) Close() error {
	f.next.Stop()
	return nil
}
