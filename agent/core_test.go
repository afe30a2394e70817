package agent

import (
	"slices"
	"strings"
	"testing"
	"time"

	"understudy/site"
	"understudy/wire"
	"understudy/zone"
)

var simNow = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// aloneInputs are those of a healthy connector that hears nobody of its zone,
// because nobody else runs.
func aloneInputs() inputs {
	return inputs{
		now: simNow, wall: simNow, settings: simSettings(), list: []site.FQDN{"c0", "c1", "c2"}, canServe: true, usable: true, gateOpen: true,
		drained: true, health: health{checked: true, healthy: true}, newID: func() string { return "new" },
		peers: []peerWord{{fqdn: "c0", answered: true}, {fqdn: "c1", answered: true}, {fqdn: "c2", answered: true}},
	}
}

// settle lets a core make all its changes in one round, and returns them.
func settle(t *testing.T, c *core, in inputs) []change {
	t.Helper()
	in.peers = slices.DeleteFunc(slices.Clone(in.peers), func(p peerWord) bool { return p.fqdn == c.self })
	var made []change
	for range maxSteps {
		ch, ok := c.decide(in)
		if !ok {
			return made
		}
		if _, err := c.commit(t.Context(), in.now, ch); err != nil {
			t.Fatal(err)
		}
		made = append(made, ch)
	}
	t.Fatalf("still changing after %d steps: %+v", maxSteps, made[maxSteps-1])
	return nil
}

// started is a core that has finished its start alone, and has the office.
func started(t *testing.T, self site.FQDN, r zone.Record) *core {
	t.Helper()
	c := newCore(self, r, 0, simNow)
	settle(t, c, aloneInputs())
	if c.starting || !c.office {
		t.Fatalf("%s did not start: starting %t, office %t", self, c.starting, c.office)
	}
	return c
}

// RAS-06: the service is restarted and comes back in the state it should have.
func TestResumed(t *testing.T) {
	open := zone.Record{Number: 5, Mode: zone.InitialHA}
	forced := zone.Record{Number: 5, Mode: zone.PendingRecovery, Force: &zone.Force{By: "op"}}
	unknown, sick, well := health{}, health{checked: true}, health{checked: true, healthy: true}
	for _, c := range []struct {
		name string
		r    zone.Record
		h    health
		want zone.State
	}{
		{"no record", zone.Record{}, sick, zone.Normal},
		{"closed, unhealthy", zone.Record{Number: 5, Mode: zone.Normal}, sick, zone.Normal},
		{"closed, healthy", zone.Record{Number: 5, Mode: zone.Normal}, well, zone.Normal},
		{"open, not checked yet", open, unknown, zone.ExtendedHA},
		{"open, unhealthy", open, sick, zone.ExtendedHA},
		{"open, healthy", open, well, zone.PendingRecovery},
		{"open, a check from before the trouble", open, health{healthy: true}, zone.ExtendedHA},
		{"forced, healthy", forced, well, zone.ExtendedHA},
		{"forced, unhealthy", forced, sick, zone.ExtendedHA},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := resumed(c.r, c.h); got != c.want {
				t.Errorf("resumed: got %s, want %s", got, c.want)
			}
			core := newCore("c0", c.r, 0, simNow)
			in := aloneInputs()
			in.health, in.canServe = c.h, false
			settle(t, core, in)
			if got := core.state(); got != c.want {
				t.Errorf("after the start: got %s, want %s", got, c.want)
			}
			in.canServe = true
			settle(t, core, in)
			if got := core.record.Mode; c.r.Open() && got != c.want {
				t.Errorf("taking the office wrote %s, want the resumed %s", got, c.want)
			}
		})
	}
}

// A start waits for everybody in the list, also before the peers are known.
func TestStartWaitsForPeers(t *testing.T) {
	silent := []peerWord{{fqdn: "c1"}, {fqdn: "c2", answered: true}}
	refused := []peerWord{{fqdn: "c1", answered: true}, {fqdn: "c2", answered: true}}
	for _, c := range []struct {
		name  string
		peers []peerWord
		after time.Duration
		want  bool
	}{
		{"nobody is known yet", nil, 0, true},
		{"one has not answered", silent, 0, true},
		{"one has not answered just before the end of join_wait", silent, time.Second - 1, true},
		{"join_wait is over", silent, time.Second, false},
		{"all refused", refused, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			core := newCore("c0", zone.Record{}, 0, simNow)
			in := aloneInputs()
			in.now, in.peers = simNow.Add(c.after), c.peers
			settle(t, core, in)
			if core.starting != c.want {
				t.Errorf("starting: got %t, want %t", core.starting, c.want)
			}
		})
	}
}

