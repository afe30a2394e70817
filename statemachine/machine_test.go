package statemachine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/looplab/fsm"

	"understudy/statemachine"
	"understudy/zone"
)

var timings = statemachine.Timings{Detection: 60 * time.Second, InitialHA: 5 * time.Minute, Recovery: 3 * time.Minute}

var t0 = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// dimension is one fact of the exhaustive test with all its values.
type dimension struct {
	name   string
	values []func(*statemachine.Inputs)
}

func flag(name string, set func(*statemachine.Inputs, bool)) dimension {
	return dimension{name, []func(*statemachine.Inputs){
		func(in *statemachine.Inputs) { set(in, false) },
		func(in *statemachine.Inputs) { set(in, true) },
	}}
}

func dimensions() []dimension {
	return []dimension{
		flag("office", func(in *statemachine.Inputs, v bool) { in.Office = v }),
		flag("gate", func(in *statemachine.Inputs, v bool) { in.GateOpen = v }),
		flag("usable", func(in *statemachine.Inputs, v bool) { in.Usable = v }),
		flag("force", func(in *statemachine.Inputs, v bool) { in.Force = v }),
		flag("healthy", func(in *statemachine.Inputs, v bool) { in.Healthy = v }),
		flag("trouble", func(in *statemachine.Inputs, v bool) {
			if v {
				in.Trouble = "the health check failed"
			}
		}),
		{"record", records()},
		{"present", presents()},
	}
}

func records() []func(*statemachine.Inputs) {
	var out []func(*statemachine.Inputs)
	out = append(out, func(*statemachine.Inputs) {})
	for _, mode := range []zone.State{zone.Normal, zone.InitialHA, zone.ExtendedHA, zone.PendingRecovery} {
		out = append(out, func(in *statemachine.Inputs) {
			in.Record = zone.Record{Number: 7, Writer: "cc01.example.test", Mode: mode, Reason: "as decided"}
		})
	}
	return out
}

func presents() []func(*statemachine.Inputs) {
	sick := statemachine.Present{FQDN: "a", Pending: true}
	well := statemachine.Present{FQDN: "b", Healthy: true}
	calm := statemachine.Present{FQDN: "c"}
	var out []func(*statemachine.Inputs)
	for _, p := range [][]statemachine.Present{nil, {sick}, {calm}, {well}, {sick, well}, {sick, calm}, {well, well}} {
		out = append(out, func(in *statemachine.Inputs) { in.Present = p })
	}
	return out
}

// everyInput calls f with every combination of facts.
func everyInput(dims []dimension, f func(statemachine.Inputs)) {
	var walk func(int, statemachine.Inputs)
	walk = func(i int, in statemachine.Inputs) {
		if i == len(dims) {
			f(in)
			return
		}
		for _, set := range dims[i].values {
			next := in
			set(&next)
			walk(i+1, next)
		}
	}
	walk(0, statemachine.Inputs{})
}

// boundaries are the ages at which a decision may change, and their neighbours.
func boundaries() []time.Duration {
	out := []time.Duration{0}
	for _, d := range []time.Duration{timings.Detection, timings.InitialHA, timings.Recovery} {
		out = append(out, d-1, d, d+1)
	}
	return out
}

// decideAfter shows a machine the same facts at its start and again after age.
func decideAfter(s zone.State, in statemachine.Inputs, age time.Duration) statemachine.Decision {
	m := statemachine.New(t0, s)
	m.Decide(t0, in, timings)
	return m.Decide(t0.Add(age), in, timings)
}

// LHC-10: states × facts × boundary ages: every event that is chosen is legal in
// the looplab/fsm table, leads to another state, and carries a reason.
func TestEveryDecisionIsLegal(t *testing.T) {
	seen := map[statemachine.Event]int{}
	cases := 0
	for _, s := range zone.States() {
		for _, age := range boundaries() {
			everyInput(dimensions(), func(in statemachine.Inputs) {
				cases++
				d := decideAfter(s, in, age)
				if d.Reason == "" {
					t.Fatalf("%s %+v: no reason", s, in)
				}
				if d.Event == statemachine.None {
					return
				}
				seen[d.Event]++
				m := statemachine.New(t0, s)
				tr, err := m.Fire(t.Context(), t0, d)
				if err != nil {
					t.Fatalf("%s %+v: %v", s, in, err)
				}
				if tr.To == s || m.State() != tr.To {
					t.Fatalf("%s by %s led to %s, machine says %s", s, d.Event, tr.To, m.State())
				}
			})
		}
	}
	t.Logf("%d cases", cases)
	for _, row := range statemachine.Table() {
		if seen[row.Event] == 0 {
			t.Errorf("no facts reach the event %s", row.Event)
		}
	}
}

