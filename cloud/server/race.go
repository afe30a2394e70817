package server

import (
	"context"
	"sync"
	"time"

	"understudy/wire"
)

// race is one call over several streams: the next one joins when the others have
// declined, ended or been slow.
type race struct {
	streams []*callStream // that have not joined
	answers chan wire.CallAnswer
	calling sync.WaitGroup
}

func newRace(streams []*callStream) *race {
	return &race{streams: streams, answers: make(chan wire.CallAnswer, len(streams))}
}

// run returns the first answer of the machine, else the last one of a connector
// that declined, else one without a status.
func (r *race) run(ctx context.Context, c wire.Call) (wire.CallAnswer, error) {
	var last wire.CallAnswer
	timer := time.NewTimer(callPatience)
	defer timer.Stop()
	for pending := r.join(ctx, c); pending > 0; {
		select {
		case a := <-r.answers:
			if a.Status != 0 && !declined(a) {
				return a, nil
			}
			if a.Status != 0 {
				last = a
			}
			pending += r.join(ctx, c) - 1
		case <-timer.C:
			pending += r.join(ctx, c)
		case <-ctx.Done():
			return wire.CallAnswer{}, ctx.Err()
		}
		timer.Reset(callPatience)
	}
	return last, ctx.Err()
}

// join lets the next stream take part, and returns how many did.
func (r *race) join(ctx context.Context, c wire.Call) int {
	if len(r.streams) == 0 {
		return 0
	}
	stream := r.streams[0]
	r.streams = r.streams[1:]
	r.calling.Go(func() {
		a, err := stream.call(ctx, c)
		if err != nil {
			a = wire.CallAnswer{}
		}
		r.answers <- a
	})
	return 1
}
