package sim

import (
	"reflect"
	"testing"
	"time"
)

// Issue 3: what a plan does to a site follows from its seed alone.
func TestOneSeedDrawsOnePlan(t *testing.T) {
	for seed := range uint64(200) {
		if a, b := NewPlan(seed), NewPlan(seed); !reflect.DeepEqual(a, b) {
			t.Fatalf("seed %d draws two plans:\n%v\n%v", seed, a, b)
		}
	}
}

// Issue 3: settings that a site may have, and faults between the ticks of the
// product, never on them.
func TestPlansAreValid(t *testing.T) {
	for seed := range uint64(2000) {
		p := NewPlan(seed)
		for _, fault := range p.Shape.Settings.Validate() {
			t.Errorf("seed %d: settings: %s", seed, fault)
		}
		last := time.Duration(-1)
		for _, f := range p.Faults {
			if f.At <= last || f.At%time.Millisecond == 0 || f.For > 0 && (f.At+f.For)%time.Millisecond == 0 {
				t.Errorf("seed %d: %s at %s: falls on a tick or on the fault before", seed, f, f.At)
			}
			last = f.At
		}
	}
}

// Issue 3: every kind of fault is drawn, the defaults in one plan of twenty.
func TestPlansHaveEveryKind(t *testing.T) {
	kinds, slow := map[Kind]int{}, 0
	for seed := range uint64(1000) {
		p := NewPlan(seed)
		if p.Shape.Settings.Detection == 0 {
			slow++
		}
		for _, f := range p.Faults {
			kinds[f.Kind]++
		}
	}
	for _, k := range []Kind{
		Crash, Restart, Upgrade, Pause, Cut, CutOneWay, Heal, Slow, Lossy, CloudCrash, CloudRestart, CloudPause, CloudSlow, CloudErrors,
		CloudGarbage, CloudFlap, CloudCut, Force, Clear, Promote, Drain, Undrain, Standby, Change, Reboot, Launch, Disconnect,
		Reconnect, Logoff, Clock, Suspicious, Accept, Rollback,
	} {
		if kinds[k] < 20 {
			t.Errorf("%s is drawn %d times in a thousand plans", k, kinds[k])
		}
	}
	if slow < 20 || slow > 100 {
		t.Errorf("%d of 1000 plans have the default durations, want about 50", slow)
	}
	t.Log(kinds)
}