// Rules that must hold whatever the other facts are.
func TestInvariantsOfDecisions(t *testing.T) {
	for _, s := range zone.States() {
		for _, age := range boundaries() {
			everyInput(dimensions(), func(in statemachine.Inputs) {
				d := decideAfter(s, in, age)
				checkInvariants(t, in, age, d)
			})
		}
	}
}

func checkInvariants(t *testing.T, in statemachine.Inputs, age time.Duration, d statemachine.Decision) {
	t.Helper()
	fail := func(rule string) { t.Errorf("%s: %s after %s %+v → %s", rule, d.From, age, in, d.Event) }
	anyHealthy, anySick := false, false
	for _, p := range in.Present {
		anyHealthy = anyHealthy || p.Healthy
		anySick = anySick || !p.Healthy
	}
	switch d.Event {
	case statemachine.Outage:
		if anyHealthy || len(in.Present) == 0 || age < timings.Detection {
			fail("LHC-12: an outage needs every present connector unhealthy for the detection period")
		}
		if !in.Office || !in.GateOpen || !in.Usable {
			fail("LHC-12, LHC-06: an outage needs the office, the gate and a snapshot")
		}
	case statemachine.Recovered:
		if anySick || age < timings.Recovery || in.Force {
			fail("LHC-15: Normal needs the whole period healthy and no force")
		}
	case statemachine.AllHealthy, statemachine.PeriodHealthy:
		if anySick || in.Force {
			fail("LHC-13, LHC-14: recovery needs all healthy and no force")
		}
	case statemachine.Trouble:
		if !in.GateOpen || in.Trouble == "" {
			fail("LHC-06: trouble needs the gate")
		}
	case statemachine.FollowNormal, statemachine.FollowInitialHA, statemachine.FollowExtendedHA, statemachine.FollowPendingRecovery:
		if in.Office || d.To != in.Record.Mode {
			fail("only who is not the writer follows, exactly to the record's mode")
		}
	}
	if !in.Office && d.From.HA() && !in.Record.Open() && !in.Record.IsZero() && d.Event != statemachine.FollowNormal {
		fail("LHC-16: a closed record ends HA mode")
	}
	if d.From == zone.PendingRecovery && d.To == zone.Normal && d.Event == statemachine.Failure {
		fail("LHC-15: any failure leads to ExtendedHA")
	}
}

// A table of the main story: what leads where, with the reason that operators read.
func TestStory(t *testing.T) {
	office := func(in statemachine.Inputs) statemachine.Inputs {
		in.Office, in.GateOpen, in.Usable = true, true, true
		return in
	}
	sick := []statemachine.Present{{FQDN: "cc01", Pending: true}, {FQDN: "cc02"}}
	well := []statemachine.Present{{FQDN: "cc01", Healthy: true}, {FQDN: "cc02", Healthy: true}}
	half := []statemachine.Present{{FQDN: "cc01", Healthy: true}, {FQDN: "cc02"}}
	for _, c := range []struct {
		name   string
		state  zone.State
		in     statemachine.Inputs
		age    time.Duration
		event  statemachine.Event
		reason string
	}{
		{"LHC-11 trouble", zone.Normal, statemachine.Inputs{Trouble: "a launch could not be relayed", GateOpen: true}, 0, statemachine.Trouble, "a launch"},
		{"LHC-06 gate closed", zone.Normal, statemachine.Inputs{Trouble: "a launch could not be relayed"}, 0, statemachine.None, "gate is closed"},
		{"LHC-12 healthy again", zone.PendingHA, statemachine.Inputs{Healthy: true, GateOpen: true}, 0, statemachine.Healthy, "succeeded"},
		{"LHC-12 one is healthy", zone.PendingHA, office(statemachine.Inputs{Present: half}), time.Hour, statemachine.None, "cc01 is healthy"},
		{"LHC-12 not yet", zone.PendingHA, office(statemachine.Inputs{Present: sick}), timings.Detection - 1, statemachine.None, "detection"},
		{"LHC-12 outage", zone.PendingHA, office(statemachine.Inputs{Present: sick}), timings.Detection, statemachine.Outage, "no present connector (of 2)"},
		{"LHC-13 period not over", zone.InitialHA, office(statemachine.Inputs{Present: well}), timings.InitialHA - 1, statemachine.None, "fixed period"},
		{"LHC-13 healthy", zone.InitialHA, office(statemachine.Inputs{Present: well}), timings.InitialHA, statemachine.PeriodHealthy, "every present"},
		{"LHC-13 unhealthy", zone.InitialHA, office(statemachine.Inputs{Present: half}), timings.InitialHA, statemachine.PeriodUnhealthy, "cc02 is not healthy"},
		{"LHC-14 no maximum stay", zone.ExtendedHA, office(statemachine.Inputs{Present: sick}), 1000 * time.Hour, statemachine.None, "cc01 is not healthy"},
		{"LHC-14 healthy", zone.ExtendedHA, office(statemachine.Inputs{Present: well}), 0, statemachine.AllHealthy, "every present"},
		{"LHC-15 failure", zone.PendingRecovery, office(statemachine.Inputs{Present: half}), 0, statemachine.Failure, "cc02 is not healthy"},
		{"LHC-15 whole period", zone.PendingRecovery, office(statemachine.Inputs{Present: well}), timings.Recovery, statemachine.Recovered, "every present"},
		{"LHC-18 force", zone.Normal, office(statemachine.Inputs{Present: well, Force: true, GateOpen: false}), 0, statemachine.Force, "operator"},
		{"LHC-18 forced period", zone.InitialHA, office(statemachine.Inputs{Present: well, Force: true}), timings.InitialHA, statemachine.PeriodUnhealthy, "forced"},
		{"LHC-18 forced stays", zone.ExtendedHA, office(statemachine.Inputs{Present: well, Force: true}), time.Hour, statemachine.None, "operator"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := decideAfter(c.state, c.in, c.age)
			if got.Event != c.event || !strings.Contains(got.Reason, c.reason) {
				t.Errorf("got %q (%s), want %q (…%s…)", got.Event, got.Reason, c.event, c.reason)
			}
		})
	}
}

