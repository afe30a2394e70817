package callin_test

import (
	"testing"
	"time"

	"understudy/callin"
)

// LHC-32: "the broker calls VDAs in, paced": in a second no more go out than the rate
// says, also after a pause.
func TestPace(t *testing.T) {
	const gap = 500 * time.Microsecond
	for name, late := range map[string]time.Duration{"even": 0, "late": 20 * time.Millisecond, "after a pause": 3 * time.Second} {
		var p callin.Pace
		now := time.Unix(0, 0)
		for i := range 4000 {
			if i == 2000 {
				now = now.Add(late)
			}
			now = now.Add(p.Wait(now, gap))
		}
		took := now.Sub(time.Unix(0, 0))
		least := 3999 * gap
		if late > 50*time.Millisecond {
			least += late - gap
		}
		if took < least || took > least+late+gap {
			t.Errorf("%s: 4000 took %s, want %s", name, took, least)
		}
	}
}
