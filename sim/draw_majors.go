package sim

import (
	"slices"
	"time"
)

// majors upgrades a zone to another major version of the peer channel, one connector
// after the other, and back. It has a stream of its own, and comes last, so that the rest
// of a plan stays as it is.
func (s *script) majors(seed uint64) {
	s.Rand = ownStream(seed, 0xadc04)
	if !chance(s.Rand, 30) {
		return
	}
	zone, at := s.zone(), s.within(0, s.shape.Length*2/3)
	if len(s.outages) > 0 && chance(s.Rand, 75) {
		o := pick(s.Rand, s.outages...)
		at = s.within(o.from-s.long(), o.to+s.settings.Recovery.D())
	}
	for _, major := range pick(s.Rand, []int{2}, []int{2}, []int{2, 1}, []int{2, 1, 2}) {
		at = s.roll(zone, major, at) + pick(s.Rand, s.brief, s.long)()
	}
	if chance(s.Rand, 60) {
		s.takeDown(pick(s.Rand, Crash, Restart), zone, s.likely(zone, at), at, s.long())
	}
}

// roll brings the connectors of a zone to a version: mostly who serves comes last, and
// some are left as they were. It returns when the last of them is back.
func (s *script) roll(zone, major int, at time.Duration) time.Duration {
	line := s.Perm(s.shape.Connectors)
	if chance(s.Rand, 50) {
		slices.SortFunc(line, func(a, b int) int { return b - a })
	}
	if chance(s.Rand, 60) {
		line = line[:between(s.Rand, 1, len(line)-1)]
	}
	for _, i := range line {
		d, who := s.brief(), connectorAt(zone, i+1)
		s.down[who] = append(s.down[who], span{at, at + d})
		s.add(Fault{At: at, Kind: Upgrade, Who: who, For: d, N: major})
		at += d + pick(s.Rand, s.brief, s.brief, s.long)()
	}
	return at
}
