package agent

import (
	"testing"
	"time"

	"understudy/peer"
)

// Issue 4: "paused one (SIGSTOP), at deadline 400 ms: within 450 ms". The loop decides
// at the instant at which a silent peer is lost, not at its next beat.
func TestLossIsNoticedWhenItHappens(t *testing.T) {
	now := time.Now()
	const deadline = 400 * time.Millisecond
	heard := func(ago time.Duration) peer.Sight { return peer.Sight{Heard: true, At: now.Add(-ago)} }
	for name, c := range map[string]struct {
		sights []peer.Sight
		want   time.Duration
	}{
		"alone":            {nil, peer.DefaultInterval},
		"all well":         {[]peer.Sight{heard(0), heard(99 * time.Millisecond)}, peer.DefaultInterval},
		"one is silent":    {[]peer.Sight{heard(0), heard(330 * time.Millisecond)}, 70*time.Millisecond + 1},
		"due now":          {[]peer.Sight{heard(deadline)}, 1},
		"passed meanwhile": {[]peer.Sight{heard(deadline + time.Second)}, 0},
		"lost already":     {[]peer.Sight{{At: now.Add(-time.Hour)}}, peer.DefaultInterval},
	} {
		if got := rest(now, peer.DefaultInterval, c.sights, deadline); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}
