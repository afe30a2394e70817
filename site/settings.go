package site

import "time"

// Participation is the gate of LHC-06: whose trouble counts.
type Participation string

// The gates.
const (
	StoreFrontTraffic Participation = "storefront-traffic"
	Always            Participation = "always"
)

// Policy is the election policy of a zone.
type Policy string

// The policies.
const (
	// Available lets the alphabetically first running candidate serve (LHC-21); each
	// part of a broken zone elects its own.
	Available Policy = "available"
	// Majority lets only that connector serve which more than half of the zone's
	// active connectors name (RAS-01, RAS-02).
	Majority Policy = "majority"
)

// Settings are those of a zone that its connectors must agree on. A zero value
// stands for the default.
type Settings struct {
	HealthInterval      Duration      `json:"health_interval,omitempty"`
	Detection           Duration      `json:"detection,omitempty"`
	DetectionMax        Duration      `json:"detection_max,omitempty"`
	DetectionReset      Duration      `json:"detection_reset,omitempty"`
	InitialHA           Duration      `json:"initial_ha,omitempty"`
	Recovery            Duration      `json:"recovery,omitempty"`
	RecoveryMax         Duration      `json:"recovery_max,omitempty"`
	Participation       Participation `json:"participation,omitempty"`
	ParticipationWindow Duration      `json:"participation_window,omitempty"`
	Policy              Policy        `json:"policy,omitempty"`
	Deadline            Duration      `json:"deadline,omitempty"`
	JoinWait            Duration      `json:"join_wait,omitempty"`
	// Preempt lets a better-ranked connector that returns take the office over.
	Preempt *bool `json:"preempt,omitempty"`
	// PreemptAfter is how long one that lost the office must be present without a
	// break before it takes it over again.
	PreemptAfter    Duration `json:"preempt_after,omitempty"`
	VDAInterval     Duration `json:"vda_interval,omitempty"`
	ReservationLife Duration `json:"reservation_life,omitempty"`
	TicketLife      Duration `json:"ticket_life,omitempty"`
	// CallIn lets whoever begins to serve invite the desktops, CallInRate that many a
	// second (NEW-02).
	CallIn     *bool `json:"call_in,omitempty"`
	CallInRate int   `json:"call_in_rate,omitempty"`
}

// DefaultSettings are what a zone has where it says nothing.
func DefaultSettings() Settings {
	return Settings{
		HealthInterval:      Duration(5 * time.Second),
		Detection:           Duration(time.Minute),
		DetectionMax:        Duration(2 * time.Minute),
		DetectionReset:      Duration(time.Hour),
		InitialHA:           Duration(5 * time.Minute),
		Recovery:            Duration(5 * time.Minute),
		RecoveryMax:         Duration(30 * time.Minute),
		Participation:       StoreFrontTraffic,
		ParticipationWindow: Duration(72 * time.Hour),
		Policy:              Available,
		Deadline:            Duration(2 * time.Second),
		JoinWait:            Duration(2 * time.Second),
		Preempt:             new(true),
		PreemptAfter:        Duration(time.Minute),
		VDAInterval:         Duration(5 * time.Minute),
		ReservationLife:     Duration(200 * time.Second),
		TicketLife:          Duration(100 * time.Second),
		CallIn:              new(true),
		CallInRate:          2000,
	}
}

// WithDefaults returns s with every zero value replaced by its default. An unset
// JoinWait is never shorter than the deadline, an unset maximum never below what
// it bounds.
func (s Settings) WithDefaults() Settings {
	d := DefaultSettings()
	s.HealthInterval = or(s.HealthInterval, d.HealthInterval)
	s.Detection = or(s.Detection, d.Detection)
	s.DetectionMax = or(s.DetectionMax, max(d.DetectionMax, s.Detection))
	s.DetectionReset = or(s.DetectionReset, d.DetectionReset)
	s.InitialHA = or(s.InitialHA, d.InitialHA)
	s.Recovery = or(s.Recovery, d.Recovery)
	s.RecoveryMax = or(s.RecoveryMax, max(d.RecoveryMax, s.Recovery))
	s.Participation = or(s.Participation, d.Participation)
	s.ParticipationWindow = or(s.ParticipationWindow, d.ParticipationWindow)
	s.Policy = or(s.Policy, d.Policy)
	s.Deadline = or(s.Deadline, d.Deadline)
	s.JoinWait = or(s.JoinWait, max(d.JoinWait, s.Deadline))
	s.Preempt = or(s.Preempt, d.Preempt)
	s.PreemptAfter = or(s.PreemptAfter, d.PreemptAfter)
	s.VDAInterval = or(s.VDAInterval, d.VDAInterval)
	s.ReservationLife = or(s.ReservationLife, d.ReservationLife)
	s.TicketLife = or(s.TicketLife, d.TicketLife)
	s.CallIn = or(s.CallIn, d.CallIn)
	s.CallInRate = or(s.CallInRate, d.CallInRate)
	return s
}

// Preempts reports whether a better-ranked connector takes the office over when it
// returns (LHC-23).
func (s Settings) Preempts() bool { return s.Preempt == nil || *s.Preempt }

// CallsIn reports whether desktops are invited at the beginning and the end of an
// outage (NEW-02).
func (s Settings) CallsIn() bool { return s.CallIn == nil || *s.CallIn }

func or[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}
