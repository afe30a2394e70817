package sim

import "time"

// scenes puts faults together that belong together: what goes wrong for a site
// goes wrong in the middle of something else.
func (s *script) scenes() {
	for _, o := range s.outages {
		for range pick(s.Rand, 0, 1, 1, 2) {
			zone := s.zone()
			at := s.within(o.from, min(o.to+s.settings.Recovery.D(), s.shape.Length))
			scene := pick(s.Rand, s.loseElected, s.pauseElected, s.halve, s.startOver, s.cascade, s.silence, s.surprise, s.hosts, s.chain, s.forced)
			scene(zone, at)
		}
	}
}

// loseElected takes away the one that serves, and sometimes the next one too.
func (s *script) loseElected(zone int, at time.Duration) {
	for range pick(s.Rand, 1, 1, 2) {
		d := pick(s.Rand, s.brief, s.long)()
		if chance(s.Rand, 50) {
			s.crowd(zone, at-s.within(0, 500*time.Millisecond))
		}
		s.takeDown(pick(s.Rand, Crash, Crash, Restart), zone, s.likely(zone, at), at, d)
		at += s.brief()
	}
}

// pauseElected stops the one that serves while users want something of it.
func (s *script) pauseElected(zone int, at time.Duration) {
	who := s.likely(zone, at)
	s.crowd(zone, at-50*time.Millisecond)
	d := s.brief()
	s.takeDown(Pause, zone, who, at, d)
	s.crowd(zone, at+d)
}

// halve cuts a zone in two while the cloud broker changes the site.
func (s *script) halve(zone int, at time.Duration) {
	d := pick(s.Rand, s.brief, s.long)()
	middle := between(s.Rand, 1, s.shape.Connectors-1)
	for a := 1; a <= middle; a++ {
		for b := middle + 1; b <= s.shape.Connectors; b++ {
			s.add(Fault{At: at, Kind: Cut, Who: connectorAt(zone, a), Other: connectorAt(zone, b), For: d})
		}
	}
	s.add(Fault{At: at - s.brief(), Kind: Change, N: s.IntN(1000)})
	s.crowd(zone, at+d/2)
}

// startOver restarts the whole zone within the outage.
func (s *script) startOver(zone int, at time.Duration) {
	kind := pick(s.Rand, Crash, Restart)
	for i := range s.shape.Connectors {
		s.takeDown(kind, zone, connectorAt(zone, i+1), at+s.within(0, s.settings.Deadline.D()), s.brief())
	}
}

// cascade restarts one connector after the other, as an update does.
func (s *script) cascade(zone int, at time.Duration) {
	for i := range s.shape.Connectors {
		d := s.brief()
		s.takeDown(Restart, zone, connectorAt(zone, i+1), at, d)
		at += d + s.brief()
	}
}

// silence lets one connector sleep through the end of an outage that it was in.
func (s *script) silence(zone int, at time.Duration) {
	s.takeDown(pick(s.Rand, Crash, Pause), zone, s.connector(zone), at, 2*s.long())
}

// surprise publishes sites and lets connectors die as they import them.
func (s *script) surprise(zone int, at time.Duration) {
	s.add(Fault{At: at, Kind: Change, N: s.IntN(1000)})
	for range between(s.Rand, 1, 3) {
		at += s.within(0, s.settings.Deadline.D())
		s.takeDown(pick(s.Rand, Crash, Pause), zone, s.connector(zone), at, s.brief())
	}
}

// crowd lets many users want one thing at nearly the same moment.
func (s *script) crowd(zone int, at time.Duration) {
	n := s.IntN(1000)
	for i := range s.shape.Users {
		s.add(Fault{At: at + s.within(0, 200*time.Millisecond), Kind: Launch, Who: userAt(i + 1), Other: zoneAt(zone), N: n})
	}
}

// hosts crash just as users get their desktops.
func (s *script) hosts(zone int, at time.Duration) {
	s.crowd(zone, at)
	for i := range s.shape.Desktops {
		if chance(s.Rand, 50) {
			late := s.within(0, 600*time.Millisecond)
			s.add(Fault{At: at + late, Kind: Crash, Who: desktopAt(zone, i+1), For: s.brief()})
		}
	}
	s.crowd(zone, at+s.brief())
}

// chain leaves a zone in which only neighbours hear each other.
func (s *script) chain(zone int, at time.Duration) {
	d, line := s.long(), s.Perm(s.shape.Connectors)
	for i, a := range line {
		for _, b := range line[min(i+2, len(line)):] {
			s.add(Fault{At: at, Kind: Cut, Who: connectorAt(zone, a+1), Other: connectorAt(zone, b+1), For: d})
		}
	}
}

// forced lets an operator order something just as the one who would do it goes.
func (s *script) forced(zone int, at time.Duration) {
	s.add(Fault{At: at, Kind: pick(s.Rand, Force, Clear), Who: s.connector(zone)})
	s.takeDown(Crash, zone, s.likely(zone, at), at+s.within(0, 200*time.Millisecond), s.brief())
	s.add(Fault{At: at + s.long(), Kind: Clear, Who: s.connector(zone)})
}