// LHC-15: a failure in the middle of the period starts it anew.
func TestRecoveryNeedsAnUnbrokenPeriod(t *testing.T) {
	m := statemachine.New(t0, zone.PendingRecovery)
	in := statemachine.Inputs{Office: true, Present: []statemachine.Present{{FQDN: "a", Healthy: true}}}
	m.Decide(t0, in, timings)
	empty := in
	empty.Present = nil
	m.Decide(t0.Add(timings.Recovery/2), empty, timings)
	m.Decide(t0.Add(timings.Recovery/2+time.Second), in, timings)
	if d := m.Decide(t0.Add(timings.Recovery), in, timings); d.Event != statemachine.None {
		t.Errorf("got %s, want to wait: the period was broken", d.Event)
	}
}

func TestFireRefusesWhatTheTableDoesNotAllow(t *testing.T) {
	m := statemachine.New(t0, zone.Normal)
	_, err := m.Fire(t.Context(), t0, statemachine.Decision{Event: statemachine.Recovered, From: zone.Normal, To: zone.Normal})
	if _, ok := err.(interface{ Unwrap() error }); err == nil || !ok || m.State() != zone.Normal {
		t.Errorf("got %v in %s, want a refusal", err, m.State())
	}
	if _, err := m.Fire(t.Context(), t0, statemachine.Decision{Event: statemachine.Trouble, From: zone.PendingHA}); err == nil {
		t.Error("a decision of another state was fired")
	}
}

// A context that is already cancelled must not wedge the machine.
func TestFireSurvivesACancelledContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m := statemachine.New(t0, zone.Normal)
	for _, d := range []statemachine.Decision{
		{Event: statemachine.Trouble, From: zone.Normal}, {Event: statemachine.Healthy, From: zone.PendingHA},
	} {
		if _, err := m.Fire(ctx, t0, d); err != nil {
			t.Fatalf("fire %s: %v", d.Event, err)
		}
	}
}

// LHC-10: looplab/fsm allows what the table has, and nothing else: every event in
// every state.
func TestTableIsTheMachine(t *testing.T) {
	for _, row := range statemachine.Table() {
		for _, from := range zone.States() {
			m := statemachine.New(t0, from)
			tr, err := m.Fire(t.Context(), t0, statemachine.Decision{Event: row.Event, From: from, To: row.To})
			if to, legal := leads(from, row.Event); legal {
				if err != nil || m.State() != to || tr.At != t0 {
					t.Errorf("%s in %s: got %s, %v; want %s", row.Event, from, m.State(), err, to)
				}
				continue
			}
			if _, refused := errors.AsType[fsm.InvalidEventError](err); !refused || m.State() != from {
				t.Errorf("%s in %s: got %s, %v; want it refused", row.Event, from, m.State(), err)
			}
		}
	}
}

// leads looks an event up in the table's rows.
func leads(from zone.State, event statemachine.Event) (zone.State, bool) {
	for _, row := range statemachine.Table() {
		if row.Event == event && slices.Contains(row.From, from) {
			return row.To, true
		}
	}
	return from, false
}
