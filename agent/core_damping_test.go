package agent

import (
	"testing"
	"time"

	"understudy/site"
	"understudy/statemachine"
	"understudy/wire"
	"understudy/zone"
)

// defaultPeriods are the zone's settings as shipped, with the simulation's deadline.
func defaultPeriods() site.Settings {
	return site.Settings{Deadline: site.Duration(time.Second), JoinWait: site.Duration(time.Second)}.WithDefaults()
}

// LHC-19: "the detection and recovery periods grow between an initial and a maximum
// value, and reset after a quiet time."
func TestPeriodsGrow(t *testing.T) {
	for _, c := range []struct {
		name      string
		level     int
		open      bool
		quiet     time.Duration
		detection time.Duration
		recovery  time.Duration
	}{
		{"before the first outage", 0, false, 0, time.Minute, 5 * time.Minute},
		{"in the first outage", 1, true, 0, time.Minute, 5 * time.Minute},
		{"after the first", 1, false, 0, 2 * time.Minute, 10 * time.Minute},
		{"in the second", 2, true, 0, 2 * time.Minute, 10 * time.Minute},
		{"capped", 9, true, 0, 2 * time.Minute, 30 * time.Minute},
		{"just before the quiet time is over", 9, false, time.Hour - 1, 2 * time.Minute, 30 * time.Minute},
		{"after detection_reset of quiet", 9, false, time.Hour, time.Minute, 5 * time.Minute},
		{"no quiet in an outage", 2, true, 2 * time.Hour, 2 * time.Minute, 10 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := zone.Record{Number: 4, Mode: zone.Normal, Outage: "x", Level: c.level}
			if c.open {
				r.Mode = zone.ExtendedHA
			}
			core := newCore("c0", r, 4, simNow)
			got := core.timings(simNow.Add(c.quiet), defaultPeriods())
			want := statemachine.Timings{Detection: c.detection, InitialHA: 5 * time.Minute, Recovery: c.recovery}
			if got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

// LHC-18, LHC-19: forced outages and drills do not raise the level; it outlives a
// succession and a restart of everybody.
func TestLevelIsOfTheZone(t *testing.T) {
	z := outage(t, 3)
	if got := z.nodes[0].core.record.Level; got != 1 {
		t.Fatalf("got level %d in the first outage, want 1", got)
	}
	z.crash(0)
	z.until("c1 serves", 4*time.Second, z.served("c1"))
	z.crash(1)
	z.crash(2)
	z.start(1)
	z.start(2)
	z.until("c1 serves", 4*time.Second, z.served("c1"))
	z.cloud(true)
	z.until("Normal", 15*time.Second, func() bool { return z.all(zone.Normal) })
	z.nodes[1].order = &wire.OutageOrder{Action: "force", By: "op"}
	z.until("a drill", 5*time.Second, func() bool { return z.all(zone.InitialHA) && z.forced() || z.all(zone.ExtendedHA) })
	if got := z.nodes[1].core.record.Level; got != 1 {
		t.Errorf("got level %d after a succession, a restart and a drill, want 1", got)
	}
}

// outagesIn bounds how many outages begin in a time, whatever the link does: each
// takes at least its detection, initial and recovery periods.
func outagesIn(d time.Duration, s site.Settings) int {
	n, at := 0, time.Duration(0)
	for {
		if at += min(s.Detection.D()<<n, s.DetectionMax.D()); at > d {
			return n
		}
		at += s.InitialHA.D() + min(s.Recovery.D()<<n, s.RecoveryMax.D())
		n++
	}
}

// LHC-19, "under a link that flaps for an hour the number of transitions is bounded
// and documented": a link that is down exactly when that does most harm, and links
// that flap in a steady rhythm. Each connector makes at most one transition for each check
// whose result changed, and four for each outage.
func TestFlappingLinkForAnHour(t *testing.T) {
	worst := func(z *simZone, _ int) bool { return z.nodes[0].core.record.Open() }
	every := func(seconds int) func(*simZone, int) bool {
		return func(_ *simZone, second int) bool { return second/seconds%2 == 0 }
	}
	for name, healthy := range map[string]func(*simZone, int) bool{"at the worst moments": worst, "every 7 s": every(7), "every 100 s": every(100), "every 400 s": every(400)} {
		t.Run(name, func(t *testing.T) {
			z := newSim(t, 3, 4)
			z.settings = defaultPeriods()
			z.until("c0 is elected", 10*time.Second, func() bool { return len(z.offices()) == 1 && z.agree() })
			changed, was := 0, []bool{true, true, true}
			for second := range 3600 {
				z.cloud(healthy(z, second))
				for range int(time.Second / simStep) {
					z.step()
					for i, n := range z.nodes {
						if n.checked && n.healthy != was[i] {
							was[i], changed = n.healthy, changed+1
						}
					}
				}
			}
			bound := outagesIn(time.Hour, z.settings)
			if z.outages > bound || name == "at the worst moments" && z.outages != bound {
				t.Errorf("got %d outages in an hour, want at most %d", z.outages, bound)
			}
			for _, n := range z.nodes {
				if limit := changed + 4*z.outages; len(n.moves) > limit {
					t.Errorf("%s made %d transitions, want at most %d", n.name, len(n.moves), limit)
				}
			}
			t.Logf("%d outages, %d changes of health, %d transitions of c0", z.outages, changed, len(z.nodes[0].moves))
		})
	}
}
