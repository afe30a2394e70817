package site

import (
	"fmt"
	"time"
)

// Bounds of durations: below them no timer of a zone can keep its promise. The
// deadline is at least two heartbeats of the peer channel.
const (
	leastDuration = 10 * time.Millisecond
	leastDeadline = 200 * time.Millisecond
)

// Validate returns what is wrong with the settings; paths are their keys.
func (s Settings) Validate() []Fault {
	faults := s.durationFaults()
	if wait, deadline := s.JoinWait, s.WithDefaults().Deadline; wait > 0 && wait < deadline {
		faults = append(faults, Fault{"join_wait", fmt.Sprintf("%s is less than the deadline of %s", wait, deadline)})
	}
	switch s.Participation {
	case "", StoreFrontTraffic, Always:
	default:
		faults = append(faults, Fault{"participation", fmt.Sprintf("%q is not %s or %s", s.Participation, StoreFrontTraffic, Always)})
	}
	if s.Policy != "" && s.Policy != Available {
		faults = append(faults, Fault{"policy", fmt.Sprintf("%q is not supported by this version; %s is", s.Policy, Available)})
	}
	return faults
}

func (s Settings) durationFaults() []Fault {
	var faults []Fault
	for _, d := range []struct {
		key   string
		value Duration
		least time.Duration
	}{
		{"health_interval", s.HealthInterval, leastDuration},
		{"detection", s.Detection, leastDuration},
		{"initial_ha", s.InitialHA, leastDuration},
		{"recovery", s.Recovery, leastDuration},
		{"participation_window", s.ParticipationWindow, leastDuration},
		{"deadline", s.Deadline, leastDeadline},
		{"join_wait", s.JoinWait, leastDeadline},
		{"vda_interval", s.VDAInterval, leastDuration},
		{"reservation_life", s.ReservationLife, leastDuration},
		{"ticket_life", s.TicketLife, leastDuration},
	} {
		if d.value != 0 && d.value.D() < d.least {
			faults = append(faults, Fault{d.key, fmt.Sprintf("%s is less than %s", d.value, d.least)})
		}
	}
	return faults
}
