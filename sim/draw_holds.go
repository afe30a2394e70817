package sim

import "time"

// after draws what has come last into the plans, so that the rest of each stays as it
// was.
func (s *script) after() {
	if chance(s.Rand, 15) && !s.shape.CloudAway {
		s.mistake()
	}
	if chance(s.Rand, 15) {
		s.rollbacks()
	}
	if chance(s.Rand, 15) {
		s.shape.Limit = between(s.Rand, 2, s.shape.Users+3)
	}
	if chance(s.Rand, 50) {
		s.handBacks()
	}
}

// mistake publishes a site that lacks most machines; some accept it, some go back, and
// most notice.
func (s *script) mistake() {
	at := s.within(0, s.shape.Length*3/4)
	s.add(Fault{At: at, Kind: Suspicious, N: 1})
	if chance(s.Rand, 60) {
		for range 2 {
			at += s.within(s.settings.HealthInterval.D(), s.long())
			s.add(Fault{At: at, Kind: Accept, Who: s.connector(s.zone())})
		}
	}
	if chance(s.Rand, 30) {
		at += s.brief()
		s.add(Fault{At: at, Kind: Rollback, Who: s.connector(s.zone())})
	}
	if chance(s.Rand, 70) {
		s.add(Fault{At: at + s.long(), Kind: Suspicious})
	}
}

// rollbacks let operators go back to the version before.
func (s *script) rollbacks() {
	s.often(s.shape.Length/3, func(at time.Duration) {
		s.add(Fault{At: at, Kind: Change, N: s.IntN(1000)})
		s.add(Fault{At: at + s.long(), Kind: Rollback, Who: s.connector(s.zone())})
	})
}

// handBacks lets something die while records of outages go to the cloud broker: it,
// between taking them and publishing what contains them, or who hands them back,
// before it forgets them.
func (s *script) handBacks() {
	for _, o := range s.outages {
		zone := s.zone()
		s.crowd(zone, s.within(o.from+s.settings.Detection.D(), max(o.to, o.from+s.settings.Detection.D()+time.Second)))
		at := max(o.to, o.from+s.settings.Detection.D()+s.settings.InitialHA.D()) + s.within(0, s.settings.Recovery.D()/2)
		for range between(s.Rand, 1, 3) {
			if chance(s.Rand, 40) {
				s.add(Fault{At: at, Kind: CloudCrash, For: s.brief()})
			} else {
				s.takeDown(Crash, zone, s.likely(zone, at), at, s.brief())
			}
			s.add(Fault{At: at + s.brief(), Kind: Change, N: s.IntN(1000)})
			at += s.within(0, s.settings.Recovery.D()/2)
		}
	}
}
