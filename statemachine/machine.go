// Package statemachine decides when a connector enters and leaves HA mode
// (LHC-10 to LHC-18): the five states, the transition table, and the function
// that chooses an event from facts. It reads no clock and does nothing itself;
// agent gathers the facts, asks for the decision and applies it.
package statemachine

import (
	"context"
	"fmt"
	"time"

	"github.com/looplab/fsm"

	"understudy/zone"
)

// Decision is what is to happen next; Event is None when nothing is.
type Decision struct {
	Event  Event
	From   zone.State
	To     zone.State
	Reason string
}

// Transition is a decision that was carried out.
type Transition struct {
	Decision
	At time.Time
}

// Machine is the state of one connector. It is not safe for concurrent use: the
// loop of the agent owns it.
type Machine struct {
	fsm          *fsm.FSM
	entered      time.Time
	allUnhealthy watch
	allHealthy   watch
}

// New returns a machine in the state that a start resumed; that is no transition.
func New(now time.Time, resumed zone.State) *Machine {
	return &Machine{fsm: fsm.NewFSM(string(resumed), events(), fsm.Callbacks{}), entered: now}
}

// State is the present state.
func (m *Machine) State() zone.State { return zone.State(m.fsm.Current()) }

// Entered is when this connector entered the state, on its monotonic clock.
func (m *Machine) Entered() time.Time { return m.entered }

// Decide says what is to happen, given the facts and how long they have held. It
// must be called often: its stopwatches see only what it is shown.
func (m *Machine) Decide(now time.Time, in Inputs, t Timings) Decision {
	m.allUnhealthy.see(now, len(in.Present) > 0 && all(in.Present, false))
	m.allHealthy.see(now, len(in.Present) > 0 && all(in.Present, true))
	f := facts{
		Inputs:       in,
		dwell:        now.Sub(m.entered),
		allUnhealthy: m.allUnhealthy.held(now),
		allHealthy:   m.allHealthy.held(now),
	}
	from := m.State()
	event, reason := next(from, f, t)
	to, _ := target(from, event)
	return Decision{Event: event, From: from, To: to, Reason: reason}
}

// Fire carries out a decision. The table guards it: what it does not allow is an
// error and changes nothing.
func (m *Machine) Fire(ctx context.Context, now time.Time, d Decision) (Transition, error) {
	if m.State() != d.From {
		return Transition{}, fmt.Errorf("fire %s: the decision was made in %s, the state is %s", d.Event, d.From, m.State())
	}
	// A cancelled context would leave looplab/fsm in a transition for good.
	if err := m.fsm.Event(context.WithoutCancel(ctx), string(d.Event)); err != nil {
		return Transition{}, fmt.Errorf("fire %s in %s: %w", d.Event, d.From, err)
	}
	m.entered = now
	return Transition{Decision: d, At: now}, nil
}

func all(present []Present, healthy bool) bool {
	for _, p := range present {
		if p.Healthy != healthy {
			return false
		}
	}
	return true
}

// watch is a stopwatch that runs while something holds.
type watch struct {
	on    bool
	since time.Time
}

func (w *watch) see(now time.Time, holds bool) {
	if holds && !w.on {
		w.since = now
	}
	w.on = holds
}

// held is for how long it has held; negative when it does not.
func (w *watch) held(now time.Time) time.Duration {
	if !w.on {
		return -1
	}
	return now.Sub(w.since)
}
