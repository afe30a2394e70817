package sim_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"understudy/sim"
	"understudy/site"
)

// short are durations under which an outage is over within two minutes.
func short() site.Settings {
	return site.Settings{
		Detection: site.Duration(5 * time.Second), InitialHA: site.Duration(20 * time.Second), Recovery: site.Duration(20 * time.Second),
		RecoveryMax: site.Duration(40 * time.Second), DetectionMax: site.Duration(10 * time.Second),
		VDAInterval: site.Duration(20 * time.Second), ReservationLife: site.Duration(20 * time.Second),
	}
}

// story is an outage in which the elected connector crashes and users work.
func story(seed uint64) sim.Plan {
	return sim.Plan{
		Seed: seed, Shape: sim.Shape{Zones: 1, Connectors: 3, Desktops: 20, Users: 5, Settings: short(), Length: 3 * time.Minute},
		Faults: []sim.Fault{
			{At: time.Second, Kind: sim.Launch, Who: "u01", Other: "z1", N: 1},
			{At: 5 * time.Second, Kind: sim.CloudCrash, For: 60 * time.Second},
			{At: 30 * time.Second, Kind: sim.Launch, Who: "u02", Other: "z1", N: 2},
			{At: 35 * time.Second, Kind: sim.Crash, Who: "cc01.z1.sim", For: 10 * time.Second},
			{At: 50 * time.Second, Kind: sim.Logoff, Who: "u02", Other: "z1"},
			{At: 60 * time.Second, Kind: sim.Pause, Who: "cc01.z1.sim", For: 8 * time.Second},
			{At: 100 * time.Second, Kind: sim.Change, N: 1},
			{At: 110 * time.Second, Kind: sim.Cut, Who: "cc01.z1.sim", Other: "cc02.z1.sim", For: 9 * time.Second},
			{At: 115 * time.Second, Kind: sim.Restart, Who: "cc02.z1.sim", For: 9 * time.Second},
			{At: 120 * time.Second, Kind: sim.Reboot, Who: "d04.z1.sim", For: 9 * time.Second},
			{At: 130 * time.Second, Kind: sim.CloudFlap, For: 10 * time.Second, N: 3},
		},
	}
}

// A whole site goes through an outage in a bubble, and every rule holds.
func TestPlay(t *testing.T) {
	out := sim.Play(t, story(1))
	for _, v := range out.Broken {
		t.Errorf("%s: %s: %s", v.At, v.Rule, v.Text)
	}
	if out.Served != 2 {
		t.Errorf("%d launches were answered, want 2", out.Served)
	}
	show(t, out)
}

func show(t *testing.T, out sim.Outcome) {
	t.Helper()
	if !testing.Verbose() && !t.Failed() {
		return
	}
	for _, l := range out.Trace {
		t.Log(l.At, l.Who, l.Text)
	}
}

// The same plan gives the same trace, byte for byte, on one processor as all seeds are
// played: on two the scheduler orders what a process does in the instant of its stop.
func TestSamePlanSameTrace(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for seed := range uint64(3) {
		first, second := sim.Play(t, story(seed)), sim.Play(t, story(seed))
		if at, ok := differ(first.Trace, second.Trace); ok {
			t.Errorf("seed %d: the traces part at line %d:\n%s\n%s", seed, at, around(first.Trace, at), around(second.Trace, at))
		}
	}
}

func differ(a, b []sim.Line) (int, bool) {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i, true
		}
	}
	return min(len(a), len(b)), len(a) != len(b)
}

func around(lines []sim.Line, at int) string {
	text := ""
	for _, l := range lines[max(0, at-2):min(len(lines), at+3)] {
		text += fmt.Sprintf("  %s %s %s\n", l.At, l.Who, l.Text)
	}
	return text
}
