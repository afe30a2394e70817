package statemachine

import (
	"fmt"
	"time"

	"understudy/site"
	"understudy/zone"
)

// Timings are the durations of the zone (LHC-17).
type Timings struct {
	Detection time.Duration
	InitialHA time.Duration
	Recovery  time.Duration
}

// Present is a connector that counts for entering and leaving HA mode: its peer
// stream to the elected one is up and it has finished a health check since it
// started. The deciding connector itself is one of them.
type Present struct {
	FQDN    site.FQDN
	Healthy bool
	// Pending says that it is in PendingHA.
	Pending bool
}

// Inputs are the facts that one decision is made from.
type Inputs struct {
	// Office says that this connector is elected and the writer of the zone record:
	// only then does it move the zone.
	Office bool
	// Nobody says why no connector of the zone is elected; empty: one is.
	Nobody string
	Record zone.Record
	// Trouble is what went wrong since the last good health check; empty: nothing.
	Trouble string
	// Healthy says that a comprehensive check succeeded after the latest trouble.
	Healthy  bool
	GateOpen bool
	// Usable says that there is a snapshot to serve from.
	Usable bool
	// Force says that an operator wants the zone in HA mode.
	Force   bool
	Present []Present
}

// facts are the inputs with how long they have held.
type facts struct {
	Inputs
	dwell        time.Duration // in the state
	allUnhealthy time.Duration // every present connector; negative: not now
	allHealthy   time.Duration
}

// next decides what happens in a state, and says why. No event means that the
// state stays; the reason then says what is waited for.
func next(s zone.State, f facts, t Timings) (Event, string) {
	if event, reason := following(s, f); event != None {
		return event, reason
	}
	if event, reason := forced(s, f); event != None {
		return event, reason
	}
	switch s {
	case zone.Normal:
		return inNormal(f)
	case zone.PendingHA:
		return inPendingHA(f, t)
	case zone.InitialHA:
		return inInitialHA(f, t)
	case zone.ExtendedHA:
		return inExtendedHA(f)
	case zone.PendingRecovery:
		return inPendingRecovery(f, t)
	}
	return None, fmt.Sprintf("%q is not a state", s)
}

// following: whoever is not the writer goes where the record says; a closed
// record moves nobody who is not in HA mode.
func following(s zone.State, f facts) (Event, string) {
	switch {
	case f.Office || f.Record.IsZero() || f.Record.Mode == s:
		return None, ""
	case !f.Record.Open() && !s.HA():
		return None, ""
	}
	return follow(f.Record.Mode), fmt.Sprintf("%s decided %s: %s", f.Record.Writer, f.Record.Mode, f.Record.Reason)
}

func forced(s zone.State, f facts) (Event, string) {
	if !f.Office || !f.Force {
		return None, ""
	}
	switch {
	case s == zone.PendingRecovery, (s == zone.Normal || s == zone.PendingHA) && f.Usable:
		return Force, "an operator forced an outage"
	}
	return None, ""
}

func inNormal(f facts) (Event, string) {
	switch {
	case f.Trouble == "":
		return None, "the cloud broker serves"
	case !f.GateOpen:
		return None, "the gate is closed: " + f.Trouble + " does not count"
	}
	return Trouble, f.Trouble
}

func inPendingHA(f facts, t Timings) (Event, string) {
	switch {
	case f.Healthy:
		return Healthy, "the health check succeeded"
	case !f.Office && f.Nobody != "":
		return None, f.Nobody
	case !f.Office:
		return None, "waiting for the health check or for the elected connector"
	case !f.GateOpen:
		return None, "the gate is closed"
	case !f.Usable:
		return None, "no connector that is present has a usable snapshot: the zone cannot take over"
	case f.allUnhealthy < 0:
		return None, stillHealthy(f.Present)
	case f.allUnhealthy < t.Detection:
		return None, fmt.Sprintf("no present connector is healthy; waiting for the detection period of %s", t.Detection)
	case !anyPending(f.Present):
		return None, "no present connector is in PendingHA"
	}
	return Outage, fmt.Sprintf("no present connector (of %d) was healthy for %s: %s", len(f.Present), t.Detection, f.Trouble)
}

func inInitialHA(f facts, t Timings) (Event, string) {
	switch {
	case !f.Office:
		return None, "following " + string(f.Record.Writer)
	case f.dwell < t.InitialHA:
		return None, fmt.Sprintf("waiting for the end of the fixed period of %s", t.InitialHA)
	case f.Force:
		return PeriodUnhealthy, "the period ended and the outage is forced"
	case f.allHealthy >= 0:
		return PeriodHealthy, "every present connector was healthy at the end of the period"
	}
	return PeriodUnhealthy, "at the end of the period " + unhealthy(f.Present)
}

func inExtendedHA(f facts) (Event, string) {
	switch {
	case !f.Office:
		return None, "following " + string(f.Record.Writer)
	case f.Force:
		return None, "an operator keeps the zone in HA mode"
	case f.allHealthy < 0:
		return None, unhealthy(f.Present)
	}
	return AllHealthy, "every present connector is healthy"
}

func inPendingRecovery(f facts, t Timings) (Event, string) {
	switch {
	case !f.Office:
		return None, "following " + string(f.Record.Writer)
	case f.allHealthy < 0 && len(f.Present) > 0:
		return Failure, unhealthy(f.Present)
	case f.allHealthy < t.Recovery || f.dwell < t.Recovery:
		return None, fmt.Sprintf("everything must stay healthy for %s", t.Recovery)
	}
	return Recovered, fmt.Sprintf("every present connector was healthy for %s", t.Recovery)
}

func anyPending(present []Present) bool {
	for _, p := range present {
		if p.Pending {
			return true
		}
	}
	return false
}

func stillHealthy(present []Present) string {
	for _, p := range present {
		if p.Healthy {
			return string(p.FQDN) + " is healthy: the cloud broker stays responsible"
		}
	}
	return "no connector has finished a health check yet"
}

func unhealthy(present []Present) string {
	for _, p := range present {
		if !p.Healthy {
			return string(p.FQDN) + " is not healthy"
		}
	}
	return "no connector has finished a health check yet"
}
