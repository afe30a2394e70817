package sim

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// NEW-03: with one-way cuts two connectors go through the third, the zone stays in Normal
// and serves; when that one loses the cloud broker too it takes over, as soon as without
// peers, and it is Normal again while only that one has it.
func TestOneCloudLeft(t *testing.T) {
	unlessOneSeed(t)
	plan := readPlan(t, filepath.Join(plansDir, "one-cloud-left.json")).Plan
	o := Play(t, plan)
	if len(o.Broken) > 0 {
		t.Error(Timeline(plan, o, 0))
	}
	cut, back := plan.Faults[3].At, plan.Faults[0].At+plan.Faults[0].For
	started := told(o, "peer_relay_started", 0, cut)
	began, ended := told(o, "outage_began", 0, plan.Shape.Length), told(o, "outage_ended", 0, plan.Shape.Length)
	if len(started) != 2 || len(began) != 3 || len(ended) != 3 {
		t.Fatalf("relayed %v, began %v, ended %v\n%s", started, began, ended, Timeline(plan, o, 0))
	}
	if latest := cut + plan.Shape.Settings.HealthInterval.D() + 6*time.Second + plan.Shape.Settings.Detection.D() + 3*time.Second; began[0] < cut || began[0] > latest {
		t.Errorf("the outage began at %s, want between %s and %s", began[0], cut, latest)
	}
	if ended[2] > back {
		t.Errorf("the outage ended at %s, only after %s", ended[2], back)
	}
	if o.Served < 2 {
		t.Errorf("%d of 2 launches were served", o.Served)
	}
}

// told is when an event was told between two moments.
func told(o Outcome, event string, from, to time.Duration) []time.Duration {
	var at []time.Duration
	for _, l := range o.Trace {
		if strings.HasPrefix(l.Text, event+":") && l.At >= from && l.At < to {
			at = append(at, l.At)
		}
	}
	return at
}
