package agent

import (
	"time"

	"understudy/env"
	"understudy/peer"
	"understudy/site"
	"understudy/zone"
)

// newBeat is a little shorter than the interval of heartbeats, which are sent with the
// loop's rounds, and no two connectors have the same one.
func newBeat(e env.Env) time.Duration {
	return env.Jitter(e.Rand("agent/beat"), peer.DefaultInterval*19/20, 1.0/20)
}

// calm reports whether nothing is under way: what is decided next follows from what
// changes, which wakes the loop up, or from times that are much longer than a beat.
func (c *core) calm(in inputs) bool {
	settled := !c.starting && !c.leaving && !c.draining && c.closing == nil && c.office == (c.election.Elected == c.self)
	ordered := in.order != nil || in.promote != nil
	normal := c.state() == zone.Normal && !c.record.Open() && in.health.healthy && in.health.trouble == ""
	// A word counts from when the heartbeat that it echoes was sent, so those are to be new.
	return settled && normal && !ordered && in.settings.Policy != site.Majority
}

// calmDown lets the mesh repeat what was said without a round, for a while. It is
// several times in a deadline that the loop looks around.
func (a *Agent) calmDown(now time.Time, in inputs) {
	until := int64(0)
	if a.calmed = a.core.calm(in); a.calmed {
		until = int64(now.Add(lull(in.settings.Deadline.D())).Sub(a.born))
	}
	a.calm.Store(until)
}

// lull is how long no round is needed while nothing happens: the second heartbeat from
// then comes with one.
func lull(deadline time.Duration) time.Duration {
	return min(peer.DefaultInterval*3/2, deadline/8)
}

// due reports whether the next heartbeat is to come from a round, and has one begin.
func (a *Agent) due() bool {
	if int64(time.Since(a.born)) < a.calm.Load() {
		return false
	}
	a.wake()
	return true
}

// rest is how long the loop may wait for its next round where nothing wakes it up: a
// beat, or where the mesh wakes it up much longer than it takes for that, because a
// timer that is set anew wakes the process up nevertheless.
func (a *Agent) rest(now time.Time) time.Duration {
	deadline, wait := time.Duration(a.deadline.Load()), a.beat
	if a.calmed {
		wait = max(wait, min(4*peer.DefaultInterval, deadline/4))
	}
	return untilLoss(now, wait, a.sights, deadline)
}

// untilLoss is the wait, or less where a peer that is heard now is lost before, so
// that this is noticed when it happens.
func untilLoss(now time.Time, wait time.Duration, sights []peer.Sight, deadline time.Duration) time.Duration {
	for _, s := range sights {
		if s.Heard {
			// A word counts up to its deadline, so one instant later it does not.
			wait = min(wait, s.At.Add(deadline+1).Sub(now))
		}
	}
	return max(wait, 0)
}
