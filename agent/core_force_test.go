package agent

import (
	"slices"
	"testing"
	"time"

	"understudy/statemachine"
	"understudy/wire"
	"understudy/zone"
)

// order gives an operator's order to one connector and waits until its record
// says so.
func (z *simZone) order(i int, action string) {
	z.t.Helper()
	c := z.nodes[i].core
	z.nodes[i].order = &wire.OutageOrder{Action: action, By: "op"}
	z.soon(action+" is carried out", 5*time.Second, func() bool { return c.record.Forced() == (action == "force") })
}

func (z *simZone) forced() bool {
	for _, n := range z.nodes {
		if n.core != nil && !n.core.record.Forced() {
			return false
		}
	}
	return true
}

// LHC-18, "force is answered when a peer carries the record": the elected one is
// lost a moment later, in any schedule, and the zone stays pinned while the cloud
// broker is healthy, until it is cleared.
func TestForceSurvivesTheLossOfTheElected(t *testing.T) {
	for seed := range uint64(150) {
		z := newSim(t, 2+int(seed%3), seed)
		z.until("c0 is elected", 10*time.Second, func() bool { return slices.Equal(z.offices(), z.list[:1]) })
		z.run(time.Duration(z.rand.IntN(10)) * simStep)
		z.nodes[0].order = &wire.OutageOrder{Action: "force", By: "op"}
		z.soon("a peer carries the record", 5*time.Second, z.carried)
		z.crash(0)
		if z.rand.IntN(2) == 0 {
			z.run(time.Duration(z.rand.IntN(30)) * simStep)
			z.start(0)
		}
		z.until("one serves, forced", 10*time.Second, func() bool { return z.onlyServer() && z.forced() })
		z.run(12 * time.Second)
		z.until("the zone stays in ExtendedHA", 3*time.Second, func() bool { return z.onlyServer() && z.forced() && z.all(zone.ExtendedHA) })
		z.unpin()
		z.until("cleared, the zone leaves by the ordinary checks", 10*time.Second, func() bool { return z.all(zone.Normal) })
	}
}

func (z *simZone) carried() bool {
	own := z.nodes[0].core.record
	for _, f := range z.nodes[0].facts {
		if own.Forced() && zone.Compare(f.Record, own) >= 0 {
			return true
		}
	}
	return false
}

// LHC-18: a force survives a restart of every connector.
func TestForceSurvivesARestartOfAll(t *testing.T) {
	z := newSim(t, 3, 8)
	z.until("c0 is elected", 10*time.Second, func() bool { return slices.Equal(z.offices(), z.list[:1]) })
	z.order(0, "force")
	z.run(time.Second)
	for i := range z.nodes {
		z.crash(i)
	}
	for i := range z.nodes {
		z.start(i)
	}
	z.until("one serves, forced", 6*time.Second, func() bool { return z.onlyServer() && z.forced() })
	z.run(12 * time.Second)
	if !z.all(zone.ExtendedHA) {
		z.fail("the zone left a forced outage: %s", z.describe())
	}
}

// LHC-18 by state: where a force leads, and that a clear removes the pin only.
func TestForceAndClear(t *testing.T) {
	for _, c := range []struct {
		in     zone.State
		usable bool
		want   zone.State
	}{
		{zone.Normal, true, zone.InitialHA},
		{zone.Normal, false, zone.Normal},
		{zone.InitialHA, true, zone.InitialHA},
		{zone.ExtendedHA, true, zone.ExtendedHA},
		{zone.PendingRecovery, true, zone.ExtendedHA},
	} {
		t.Run(string(c.in), func(t *testing.T) {
			core, in := officeIn(t, c.in)
			in.usable, in.gateOpen = c.usable, false
			in.order = &wire.OutageOrder{Action: "force", By: "op", Reason: "a drill"}
			settle(t, core, in)
			if core.state() != c.want || core.record.Forced() != c.want.HA() {
				t.Fatalf("forced: got %s, forced %t, want %s", core.state(), core.record.Forced(), c.want)
			}
			if !c.want.HA() {
				return
			}
			before := core.record
			in.order = &wire.OutageOrder{Action: "clear", By: "op"}
			core.machine = statemachine.New(in.now, c.want)
			in.health = health{checked: true, trouble: "down"}
			settle(t, core, in)
			got := core.record
			want := before
			want.Number, want.Reason, want.Force = before.Number+1, got.Reason, nil
			if got != want || core.state() != c.want {
				t.Errorf("cleared: got %+v in %s, want %+v", got, core.state(), want)
			}
		})
	}
}

