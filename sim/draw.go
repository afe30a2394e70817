package sim

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"understudy/site"
)

// CloudName is the cloud broker's as a process.
const CloudName = "cloud.sim"

// NewPlan draws a plan. A plan has some kinds of faults and lacks others, so that
// a rare combination is not always drowned by everything else.
func NewPlan(seed uint64) Plan {
	r := rand.New(rand.NewPCG(seed, 0x5eed))
	s := &script{Rand: r, shape: drawShape(r), down: map[string][]span{}}
	drawPolicy(seed, &s.shape.Settings)
	s.settings = s.shape.Settings.WithDefaults()
	s.cloud()
	for _, part := range []struct {
		percent int
		draw    func()
	}{
		{95, s.users},
		{65, s.processes},
		{55, s.network},
		{35, s.operators},
		{40, s.publications},
		{40, s.reboots},
		{25, s.clocks},
		{80, s.scenes},
	} {
		if chance(r, part.percent) {
			part.draw()
		}
	}
	s.rare()
	s.after()
	s.majors(seed)
	drawFailover(seed, &s.shape)
	return Plan{Seed: seed, Shape: s.shape, Faults: inOrder(s.faults)}
}

// inOrder sorts faults and lets no two fall on one instant.
func inOrder(faults []Fault) []Fault {
	slices.SortStableFunc(faults, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
	for i := 1; i < len(faults); i++ {
		if faults[i].At <= faults[i-1].At {
			faults[i].At = faults[i-1].At + 2*time.Microsecond
		}
	}
	return faults
}

// script is a plan while it is drawn.
type script struct {
	*rand.Rand
	shape    Shape
	settings site.Settings
	faults   []Fault
	// outages are when the cloud broker is away from everybody, down when a
	// connector is.
	outages []span
	down    map[string][]span
}

type span struct{ from, to time.Duration }

func (s span) holds(at time.Duration) bool { return s.from <= at && at < s.to }

// add keeps a fault. Timers of the product run in whole milliseconds, so what
// happens to it never falls on one: neither a beginning nor an end.
func (s *script) add(f Fault) {
	f.At = max(0, f.At).Truncate(time.Millisecond) + time.Duration(2*s.IntN(499)+1)*time.Microsecond
	if f.For > 0 {
		f.For = f.For.Truncate(time.Millisecond) + time.Duration(2*s.IntN(200)+2)*time.Microsecond
	}
	if f.At < s.shape.Length {
		s.faults = append(s.faults, f)
	}
}

// within is a moment between two.
func (s *script) within(from, to time.Duration) time.Duration {
	if to <= from {
		return from
	}
	return from + time.Duration(s.Int64N(int64(to-from)))
}

// often calls f at moments of the part with faults that are about so far apart.
func (s *script) often(apart time.Duration, f func(at time.Duration)) {
	for at := s.pause(apart); at < s.shape.Length; at += s.pause(apart) {
		f(at)
	}
}

func (s *script) pause(mean time.Duration) time.Duration {
	return time.Duration(min(s.ExpFloat64(), 5) * float64(mean))
}

// brief is a time around the deadline, on both sides of it; long one in which a
// zone enters HA mode or leaves it.
func (s *script) brief() time.Duration {
	return s.within(s.settings.Deadline.D()/5, 4*s.settings.Deadline.D())
}

func (s *script) long() time.Duration {
	return s.within(s.settings.Detection.D(), s.settings.Detection.D()+s.settings.InitialHA.D()+s.settings.Recovery.D()/2)
}

func (s *script) zone() int { return between(s.Rand, 1, s.shape.Zones) }

func (s *script) connector(zone int) string {
	return connectorAt(zone, between(s.Rand, 1, s.shape.Connectors))
}

func (s *script) desktop(zone int) string {
	return desktopAt(zone, between(s.Rand, 1, s.shape.Desktops))
}

// likely is the connector that probably serves then: the first by name that runs.
func (s *script) likely(zone int, at time.Duration) string {
	for i := range s.shape.Connectors {
		if name := connectorAt(zone, i+1); !s.away(name, at) {
			return name
		}
	}
	return connectorAt(zone, 1)
}

func (s *script) away(name string, at time.Duration) bool {
	return slices.ContainsFunc(s.down[name], func(d span) bool { return d.holds(at) })
}

// takeDown stops a connector in some way, briefly if it is the last that runs.
func (s *script) takeDown(kind Kind, zone int, name string, at, d time.Duration) {
	others := 0
	for i := range s.shape.Connectors {
		if other := connectorAt(zone, i+1); other != name && !s.away(other, at) {
			others++
		}
	}
	if others == 0 {
		d = min(d, s.brief())
	}
	s.down[name] = append(s.down[name], span{at, at + d})
	s.add(Fault{At: at, Kind: kind, Who: name, For: d})
}

func zoneAt(zone int) string { return fmt.Sprintf("z%d", zone) }

func connectorAt(zone, i int) string { return fmt.Sprintf("cc%02d.%s.sim", i, zoneAt(zone)) }

func desktopAt(zone, i int) string { return fmt.Sprintf("d%02d.%s.sim", i, zoneAt(zone)) }

func userAt(i int) string { return fmt.Sprintf("u%02d", i) }