// Design 3: an own open record gives way to a closed one of a peer that has
// finished starting. Having none is not a closed one.
func TestOpenRecordAtStart(t *testing.T) {
	own := zone.Record{Number: 12, Term: 8, Writer: "c0", Outage: "x", Mode: zone.ExtendedHA}
	closed := zone.Record{Number: 9, Term: 9, Writer: "c1", Outage: "y", Mode: zone.Normal}
	later := zone.Record{Number: 14, Term: 14, Writer: "c1", Outage: "z", Mode: zone.InitialHA}
	for _, c := range []struct {
		name string
		peer wire.Facts
		want zone.Record
		in   zone.State
	}{
		{"closed by one that has started", wire.Facts{Record: closed}, closed, zone.Normal},
		{"closed by one that is starting", wire.Facts{Record: closed, Starting: true}, own, zone.ExtendedHA},
		{"one that has started without a record", wire.Facts{}, own, zone.ExtendedHA},
		{"a later outage", wire.Facts{Record: later}, later, zone.InitialHA},
		{"a later outage of one that is starting", wire.Facts{Record: later, Starting: true}, later, zone.InitialHA},
	} {
		t.Run(c.name, func(t *testing.T) {
			core := newCore("c0", own, 12, simNow)
			in := aloneInputs()
			in.canServe, in.peers = false, []peerWord{{fqdn: "c1", heard: true, answered: true, facts: c.peer}, {fqdn: "c2", answered: true}}
			settle(t, core, in)
			if core.record.Number != c.want.Number || core.state() != c.in {
				t.Errorf("got n%d in %s, want n%d in %s", core.record.Number, core.state(), c.want.Number, c.in)
			}
		})
	}
}

// LHC-18: a force outlives its writer: restarted, it does not give way to a peer
// that never heard of it.
func TestForcedRecordAtStart(t *testing.T) {
	own := zone.Record{Number: 12, Term: 8, Writer: "c0", Outage: "x", Mode: zone.ExtendedHA, Force: &zone.Force{By: "op"}}
	core := newCore("c0", own, 12, simNow)
	in := aloneInputs()
	in.canServe = false
	in.peers = []peerWord{
		{fqdn: "c1", heard: true, answered: true, facts: wire.Facts{Record: zone.Record{Number: 9, Term: 9, Writer: "c1", Outage: "y", Mode: zone.Normal}}},
		{fqdn: "c2", answered: true},
	}
	settle(t, core, in)
	if !core.record.Forced() || core.state() != zone.ExtendedHA {
		t.Errorf("got n%d in %s, want the forced outage to go on", core.record.Number, core.state())
	}
}

// Hand-over: the incumbent stops accepting, and the last record waits until what
// was in flight when it stopped is finished, at most two seconds.
func TestHandOverDrains(t *testing.T) {
	for _, c := range []struct {
		name    string
		drained bool
		after   time.Duration
		want    bool
	}{
		{"not in the round that stops accepting: handlers do not know yet", true, 0, false},
		{"a request is in flight", false, 100 * time.Millisecond, false},
		{"nothing is in flight any more", true, 100 * time.Millisecond, true},
		{"still in flight before the limit", false, drainLimit - 1, false},
		{"the limit is over", false, drainLimit, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			core, in := handingOver(t)
			in.now, in.drained = in.now.Add(c.after), c.drained
			settle(t, core, in)
			if got := core.record.Successor == "c0"; got != c.want || core.office == c.want {
				t.Errorf("got final %t and office %t, want final %t", got, core.office, c.want)
			}
		})
	}
}

// handingOver is c1 in the round after it began to hand over to c0.
func handingOver(t *testing.T) (*core, inputs) {
	t.Helper()
	c := started(t, "c1", zone.Record{Number: 5, Term: 5, Writer: "c1", Outage: "x", Mode: zone.ExtendedHA})
	in := aloneInputs()
	in.health = health{checked: true, trouble: "down"}
	in.peers[0] = peerWord{fqdn: "c0", heard: true, answered: true, facts: wire.Facts{
		CanServe: true, State: c.state(), Record: c.record, Highest: c.highest, Heard: []wire.Heard{{FQDN: "c1", CanServe: true}},
	}}
	settle(t, c, in)
	if c.closing == nil {
		t.Fatal("c1 did not stop accepting")
	}
	return c, in
}

// The zone does not move while the office is handed over; the successor moves it.
func TestNoMoveWhileHandingOver(t *testing.T) {
	c, in := handingOver(t)
	number := c.record.Number
	in.now, in.drained = in.now.Add(100*time.Millisecond), false
	settle(t, c, in)
	if c.state() != zone.PendingRecovery || c.record.Number != number {
		t.Errorf("got %s and n%d in a failure, want PendingRecovery and n%d until the last record", c.state(), c.record.Number, number)
	}
}

// Who cannot serve gives the office up at once, also when nobody takes it.
func TestOfficeIsLost(t *testing.T) {
	c := started(t, "c0", zone.Record{})
	in := aloneInputs()
	in.canServe, in.whyNot = false, "its disk fails"
	settle(t, c, in)
	if c.office || !strings.Contains(c.election.Reason, "c0 cannot serve: its disk fails") {
		t.Errorf("got office %t, %q", c.office, c.election.Reason)
	}
	in.canServe = true
	term := c.record.Term
	settle(t, c, in)
	if !c.office || c.record.Term <= term {
		t.Errorf("got office %t with t%d, want it again above t%d", c.office, c.record.Term, term)
	}
}

