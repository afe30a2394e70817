package sim

import "time"

// cloud takes the cloud broker away, in one way or another: for less than the
// detection period, or for long enough that the zone must take over.
func (s *script) cloud() {
	apart := s.settings.Detection.D() + s.settings.InitialHA.D()
	for at := s.pause(apart / 2); at < s.shape.Length; {
		d := s.long()
		if chance(s.Rand, 30) {
			d = s.within(s.settings.HealthInterval.D(), s.settings.Detection.D())
		}
		s.outage(at, d)
		at += d + s.pause(apart)
	}
}

func (s *script) outage(at, d time.Duration) {
	s.outages = append(s.outages, span{at, at + d})
	f := Fault{At: at, For: d}
	switch n := s.IntN(100); {
	case n < 35:
		f.Kind = CloudCrash
	case n < 45:
		f.Kind = CloudPause
	case n < 52:
		f.Kind, f.N = CloudSlow, between(s.Rand, 200, 12000)
	case n < 62:
		f.Kind, f.N = CloudErrors, pick(s.Rand, 30, 70, 100, 100)
	case n < 70:
		f.Kind, f.N = CloudGarbage, pick(s.Rand, 30, 70, 100, 100)
	case n < 80:
		f.Kind, f.N = CloudFlap, between(s.Rand, 2, 12)
	case n < 85:
		f.Kind, f.For = CloudRestart, s.brief()
	default:
		s.cutCloud(at, d)
		return
	}
	s.add(f)
}

// cutCloud takes the cloud broker from all connectors of a zone, or from some,
// not quite at once.
func (s *script) cutCloud(at, d time.Duration) {
	zone, all := s.zone(), chance(s.Rand, 50)
	for i := range s.shape.Connectors {
		if all || chance(s.Rand, 50) {
			late := s.within(0, 2*s.settings.HealthInterval.D())
			s.add(Fault{At: at + late, Kind: CloudCut, Who: connectorAt(zone, i+1), For: d})
		}
	}
}

// processes stops connectors and lets them run again.
func (s *script) processes() {
	s.often(s.settings.Detection.D()*3, func(at time.Duration) {
		zone := s.zone()
		d := s.brief()
		if chance(s.Rand, 25) {
			d = s.long()
		}
		s.takeDown(pick(s.Rand, Crash, Crash, Restart, Pause, Pause), zone, s.connector(zone), at, d)
	})
}

// network breaks, delays and loses what goes between connectors, and sometimes
// between a connector and a desktop or the cloud broker.
func (s *script) network() {
	s.often(s.settings.Detection.D()*2, func(at time.Duration) {
		zone := s.zone()
		f := Fault{At: at, Who: s.connector(zone), Other: s.connector(zone), For: s.brief()}
		if chance(s.Rand, 35) {
			f.For = s.long()
		}
		switch s.IntN(8) {
		case 0:
			f.Other = s.desktop(zone)
		case 1:
			f.Other = CloudName
		}
		if f.Who == f.Other {
			return
		}
		f.Kind = pick(s.Rand, Cut, Cut, CutOneWay, CutOneWay, Slow, Lossy)
		switch f.Kind {
		case CutOneWay:
			if chance(s.Rand, 50) {
				f.Who, f.Other = f.Other, f.Who
			}
		case Slow:
			f.N = between(s.Rand, 1, int(s.settings.Deadline.D().Milliseconds()/3))
		case Lossy:
			f.N = between(s.Rand, 5, 60)
		default:
		}
		s.add(f)
	})
	if chance(s.Rand, 30) {
		s.add(Fault{At: s.within(0, s.shape.Length), Kind: Heal})
	}
}

// operators force and clear, and move the office about.
func (s *script) operators() {
	s.often(s.settings.InitialHA.D()*2, func(at time.Duration) {
		zone := s.zone()
		switch n := s.IntN(10); {
		case n < 5:
			s.add(Fault{At: at, Kind: Force, Who: s.connector(zone)})
			s.add(Fault{At: at + s.long(), Kind: Clear, Who: s.connector(zone)})
		case n < 6:
			s.add(Fault{At: at, Kind: Clear, Who: s.connector(zone)})
		case n < 7:
			s.add(Fault{At: at, Kind: Promote, Who: s.connector(zone)})
		default:
			who := s.likely(zone, at)
			s.add(Fault{At: at, Kind: Drain, Who: who})
			s.add(Fault{At: at + s.long(), Kind: Undrain, Who: who})
		}
	})
}

// publications change the site, at times in quick succession.
func (s *script) publications() {
	s.often(s.settings.InitialHA.D(), func(at time.Duration) {
		if chance(s.Rand, 20) {
			zone := s.zone()
			who := s.connector(zone)
			s.add(Fault{At: at, Kind: Standby, Who: who, N: 1})
			s.add(Fault{At: at + s.long(), Kind: Standby, Who: who})
			return
		}
		for range between(s.Rand, 1, 3) {
			s.add(Fault{At: at, Kind: Change, N: s.IntN(1000)})
			at += s.brief()
		}
	})
}

// reboots ends what is on a desktop; a crash, restart or pause of the desktop agent
// does not.
func (s *script) reboots() {
	s.often(s.settings.InitialHA.D()/2, func(at time.Duration) {
		kind := pick(s.Rand, Reboot, Reboot, Crash, Restart, Pause)
		s.add(Fault{At: at, Kind: kind, Who: s.desktop(s.zone()), For: s.within(time.Second, s.settings.InitialHA.D())})
	})
}

// clocks lets wall clocks jump: by seconds, or by as much as a wrong battery does.
func (s *script) clocks() {
	s.often(s.settings.InitialHA.D(), func(at time.Duration) {
		zone := s.zone()
		f := Fault{At: at, Kind: Clock, Who: s.connector(zone), N: between(s.Rand, -90, 90)}
		switch s.IntN(6) {
		case 0:
			f.Who = CloudName
		case 1:
			f.Who = s.desktop(zone)
		case 2:
			f.N *= 86400
		}
		s.add(f)
	})
}

// users launch and leave; many want the same desktops.
func (s *script) users() {
	apart := s.within(s.settings.Detection.D()/4, s.settings.Detection.D()*3/2) / time.Duration(s.shape.Zones)
	s.often(apart, func(at time.Duration) {
		kind := pick(s.Rand, Launch, Launch, Launch, Launch, Launch, Disconnect, Reconnect, Logoff)
		for range pick(s.Rand, 1, 1, 1, 2, 3) {
			s.add(Fault{
				At: at, Kind: kind, Who: userAt(between(s.Rand, 1, s.shape.Users)), Other: zoneAt(s.zone()), N: s.IntN(1000),
			})
			at += s.within(0, 50*time.Millisecond)
		}
	})
}
