package agent

import (
	"context"
	"sync"
)

// flight bounds the invitations in flight. It grows with each answer, and shrinks when
// many are missing: a host, or a connector, that has too much to do answers none of
// them in time. A few hosts that are switched off do not make it small.
type flight struct {
	slots chan struct{}

	mu   sync.Mutex // guards kept
	kept int        // slots that are withheld
}

// Bounds of it, and how many slots a missing answer takes away.
const (
	flightMost  = 512
	flightFirst = 128
	flightLeast = 32
	flightLoss  = 3
)

func newFlight() *flight {
	w := &flight{slots: make(chan struct{}, flightMost), kept: flightMost - flightFirst}
	for range w.kept {
		w.slots <- struct{}{}
	}
	return w
}

// enter waits for a slot; whoever has it gives it back by leave.
func (w *flight) enter(ctx context.Context) error {
	select {
	case w.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// unused gives a slot back that nothing was done with.
func (w *flight) unused() { <-w.slots }

func (w *flight) leave(answered bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	free := 1
	if answered {
		grow := min(1, w.kept)
		w.kept -= grow
		free += grow
	} else if w.kept < flightMost-flightLeast {
		w.kept++
		free--
		w.withhold(flightLoss - 1)
	}
	for range free {
		<-w.slots
	}
}

// withhold takes more slots away where some are free just now.
func (w *flight) withhold(n int) {
	for range min(n, flightMost-flightLeast-w.kept) {
		select {
		case w.slots <- struct{}{}:
			w.kept++
		default:
		}
	}
}