// LHC-23: who hears of another one's record, by whomever, and not of its writer, takes
// the office back, but no sooner than a deadline later: the other one may do the same.
// Who is handed the office waits for nothing.
func TestOustedTakesTheOfficeBackAfterADeadline(t *testing.T) {
	for _, successor := range []site.FQDN{"", "c0"} {
		c := started(t, "c0", zone.Record{})
		in := aloneInputs()
		in.now = in.now.Add(time.Minute)
		other := c.record
		other.Number, other.Term, other.Writer, other.Successor = c.highest+1, c.highest+1, "c2", successor
		in.peers[1] = peerWord{fqdn: "c1", heard: true, answered: true, facts: wire.Facts{State: zone.Normal, Record: other, Highest: other.Number}}
		settle(t, c, in)
		if c.office != (successor == "c0") {
			t.Errorf("handed to %q, it has the office: %t (%s)", successor, c.office, c.election.Reason)
		}
		in.now = in.now.Add(in.settings.Deadline.D())
		if settle(t, c, in); !c.office || c.record.Number <= other.Number {
			t.Errorf("a deadline later it has office %t with record %d", c.office, c.record.Number)
		}
	}
}

// Who is stopping does not take the office again after its last record.
func TestLeavingTakesNothing(t *testing.T) {
	c, in := handingOver(t)
	in.now = in.now.Add(100 * time.Millisecond)
	settle(t, c, in)
	c.leaving = true
	in.peers[0].heard = false
	in.now = in.now.Add(time.Hour)
	if made := settle(t, c, in); c.office || len(made) != 0 {
		t.Errorf("got office %t after %+v", c.office, made)
	}
	c.leaving = false
	if settle(t, c, in); !c.office {
		t.Error("the incumbent that stays does not resume")
	}
}

// An incumbent that has restarted and is still starting leaves the office to the
// next one (LHC-23).
func TestStartingIncumbentIsPassedOver(t *testing.T) {
	c := started(t, "c1", zone.Record{})
	in := aloneInputs()
	in.peers[0] = peerWord{fqdn: "c0", heard: true, answered: true, facts: wire.Facts{
		CanServe: true, Highest: 40, Record: zone.Record{Number: 40, Term: 40, Writer: "c0", Mode: zone.Normal},
	}}
	if settle(t, c, in); c.office || c.election.Elected != "c0" {
		t.Fatalf("got office %t, elected %q, want c0", c.office, c.election.Elected)
	}
	in.peers[0].facts.Starting = true
	if settle(t, c, in); !c.office || c.record.Term != 41 {
		t.Errorf("got office %t with t%d while c0 is starting, want t41", c.office, c.record.Term)
	}
}

// A successor that goes away before the last record: the incumbent goes on.
func TestHandOverIsTakenBack(t *testing.T) {
	c, in := handingOver(t)
	in.now = in.now.Add(100 * time.Millisecond)
	in.peers[0].heard = false
	settle(t, c, in)
	if c.closing != nil || !c.office || c.record.Successor != "" {
		t.Errorf("got closing %v, office %t, successor %q; want c1 to go on", c.closing, c.office, c.record.Successor)
	}
}

// A connector that resumed alone and then copies another's record follows that
// before it takes the office: a successor goes on with the record's mode.
func TestResumedAloneFollowsANewRecord(t *testing.T) {
	c := newCore("c1", zone.Record{Number: 5, Term: 5, Writer: "c1", Outage: "x", Mode: zone.InitialHA}, 5, simNow)
	in := aloneInputs()
	in.health, in.canServe = health{checked: true, trouble: "down"}, false
	settle(t, c, in)
	if c.state() != zone.ExtendedHA {
		t.Fatalf("got %s, want ExtendedHA", c.state())
	}
	in.canServe = true
	in.peers[0] = peerWord{fqdn: "c0", heard: true, answered: true, facts: wire.Facts{Highest: 9, Record: zone.Record{
		Number: 9, Term: 7, Writer: "c0", Successor: "c1", Outage: "x", Mode: zone.InitialHA,
	}}}
	settle(t, c, in)
	if !c.office || c.record.Mode != zone.InitialHA || c.record.Term != 10 {
		t.Errorf("got office %t, %s t%d, want the office in InitialHA with t10", c.office, c.record.Mode, c.record.Term)
	}
}

// A desktop that has seen a higher term would refuse every prepare.
func TestOutrank(t *testing.T) {
	c := started(t, "c0", zone.Record{Number: 5, Term: 5, Writer: "c0", Outage: "x", Mode: zone.ExtendedHA})
	in := aloneInputs()
	in.seenTerm = c.record.Term
	if made := settle(t, c, in); len(made) != 0 {
		t.Errorf("got %+v for a term that is its own", made)
	}
	in.seenTerm = 40
	settle(t, c, in)
	if !c.office || c.record.Term != 41 || c.record.Number != 41 || c.record.Mode != zone.PendingRecovery {
		t.Errorf("got office %t n%d t%d %s, want n41 t41 in PendingRecovery", c.office, c.record.Number, c.record.Term, c.record.Mode)
	}
}
