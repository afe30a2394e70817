package statemachine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/looplab/fsm"

	"understudy/zone"
)

// Event is what moves a connector from one state to another.
type Event string

// The events. The follow events have one target each and are fired only by a
// connector that is not the writer of the zone record.
const (
	None                  Event = ""
	Trouble               Event = "trouble"
	Healthy               Event = "healthy"
	Outage                Event = "outage"
	Force                 Event = "force"
	PeriodUnhealthy       Event = "period_unhealthy"
	PeriodHealthy         Event = "period_healthy"
	AllHealthy            Event = "all_healthy"
	Failure               Event = "failure"
	Recovered             Event = "recovered"
	FollowNormal          Event = "follow_normal"
	FollowInitialHA       Event = "follow_initial_ha"
	FollowExtendedHA      Event = "follow_extended_ha"
	FollowPendingRecovery Event = "follow_pending_recovery"
)

// Row is one line of the transition table.
type Row struct {
	Event Event
	From  []zone.State
	To    zone.State
	// When says what makes it happen.
	When string
}

//	trouble                    outage, force
//
// ┌─ Normal ─────────────▶ PendingHA ──────────────────▶ InitialHA
// │    ▲  ▲                    │                          │      │
// │    │  └──── healthy ───────┘          period_healthy  │      │ period_unhealthy
// │    │                                                  ▼      ▼
// │    └──── recovered ───────────────── PendingRecovery ◀── all_healthy ── ExtendedHA
// │                                             └──── failure, force ───────▶ ▲
// └──── force: Normal, PendingHA ▶ InitialHA;  follow_*: to the zone's state
var table = [...]Row{
	{Trouble, states(zone.Normal), zone.PendingHA, "something that shows the cloud broker's health failed, and the gate is open"},
	{Healthy, states(zone.PendingHA), zone.Normal, "the comprehensive health check succeeded"},
	{Outage, states(zone.PendingHA), zone.InitialHA, "no present connector was healthy for the detection period"},
	{Force, states(zone.Normal, zone.PendingHA), zone.InitialHA, "an operator forced an outage"},
	{PeriodUnhealthy, states(zone.InitialHA), zone.ExtendedHA, "the period ended and not everything was healthy, or the outage is forced"},
	{PeriodHealthy, states(zone.InitialHA), zone.PendingRecovery, "the period ended and every present connector was healthy"},
	{AllHealthy, states(zone.ExtendedHA), zone.PendingRecovery, "every present connector is healthy"},
	{Failure, states(zone.PendingRecovery), zone.ExtendedHA, "a present connector became unhealthy"},
	{Force, states(zone.PendingRecovery), zone.ExtendedHA, "an operator forced an outage"},
	{Recovered, states(zone.PendingRecovery), zone.Normal, "everything was healthy for the whole period"},
	{FollowNormal, states(zone.InitialHA, zone.ExtendedHA, zone.PendingRecovery), zone.Normal, "the zone closed the outage"},
	{FollowInitialHA, states(zone.Normal, zone.PendingHA, zone.ExtendedHA, zone.PendingRecovery), zone.InitialHA, "the zone is in InitialHA"},
	{FollowExtendedHA, states(zone.Normal, zone.PendingHA, zone.InitialHA, zone.PendingRecovery), zone.ExtendedHA, "the zone is in ExtendedHA"},
	{FollowPendingRecovery, states(zone.Normal, zone.PendingHA, zone.InitialHA, zone.ExtendedHA), zone.PendingRecovery, "the zone is in PendingRecovery"},
}

func states(s ...zone.State) []zone.State { return s }

// Table returns the transition table.
func Table() []Row { return table[:] }

func events() fsm.Events {
	var out fsm.Events
	for _, row := range table {
		src := make([]string, len(row.From))
		for i, s := range row.From {
			src[i] = string(s)
		}
		out = append(out, fsm.EventDesc{Name: string(row.Event), Src: src, Dst: string(row.To)})
	}
	return out
}

// target returns where the table leads from a state by an event.
func target(from zone.State, event Event) (zone.State, bool) {
	for _, row := range table {
		if row.Event == event && slices.Contains(row.From, from) {
			return row.To, true
		}
	}
	return from, false
}

// follow returns the event that leads to a state of the zone.
func follow(to zone.State) Event {
	switch to {
	case zone.InitialHA:
		return FollowInitialHA
	case zone.ExtendedHA:
		return FollowExtendedHA
	case zone.PendingRecovery:
		return FollowPendingRecovery
	case zone.Normal, zone.PendingHA:
		return FollowNormal
	}
	return None
}

// Diagram renders the table in Mermaid's notation, for the documentation.
func Diagram() string {
	var b strings.Builder
	b.WriteString("stateDiagram-v2\n    [*] --> Normal\n")
	for _, row := range table {
		for _, from := range row.From {
			fmt.Fprintf(&b, "    %s --> %s: %s\n", from, row.To, row.Event)
		}
	}
	return b.String()
}
