package relay

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"understudy/site"
)

// Health is how the cloud broker looks from here, as of the latest check.
type Health struct {
	// Checked says that a check has finished since the start.
	Checked bool
	Healthy bool
	// At is when the check began, so that trouble meanwhile is later, and Since when
	// Healthy last changed; both on this process's own clock.
	At    time.Time
	Since time.Time
	// Reason says in a sentence why.
	Reason string
	// CallStream says that the call stream is up; there may be none.
	CallStream bool
	// Via is the peer through which requests go; empty: they go directly.
	Via site.FQDN
	// Trouble is the latest trouble, if there was any.
	Trouble *Trouble
}

// Trouble is what made us doubt the cloud broker.
type Trouble struct {
	Kind   Kind
	Reason string
	At     time.Time
}

// judge makes one health of checks, relayed requests and the call stream. It
// reads no clock and does no I/O.
type judge struct {
	grace   time.Duration
	health  Health
	windows map[Kind]*window
	// streamless: there is no call stream to be up.
	streamless bool
	// suspects are the kinds that failed, with the request that did, until one of
	// the kind succeeds.
	suspects map[Kind]request
	// streamUp is when the call stream came up, streamDown since when it is down,
	// not counting times when it was up for less than the grace.
	streamUp     time.Time
	streamDown   time.Time
	streamReason string
}

func newJudge(now time.Time, grace time.Duration) *judge {
	return &judge{grace: grace, windows: map[Kind]*window{}, suspects: map[Kind]request{}, streamDown: now, streamReason: "it is not open yet"}
}

// restart gives the call stream its grace from now.
func (j *judge) restart(now time.Time) { j.streamDown = now }

// relayed takes in how a relayed request ended; reason is empty for an answer.
func (j *judge) relayed(now time.Time, q request, reason string) {
	w := j.windows[q.kind]
	if w == nil {
		w = &window{}
		j.windows[q.kind] = w
	}
	// Strangers could send whatever fails, or works, as often as it takes: what they meet
	// is probed.
	if reason == "" {
		if !q.stranger {
			w.succeeded()
		}
		delete(j.suspects, q.kind)
		return
	}
	if !q.stranger {
		w.failed(now, q.who())
	}
	j.suspects[q.kind] = q
	j.health.Trouble = &Trouble{q.kind, reason, now}
}

// probed takes in that a probe was answered: the kind works again.
func (j *judge) probed(kind Kind) { delete(j.suspects, kind) }

// probes are the requests that the next check makes besides asking for health.
func (j *judge) probes() []request {
	var list []request
	for _, kind := range slices.Sorted(maps.Keys(j.suspects)) {
		list = append(list, j.suspects[kind].probe())
	}
	return list
}

func (j *judge) stream(now time.Time, up bool, reason string) {
	if up {
		j.streamUp, j.health.CallStream = now, true
		return
	}
	j.streamReason = reason
	if j.health.CallStream && now.Sub(j.streamUp) >= j.grace {
		j.streamDown = now
	}
	j.health.CallStream = false
}

// checked makes the outcome of a check of what was asked, empty if that went
// well, and of what we know besides.
func (j *judge) checked(begun, now time.Time, asked string) Health {
	reason := asked
	if reason == "" {
		reason = j.doubt(now)
	}
	return j.conclude(begun, now, reason)
}

// conclude notes the outcome of a check; reason is empty for a good one.
func (j *judge) conclude(begun, now time.Time, reason string) Health {
	healthy := reason == ""
	if healthy {
		reason = "the cloud broker answers"
	} else {
		j.health.Trouble = &Trouble{HealthCheck, reason, now}
	}
	if !j.health.Checked || j.health.Healthy != healthy {
		j.health.Since = now
	}
	j.health.Checked, j.health.Healthy, j.health.At, j.health.Reason = true, healthy, begun, reason
	return j.health
}

// steady reports whether the call stream is up, and not only between two cuts.
func (j *judge) steady(now time.Time) bool {
	return j.health.CallStream && now.Sub(j.streamUp) >= j.grace/4
}

// down is for how long the call stream is, or was until it came up again: a stream
// that is back within the grace is no doubt, however young it is.
func (j *judge) down(now time.Time) time.Duration {
	if j.health.CallStream {
		return j.streamUp.Sub(j.streamDown)
	}
	return now.Sub(j.streamDown)
}

func (j *judge) doubt(now time.Time) string {
	if down := j.down(now); !j.streamless && !j.steady(now) && down > j.grace {
		return fmt.Sprintf("the call stream is down for %s: %s", down.Round(100*time.Millisecond), j.streamReason)
	}
	for _, kind := range slices.Sorted(maps.Keys(j.windows)) {
		if reason := j.windows[kind].verdict(now, kind); reason != "" {
			return reason
		}
	}
	return ""
}
