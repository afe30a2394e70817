package sim

import (
	"slices"
	"time"

	"understudy/site"
)

// rare draws what few sites see, after everything else, so that the rest of a plan
// does not hang on it.
func (s *script) rare() {
	if chance(s.Rand, 25) {
		s.leave()
	}
	if chance(s.Rand, 50) {
		s.blind()
	}
	if chance(s.Rand, 50) {
		s.answered()
	}
	if s.settings.Policy != site.Majority || s.shape.Connectors < 3 {
		return
	}
	if chance(s.Rand, 25) {
		s.jump()
	}
	if chance(s.Rand, 40) {
		s.abandon()
	}
}

// answered lets the one that serves crash just after it has answered many.
func (s *script) answered() {
	for _, o := range s.outages {
		zone := s.zone()
		at := s.within(o.from+s.settings.Detection.D()+s.settings.VDAInterval.D(), o.to+s.settings.Recovery.D())
		s.crowd(zone, at)
		s.takeDown(Crash, zone, s.likely(zone, at), at+s.within(300*time.Millisecond, 900*time.Millisecond), s.brief())
	}
}

// blind takes the cloud broker from one connector alone, for long enough that the
// zone would take over, or could not recover, if that one alone counted.
func (s *script) blind() {
	zone := s.zone()
	at := s.within(0, s.shape.Length*3/4)
	who := pick(s.Rand, s.likely(zone, at), s.connector(zone))
	s.add(Fault{At: at, Kind: CloudCut, Who: who, For: s.settings.DetectionMax.D() + s.settings.Detection.D() + s.long()})
}

// leave takes one connector away for good. Under majority the others must still be
// enough.
func (s *script) leave() {
	relists := slices.ContainsFunc(s.faults, func(f Fault) bool { return f.Kind == Standby || f.Kind == Jump })
	if s.settings.Policy == site.Majority && (relists || s.shape.Connectors-s.shape.Standbys < 3) {
		return
	}
	s.add(Fault{At: s.within(0, s.shape.Length*3/4), Kind: Leave, Who: s.connector(s.zone())})
}

// jump publishes a site with two active connectors fewer, and takes that back.
func (s *script) jump() {
	zone := s.zone()
	line := s.Perm(s.shape.Connectors - s.shape.Standbys)
	if len(line) < 3 {
		return
	}
	f := Fault{At: s.within(0, s.shape.Length/2), Kind: Jump, Who: connectorAt(zone, line[0]+1), Other: connectorAt(zone, line[1]+1), N: 1}
	s.add(f)
	f.At, f.N = s.within(f.At+s.settings.Detection.D(), s.shape.Length-time.Second), 0
	s.add(f)
}

// abandon leaves one connector without a majority in an outage, and lets an
// operator promote it.
func (s *script) abandon() {
	for _, o := range s.outages {
		zone, left := s.zone(), between(s.Rand, 1, s.shape.Connectors-s.shape.Standbys)
		at := s.within(o.from, o.to)
		for i := range s.shape.Connectors {
			if i+1 != left {
				s.add(Fault{At: at, Kind: Crash, Who: connectorAt(zone, i+1), For: s.long()})
			}
		}
		at += s.settings.Detection.D() + s.brief()
		for range 3 {
			s.add(Fault{At: at, Kind: Promote, Who: connectorAt(zone, left)})
			at += s.brief()
		}
		if chance(s.Rand, 60) {
			return
		}
	}
}
