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

// Available lets the alphabetically first running candidate serve (LHC-21).
const Available Policy = "available"

// Settings are those of a zone that its connectors must agree on. A zero value
// stands for the default.
type Settings struct {
	HealthInterval      Duration      `json:"health_interval,omitempty"`
	Detection           Duration      `json:"detection,omitempty"`
	InitialHA           Duration      `json:"initial_ha,omitempty"`
	Recovery            Duration      `json:"recovery,omitempty"`
	Participation       Participation `json:"participation,omitempty"`
	ParticipationWindow Duration      `json:"participation_window,omitempty"`
	Policy              Policy        `json:"policy,omitempty"`
	Deadline            Duration      `json:"deadline,omitempty"`
	JoinWait            Duration      `json:"join_wait,omitempty"`
	VDAInterval         Duration      `json:"vda_interval,omitempty"`
	ReservationLife     Duration      `json:"reservation_life,omitempty"`
	TicketLife          Duration      `json:"ticket_life,omitempty"`
}

// DefaultSettings are what a zone has where it says nothing.
func DefaultSettings() Settings {
	return Settings{
		HealthInterval:      Duration(5 * time.Second),
		Detection:           Duration(time.Minute),
		InitialHA:           Duration(5 * time.Minute),
		Recovery:            Duration(5 * time.Minute),
		Participation:       StoreFrontTraffic,
		ParticipationWindow: Duration(72 * time.Hour),
		Policy:              Available,
		Deadline:            Duration(2 * time.Second),
		JoinWait:            Duration(2 * time.Second),
		VDAInterval:         Duration(5 * time.Minute),
		ReservationLife:     Duration(200 * time.Second),
		TicketLife:          Duration(100 * time.Second),
	}
}

// WithDefaults returns s with every zero value replaced by its default. An unset
// JoinWait is never shorter than the deadline.
func (s Settings) WithDefaults() Settings {
	d := DefaultSettings()
	s.HealthInterval = or(s.HealthInterval, d.HealthInterval)
	s.Detection = or(s.Detection, d.Detection)
	s.InitialHA = or(s.InitialHA, d.InitialHA)
	s.Recovery = or(s.Recovery, d.Recovery)
	s.Participation = or(s.Participation, d.Participation)
	s.ParticipationWindow = or(s.ParticipationWindow, d.ParticipationWindow)
	s.Policy = or(s.Policy, d.Policy)
	s.Deadline = or(s.Deadline, d.Deadline)
	s.JoinWait = or(s.JoinWait, max(d.JoinWait, s.Deadline))
	s.VDAInterval = or(s.VDAInterval, d.VDAInterval)
	s.ReservationLife = or(s.ReservationLife, d.ReservationLife)
	s.TicketLife = or(s.TicketLife, d.TicketLife)
	return s
}

func or[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}
