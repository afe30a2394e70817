package agent

import (
	"time"

	"understudy/env"
	"understudy/peer"
)

// beat is a little shorter than the interval of heartbeats, which are sent with the
// loop's rounds, and no two connectors keep the same one for long.
func (a *Agent) beat() time.Duration {
	return env.Jitter(a.o.Env.Rand("agent/beat"), peer.DefaultInterval*19/20, 1.0/20)
}

// rest is how long the loop may wait for its next round: a beat, or less where a peer
// that is heard now is lost before, so that this is noticed when it happens.
func rest(now time.Time, beat time.Duration, sights []peer.Sight, deadline time.Duration) time.Duration {
	wait := beat
	for _, s := range sights {
		if s.Heard {
			// A word counts up to its deadline, so one instant later it does not.
			wait = min(wait, s.At.Add(deadline+1).Sub(now))
		}
	}
	return max(wait, 0)
}