// officeIn is c0 with the office in a state, with the inputs that keep it there.
func officeIn(t *testing.T, s zone.State) (*core, inputs) {
	t.Helper()
	c := started(t, "c0", zone.Record{})
	in := aloneInputs()
	if s.HA() {
		c.record.Mode, c.record.Outage = s, "x"
		c.machine = statemachine.New(in.now, s)
	}
	if s == zone.ExtendedHA {
		in.health = health{checked: true, trouble: "down"}
	}
	return c, in
}

// RAS-06 for a whole zone: every connector restarts in an outage and they hear
// each other; the outage goes on in the record's mode under the same id.
func TestOutageSurvivesARestartOfAll(t *testing.T) {
	z := outage(t, 3)
	want := z.nodes[0].core.record.Outage
	for i := range z.nodes {
		z.crash(i)
	}
	z.run(2 * time.Second)
	for i := range z.nodes {
		z.start(i)
	}
	z.until("c0 serves", 6*time.Second, z.served("c0"))
	if got := z.nodes[0].core.record.Outage; got != want {
		t.Errorf("got the outage %q, want %q to go on", got, want)
	}
	z.cloud(true)
	z.until("Normal", 12*time.Second, func() bool { return z.all(zone.Normal) })
}

// An orderly stop hands the office over, and the others do not wait for a
// deadline.
func TestLeavingHandsOver(t *testing.T) {
	z := outage(t, 3)
	z.nodes[0].core.leaving = true
	gap := 0
	z.soon("c1 serves", 2*time.Second, func() bool {
		if len(z.serving()) == 0 {
			gap++
		}
		return z.nodes[1].serves()
	})
	if limit := 2 * (simDelay + 2); gap > limit {
		t.Errorf("nobody served for %d rounds, want at most %d", gap, limit)
	}
	if got := z.nodes[0].saved; got.Writer == "c0" && got.Successor != "c1" {
		t.Errorf("c0's last record names %q, want c1", got.Successor)
	}
	z.run(3 * time.Second)
	if !z.served("c1")() {
		z.fail("c0 took the office again while it was leaving: %s", z.describe())
	}
}

// A successor that dies during the hand-over: before the last record the
// incumbent goes on, after it the incumbent takes the office again.
func TestSuccessorDiesDuringHandOver(t *testing.T) {
	for _, c := range []struct {
		name string
		when func(incumbent *core) bool
	}{
		{"before the last record", func(c *core) bool { return c.closing != nil }},
		{"after the last record", func(c *core) bool { return c.record.Successor == "c0" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			z := outage(t, 3)
			z.crash(0)
			z.until("c1 serves", 3*time.Second, z.served("c1"))
			z.start(0)
			z.nodes[1].busy = true
			z.soon(c.name, 5*time.Second, func() bool { return c.when(z.nodes[1].core) })
			z.crash(0)
			z.until("c1 serves", 4*time.Second, z.served("c1"))
		})
	}
}

// "Not heard within a deadline, the incumbent takes the office again": the
// successor is heard all the time, but cannot make a record durable.
func TestUnansweredFinal(t *testing.T) {
	z := outage(t, 2)
	z.crash(0)
	z.until("c1 serves", 3*time.Second, z.served("c1"))
	z.start(0)
	z.soon("c1 stops accepting", 5*time.Second, func() bool { return z.nodes[1].core.closing != nil })
	z.nodes[0].broken = true
	z.soon("the last record is written", 3*time.Second, func() bool { return z.nodes[1].core.record.Successor == "c0" })
	final := z.nodes[1].core.record
	z.soon("c1 resumes", z.settings.Deadline.D()+3*simStep, func() bool { return z.nodes[1].core.office })
	if got := z.nodes[1].core.record; got.Term <= final.Number || got.Successor != "" {
		t.Errorf("got t%d, successor %q; want a term above the last record's n%d", got.Term, got.Successor, final.Number)
	}
	z.nodes[0].canServe = false // its disk has failed for longer than its patience
	z.until("c1 serves", 5*time.Second, z.served("c1"))
	z.nodes[0].broken, z.nodes[0].canServe = false, true
	z.until("c0 serves", 6*time.Second, z.served("c0"))
}
