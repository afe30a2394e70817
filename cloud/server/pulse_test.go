package server

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// A health check asks the disk at most once a second, and at once after a write
// that failed; what failed is told once, and ends only when the disk takes more.
func TestPulse(t *testing.T) {
	now := time.Now()
	var told []error
	p := pulse{tell: func(err error) { told = append(told, err) }}
	check := func(name string, at time.Duration, wantErr string, wantTurn bool) {
		t.Helper()
		mine, err := p.turn(now.Add(at))
		if (err == nil) != (wantErr == "") || err != nil && !strings.Contains(err.Error(), wantErr) || mine != wantTurn {
			t.Errorf("%s: got %v, turn %v, want %q, %v", name, err, mine, wantErr, wantTurn)
		}
	}
	check("at first", 0, "", true)
	check("within the second", probeEvery-1, "", false)
	check("a second later", probeEvery, "", true)
	p.failed(errors.New("disk full"))
	check("after a failed write", probeEvery+1, "disk full", true)
	p.failed(errors.New("still full"))
	check("when that failed too", probeEvery+2, "disk full", false)
	check("again after a second", 2*probeEvery+1, "disk full", true)
	p.works()
	check("it works", 2*probeEvery+2, "", false)
	p.writing(now)
	check("a write is under way", writePatience-1, "", true)
	check("and does not end", writePatience, "has not ended for 10s", false)
	p.writing(time.Time{})
	check("it has ended", 2*writePatience, "", true)
	if len(told) != 1 {
		t.Errorf("told %v, want the one failure", told)
	}
}
