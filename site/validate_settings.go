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
	// Under majority a word must be echoed and used within the deadline.
	leastMajorityDeadline = 400 * time.Millisecond
	// No zone has more desktops to call in a second.
	mostCallInRate = 100_000
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
	switch s.Policy {
	case "", Available:
	case Majority:
		if d := s.Deadline.D(); d != 0 && d < leastMajorityDeadline {
			faults = append(faults, Fault{"deadline", fmt.Sprintf("%s is less than %s, which the policy %s needs", s.Deadline, leastMajorityDeadline, Majority)})
		}
	default:
		faults = append(faults, Fault{"policy", fmt.Sprintf("%q is not %s or %s", s.Policy, Available, Majority)})
	}
	if s.CallInRate < 0 || s.CallInRate > mostCallInRate {
		faults = append(faults, Fault{"call_in_rate", fmt.Sprintf("%d is not within 1 to %d", s.CallInRate, mostCallInRate)})
	}
	return append(faults, s.growthFaults()...)
}

// growthFaults: what grows when outages repeat has room to grow (LHC-19).
func (s Settings) growthFaults() []Fault {
	var faults []Fault
	d := s.WithDefaults()
	if s.DetectionMax > 0 && s.DetectionMax < d.Detection {
		faults = append(faults, Fault{"detection_max", fmt.Sprintf("%s is less than detection, which is %s", s.DetectionMax, d.Detection)})
	}
	if s.RecoveryMax > 0 && s.RecoveryMax < d.Recovery {
		faults = append(faults, Fault{"recovery_max", fmt.Sprintf("%s is less than recovery, which is %s", s.RecoveryMax, d.Recovery)})
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
		{"detection_max", s.DetectionMax, leastDuration},
		{"detection_reset", s.DetectionReset, leastDuration},
		{"initial_ha", s.InitialHA, leastDuration},
		{"recovery", s.Recovery, leastDuration},
		{"recovery_max", s.RecoveryMax, leastDuration},
		{"participation_window", s.ParticipationWindow, leastDuration},
		{"deadline", s.Deadline, leastDeadline},
		{"join_wait", s.JoinWait, leastDeadline},
		{"preempt_after", s.PreemptAfter, leastDuration},
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
