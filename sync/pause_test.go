package configsync_test

import (
	"slices"
	"testing"
	"time"

	configsync "understudy/sync"
)

// LHC-01 is for who has a configuration. Who has none asks soon, with pauses that grow
// and stay below the interval, and leaves a cloud broker alone that asks for it.
func TestPause(t *testing.T) {
	for _, c := range []struct {
		interval, asked time.Duration
		want            []time.Duration
	}{
		{time.Minute, 0, []time.Duration{1, 2, 4, 8, 15, 15, 15}},
		{10 * time.Minute, 0, []time.Duration{1, 2, 4, 8, 16, 32, 64}},
		{time.Minute, 5 * time.Second, []time.Duration{5, 5, 5, 8, 15, 15, 15}},
		{time.Minute, 2 * time.Minute, []time.Duration{120, 120, 120, 120, 120, 120, 120}},
	} {
		var got []time.Duration
		for i := range c.want {
			got = append(got, configsync.Pause(i+1, c.interval, c.asked)/time.Second)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("every %s, asked to wait %s: got %v s, want %v", c.interval, c.asked, got, c.want)
		}
	}
	if got := configsync.Pause(1, time.Second, 0); got != time.Second/4 {
		t.Errorf("with an interval of 1 s: got %s", got)
	}
}
