package desktop

import (
	"context"
	"io"
	"sync"
	"time"

	"understudy/env"
	"understudy/site"
	"understudy/wire"
)

// resetTime is how long a simulated desktop takes to boot again.
const resetTime = time.Second

// Simulated is a provider without a host: nobody connects unless told to, and a
// reset is a pause.
type Simulated struct {
	// Machine is whose address clients get.
	Machine site.FQDN
	// Connect lets users in so long after a prepare; zero leaves that to the
	// simulation's own paths.
	Connect time.Duration
	// Rand names boots.
	Rand io.Reader

	once   sync.Once
	events chan delayed
}

type delayed struct {
	after time.Duration
	event Event
}

// Prepare answers at once, and has the user connect if it was told to.
func (s *Simulated) Prepare(ctx context.Context, seat Seat) (wire.Prepared, error) {
	prepared := wire.Prepared{Address: string(s.Machine), Port: 3389, Protocol: "rdp"}
	if s.Connect <= 0 || seat.State == wire.Active {
		return prepared, nil
	}
	return prepared, s.send(ctx, delayed{s.Connect, Event{Session: seat.ID, Event: wire.SessionConnected}})
}

// End has nothing to end.
func (s *Simulated) End(context.Context, wire.Session) error { return nil }

// Disconnect sends the user away.
func (s *Simulated) Disconnect(ctx context.Context, session wire.Session) error {
	return s.send(ctx, delayed{0, Event{Session: session.ID, Event: wire.SessionDisconnected}})
}

// Reset boots the simulated host.
func (s *Simulated) Reset(ctx context.Context) error {
	return s.send(ctx, delayed{resetTime, Event{Boot: env.Short(s.Rand, 10)}})
}

// Watch lets what was asked for happen in its time.
func (s *Simulated) Watch(ctx context.Context, tell func(Event) error) error {
	var running sync.WaitGroup
	defer running.Wait()
	for {
		select {
		case <-ctx.Done():
			return nil
		case d := <-s.queue():
			running.Go(func() {
				if wait(ctx, d.after) == nil {
					// A session that is gone by now has nobody who connects.
					_ = tell(d.event)
				}
			})
		}
	}
}

func (s *Simulated) send(ctx context.Context, d delayed) error {
	select {
	case s.queue() <- d:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Simulated) queue() chan delayed {
	s.once.Do(func() { s.events = make(chan delayed) })
	return s.events
}

// wait pauses for d, or until ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
