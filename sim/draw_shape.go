package sim

import (
	"math/rand/v2"
	"time"

	"understudy/site"
)

// drawShape chooses a site: mostly a small one with short durations, one in twenty
// with the durations that a zone has by default.
func drawShape(r *rand.Rand) Shape {
	s := Shape{
		Zones:      pick(r, 1, 1, 1, 2),
		Connectors: pick(r, 2, 3, 3, 3, 4, 5),
		Desktops:   between(r, 5, 14),
		Users:      between(r, 3, 9),
		CloudAway:  chance(r, 30),
		Settings:   shortSettings(r),
		Length:     time.Duration(between(r, 40, 160)) * time.Second,
	}
	if chance(r, 5) {
		s.Settings = site.Settings{Participation: s.Settings.Participation}
		s.Length = time.Duration(between(r, 12, 18)) * time.Minute
	}
	if s.Connectors > 2 && chance(r, 25) {
		s.Standbys = 1
	}
	return s
}

// shortSettings bring a zone through an outage within a minute and a half.
func shortSettings(r *rand.Rand) site.Settings {
	deadline := pick(r, 500, 1000, 1000, 2000, 2000)
	s := site.Settings{
		HealthInterval:  site.Duration(time.Second),
		Detection:       site.Duration(5 * time.Second),
		DetectionMax:    milliseconds(between(r, 5000, 20000)),
		DetectionReset:  milliseconds(between(r, 30000, 120000)),
		InitialHA:       site.Duration(20 * time.Second),
		Recovery:        site.Duration(20 * time.Second),
		RecoveryMax:     milliseconds(between(r, 20000, 60000)),
		Deadline:        milliseconds(deadline),
		JoinWait:        milliseconds(deadline * pick(r, 1, 1, 2)),
		VDAInterval:     milliseconds(between(r, 2000, 8000)),
		ReservationLife: milliseconds(between(r, 8000, 30000)),
		TicketLife:      milliseconds(between(r, 5000, 20000)),
	}
	if chance(r, 30) {
		s.Participation = site.Always
	}
	return s
}

// drawPolicy has a stream of its own, so that another policy leaves the rest of
// every plan as it is.
func drawPolicy(seed uint64, s *site.Settings) {
	r := ownStream(seed, 0xe1ec7)
	s.Policy = pick(r, policies()...)
	if chance(r, 20) {
		s.Preempt = new(false)
	}
	if chance(ownStream(seed, 0xca11), 50) {
		s.CallInRate = 1 // so that who serves may change while desktops are called in
	}
	if s.Detection > 0 {
		s.PreemptAfter = milliseconds(between(r, 1000, 20000))
	}
}

// tickets stands for the failover mode of tickets in a Shape.
const tickets = "sta"

// drawFailover has a stream of its own too. Most plans keep the default: it promises
// the most. Who bounds sessions must have them counted by the next connector too.
func drawFailover(seed uint64, s *Shape) {
	r := ownStream(seed, 0xfa170e12)
	if !chance(r, 15) {
		return
	}
	modes := site.Failovers()
	if s.Limit > 0 {
		modes = []site.Failover{site.Stateful, site.Stateless}
	}
	s.Failover = map[string]site.Failover{}
	for _, name := range []string{"office", "pool", "shared", tickets} {
		s.Failover[name] = pick(r, modes...)
	}
}

// ownStream is a stream of random numbers by itself.
func ownStream(seed, name uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, name)) }

// policies are those that a plan may have.
func policies() []site.Policy { return []site.Policy{site.Available, site.Available, site.Majority} }

func milliseconds(n int) site.Duration { return site.Duration(time.Duration(n) * time.Millisecond) }

// chance is true in so many of a hundred cases.
func chance(r *rand.Rand, percent int) bool { return r.IntN(100) < percent }

// between is a number from a to b, both of them too.
func between(r *rand.Rand, a, b int) int { return a + r.IntN(b-a+1) }

func pick[T any](r *rand.Rand, choices ...T) T { return choices[r.IntN(len(choices))] }
