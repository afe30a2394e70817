package agent

import (
	"time"

	"understudy/site"
	"understudy/statemachine"
)

// level is the damping level (LHC-19): how many outages have followed one another
// without a quiet time between them.
func (c *core) level(now time.Time, s site.Settings) int {
	if !c.record.Open() && now.Sub(c.closed) >= s.DetectionReset.D() {
		return 0
	}
	return c.record.Level
}

// timings are the zone's periods as they are now: when outages repeat, the first
// one has ordinary periods, each further one twice those of the one before.
func (c *core) timings(now time.Time, s site.Settings) statemachine.Timings {
	detection, recovery := c.level(now, s), c.level(now, s)
	if c.record.Open() {
		detection, recovery = detection-1, recovery-1
	}
	return statemachine.Timings{
		Detection: grown(s.Detection.D(), s.DetectionMax.D(), detection),
		InitialHA: s.InitialHA.D(),
		Recovery:  grown(s.Recovery.D(), s.RecoveryMax.D(), recovery),
	}
}

// grown doubles a period as often as level says, up to its maximum.
func grown(period, most time.Duration, level int) time.Duration {
	if most <= period {
		return period
	}
	for ; level > 0 && period < most; level-- {
		period *= 2
	}
	return min(period, most)
}
