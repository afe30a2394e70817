package agent

import (
	"time"

	"understudy/peer"
)

// rest is how long the loop may wait for its next round: a beat, or less where a peer
// that is heard now is lost before, so that this is noticed when it happens.
func rest(now time.Time, sights []peer.Sight, deadline time.Duration) time.Duration {
	wait := peer.DefaultInterval
	for _, s := range sights {
		if s.Heard {
			// A word counts up to its deadline, so one instant later it does not.
			wait = min(wait, s.At.Add(deadline+1).Sub(now))
		}
	}
	return max(wait, 0)
}
