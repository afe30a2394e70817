package agent

import (
	"slices"
	"testing"
	"time"

	"understudy/statemachine"
	"understudy/wire"
	"understudy/zone"
)

// The scenarios of the zone protocol, by name. Each one is an interleaving that
// broke a zone without the rule that it quotes.

// outage is a zone in HA mode that c0 serves.
func outage(t *testing.T, n int) *simZone {
	t.Helper()
	z := newSim(t, n, 3)
	z.until("c0 is elected", 10*time.Second, func() bool { return slices.Equal(z.offices(), z.list[:1]) && z.agree() })
	z.cloud(false)
	z.until("c0 serves", 10*time.Second, z.served("c0"))
	return z
}

// LHC-21, LHC-23: the first in order serves, the next takes over when it fails,
// and it takes over again when it is back.
func TestNextServesWhileFirstIsDown(t *testing.T) {
	z := outage(t, 3)
	z.crash(0)
	z.until("c1 serves", 3*time.Second, z.served("c1"))
	z.start(0)
	z.until("c0 serves again", 5*time.Second, z.served("c0"))
}

// NEW-02, LHC-25: "the term goes up with every change of who serves, the cloud broker
// included": else no desktop would follow an invitation.
func TestTermGoesUpWhenAnOutageBeginsAndEnds(t *testing.T) {
	z := newSim(t, 3, 3)
	z.until("c0 is elected", 10*time.Second, func() bool { return slices.Equal(z.offices(), z.list[:1]) && z.agree() })
	before := z.nodes[0].core.record.Term
	z.cloud(false)
	z.until("c0 serves", 10*time.Second, z.served("c0"))
	within := z.nodes[0].core.record.Term
	z.cloud(true)
	z.until("it is Normal", time.Minute, func() bool { return z.nodes[0].core.state() == zone.Normal && z.agree() })
	if after := z.nodes[0].core.record.Term; before >= within || within >= after {
		t.Errorf("got terms %d, %d in the outage, %d after it", before, within, after)
	}
}

// LHC-23: a restart of a connector that is not elected changes nothing.
func TestRestartOfAnotherChangesNothing(t *testing.T) {
	z := outage(t, 3)
	term := z.nodes[0].core.record.Term
	z.crash(2)
	z.run(500 * time.Millisecond)
	z.start(2)
	for range 50 {
		z.step()
		if !z.served("c0")() {
			z.fail("c0 stopped serving: %s", z.describe())
		}
	}
	if got := z.nodes[0].core.record.Term; got != term {
		t.Errorf("got term %d, want %d as before", got, term)
	}
	if got := z.nodes[2].core.state(); got != z.nodes[0].core.state() {
		t.Errorf("c2 is in %s, c0 in %s", got, z.nodes[0].core.state())
	}
}

// "Number and term of a new record are above all ever seen": both sides of a
// split write many records, and desktops have seen the higher term of the side
// whose record loses.
func TestTermIsAboveAllSeenAfterASplit(t *testing.T) {
	z := outage(t, 3)
	z.split(0)
	z.until("both sides serve", 6*time.Second, func() bool { return len(z.serving()) == 2 })
	for range 4 { // successions on the other side
		z.nodes[1].canServe = false
		z.soon("c2 serves", 3*time.Second, func() bool { return z.nodes[2].serves() })
		z.nodes[1].canServe = true
		z.soon("c1 serves", 3*time.Second, func() bool { return z.nodes[1].serves() })
	}
	z.desktop = z.nodes[1].core.record.Term
	z.heal()
	z.until("one serves with the highest term", 8*time.Second, func() bool { return z.onlyServer() && z.highestTerm() })
}

// "Number and term …, durable": who has seen a high number and restarts still
// writes above it.
func TestHighestSurvivesARestart(t *testing.T) {
	c := newCore("c1", zone.Record{Number: 4, Term: 4, Writer: "c1", Mode: zone.Normal}, 17, simNow)
	in := aloneInputs()
	settle(t, c, in)
	if !c.office || c.record.Number != 18 || c.record.Term != 18 {
		t.Errorf("got office %t n%d t%d, want the office with n18 t18", c.office, c.record.Number, c.record.Term)
	}
}

// "The incumbent is the writer of the highest record; a heartbeat older than the
// record held does not end a claim": c0 hears c1's record from c2 first.
func TestRecordHeardFromAnotherIsAClaim(t *testing.T) {
	c := started(t, "c0", zone.Record{Number: 38, Term: 30, Writer: "c0", Mode: zone.Normal})
	old := c.record
	news := zone.Record{Number: old.Number + 1, Term: old.Number + 1, Writer: "c1", Mode: zone.Normal}
	in := aloneInputs()
	in.peers = []peerWord{
		{fqdn: "c1", heard: true, answered: true, facts: wire.Facts{CanServe: true, Record: old, Highest: old.Number}},
		{fqdn: "c2", heard: true, answered: true, facts: wire.Facts{CanServe: true, Record: news, Highest: news.Number}},
	}
	settle(t, c, in)
	if c.office || c.record.Writer != "c1" || c.record.Number != news.Number {
		t.Errorf("got office %t and n%d by %s, want n%d by c1", c.office, c.record.Number, c.record.Writer, news.Number)
	}
}

// "An own open record gives way, at start, to a closed one of a peer that has
// started": c0 wrote n12 alone and crashed, c1 closed the outage at a lower number.
func TestOpenRecordGivesWayToAClosedOne(t *testing.T) {
	z := newSim(t, 2, 1)
	z.crash(0)
	z.nodes[0].saved, z.nodes[0].highest = zone.Record{Number: 12, Term: 8, Writer: "c0", Outage: "theirs", Mode: zone.ExtendedHA}, 12
	z.nodes[1].core = newCore("c1", zone.Record{Number: 8, Term: 8, Writer: "c1", Outage: "ours", Mode: zone.Normal}, 8, z.now)
	z.until("c1 has the office", 4*time.Second, func() bool { return slices.Equal(z.offices(), z.list[1:]) })
	z.start(0)
	for range 60 {
		z.step()
		if !z.all(zone.Normal, zone.PendingHA) && !z.nodes[0].core.starting {
			z.fail("c0 dragged a healthy zone into its outage: %s", z.describe())
		}
	}
	if got := z.nodes[0].core.record.Number; got <= 12 {
		t.Errorf("got n%d after c0 took over, want above the 12 it had seen", got)
	}
}

// "A starter's record counts only for starters": all restart at once, and the
// highest record of any of them goes on.
func TestStartersAgreeOnTheHighestRecord(t *testing.T) {
	z := outage(t, 3)
	z.soon("ExtendedHA", 6*time.Second, func() bool { return z.all(zone.ExtendedHA) })
	want := z.nodes[0].core.record.Outage
	for i := range z.nodes {
		z.crash(i)
	}
	z.nodes[0].saved = zone.Record{} // it lost its data folder
	for i := range z.nodes {
		z.start(i)
	}
	z.until("one serves", 6*time.Second, z.onlyServer)
	if got := z.nodes[0].core.record.Outage; got != want {
		t.Errorf("got the outage %q, want %q to go on", got, want)
	}
}

// A starter's record does not move who has started.
func TestStarterMovesNobody(t *testing.T) {
	c := started(t, "c1", zone.Record{Number: 3, Term: 3, Writer: "c1", Mode: zone.Normal})
	in := aloneInputs()
	in.peers = []peerWord{{fqdn: "c0", heard: true, answered: true, facts: wire.Facts{
		Starting: true, CanServe: true, Highest: 12, Record: zone.Record{Number: 12, Term: 8, Writer: "c0", Outage: "x", Mode: zone.ExtendedHA},
	}}}
	settle(t, c, in)
	if c.state() != zone.Normal || c.record.Writer != "c1" || c.highest < 12 {
		t.Errorf("got %s, a record by %s, highest %d; want Normal by c1, and to remember 12", c.state(), c.record.Writer, c.highest)
	}
}

// "Preempt only while each of the two says that it hears the other": the c0-c1
// link is cut and c2 hears both; c1 goes on without a break.
func TestNoHandOverOverACutLink(t *testing.T) {
	z := outage(t, 3)
	z.crash(0)
	z.until("c1 serves", 3*time.Second, z.served("c1"))
	z.cutBoth(0, 1)
	z.start(0)
	for range 100 {
		z.step()
		if !z.served("c1")() {
			z.fail("c1 stopped serving for a successor that it does not hear: %s", z.describe())
		}
	}
	z.heal()
	z.until("c0 serves", 5*time.Second, z.served("c0"))
}

// "Running includes whom somebody I hear lists as heard": c0 and c1 do not hear
// each other and both hear c2; only one serves.
func TestOneServesInAChain(t *testing.T) {
	z := outage(t, 3)
	z.cutBoth(0, 1)
	z.run(quiet(z))
	for range 50 {
		z.step()
		if !z.served("c0")() {
			z.fail("want c0 alone: %s", z.describe())
		}
	}
}

// "Waking late is a start; join_wait ends the wait also when all peers are dead":
// a lone survivor that was paused resumes.
func TestLoneSurvivorResumesAfterAPause(t *testing.T) {
	for _, link := range []string{"refused", "silent"} {
		t.Run(link, func(t *testing.T) {
			z := outage(t, 3)
			if link == "silent" {
				z.split(0)
			}
			z.crash(1)
			z.crash(2)
			z.until("c0 serves alone", 5*time.Second, z.served("c0"))
			z.pause(0, 3*time.Second)
			z.run(2900 * time.Millisecond)
			if len(z.serving()) != 0 {
				z.fail("a paused connector serves")
			}
			z.until("c0 serves again", 5*time.Second, z.served("c0"))
			if got := z.nodes[0].core.state(); got != zone.ExtendedHA {
				t.Errorf("got %s, want ExtendedHA (RAS-06)", got)
			}
		})
	}
}

// A connector that wakes late serves nobody before it has heard its peers, and
// learns that another serves now.
func TestLateWakerDoesNotServe(t *testing.T) {
	z := outage(t, 2)
	z.pause(0, 3*time.Second)
	z.soon("c1 serves", 2900*time.Millisecond, func() bool { return z.nodes[1].serves() })
	z.run(z.nodes[0].paused.Sub(z.now))
	if !z.nodes[0].core.starting {
		z.fail("c0 woke late and goes on: %s", z.describe())
	}
	for range 10 {
		z.step()
		if len(z.serving()) > 1 {
			z.fail("two serve: %s", z.describe())
		}
	}
	z.until("c0 serves again", 5*time.Second, z.served("c0"))
}

// "Of two records of one outage the closed one wins": a side that closed it is not
// dragged back by one that had lost the link.
func TestClosedSideWinsAfterASplit(t *testing.T) {
	z := outage(t, 3)
	z.split(2)
	z.cloud(true, 0, 1)
	z.until("c0 and c1 are Normal", 15*time.Second, func() bool {
		return z.nodes[0].core.state() == zone.Normal && z.nodes[1].core.state() == zone.Normal
	})
	if !z.nodes[2].serves() {
		z.fail("want c2 to serve its part: %s", z.describe())
	}
	for range 4 { // its open record gets the highest number
		z.nodes[2].canServe = false
		z.run(2 * simStep)
		z.nodes[2].canServe = true
		z.run(2 * simStep)
	}
	if open, closed := z.nodes[2].core.record.Number, z.nodes[0].core.record.Number; open <= closed {
		t.Fatalf("c2 holds the outage open with n%d, not above n%d", open, closed)
	}
	z.cloud(true)
	z.nodes[0].moves, z.nodes[1].moves = nil, nil
	z.heal()
	z.until("all are Normal", 5*time.Second, func() bool { return z.all(zone.Normal) })
	for _, n := range z.nodes[:2] {
		for _, m := range n.moves {
			t.Errorf("%s went to %s again", n.name, m.To)
		}
	}
	followed := func(tr statemachine.Transition) bool { return tr.Event == statemachine.FollowNormal }
	if !slices.ContainsFunc(z.nodes[2].moves, followed) {
		t.Errorf("c2 moved by %+v, want follow_normal", z.nodes[2].moves)
	}
}

// "No present connector healthy for the detection period, by the elected one's
// stopwatch": one that restarts in a loop does not postpone HA mode.
func TestRestartLoopDoesNotPostponeHAMode(t *testing.T) {
	z := newSim(t, 3, 5)
	z.until("c0 is elected", 10*time.Second, func() bool { return slices.Equal(z.offices(), z.list[:1]) })
	z.cloud(false)
	for end := z.now.Add(6 * time.Second); z.now.Before(end); {
		z.crash(2)
		z.run(300 * time.Millisecond)
		z.start(2)
		z.run(500 * time.Millisecond)
	}
	if !z.nodes[0].serves() {
		z.fail("c0 does not serve: %s", z.describe())
	}
}

// LHC-12: one healthy connector keeps the zone out of HA mode.
func TestOneHealthyConnectorKeepsTheCloud(t *testing.T) {
	z := newSim(t, 3, 6)
	z.until("c0 is elected", 10*time.Second, func() bool { return slices.Equal(z.offices(), z.list[:1]) })
	z.cloud(false, 0, 1)
	z.run(8 * time.Second)
	if !z.all(zone.Normal, zone.PendingHA) || z.nodes[0].core.state() != zone.PendingHA {
		z.fail("want PendingHA: %s", z.describe())
	}
}

// RAS-06: a connector whose disk is broken joins its zone all the same, and
// relays: what others wrote it need not have written down to go by it. It holds no
// office, and what it copied is durable as soon as the disk works.
func TestStartOnABrokenDisk(t *testing.T) {
	z := outage(t, 3)
	z.crash(1)
	z.nodes[1].saved, z.nodes[1].highest = zone.Record{}, 0
	z.nodes[1].broken, z.nodes[1].canServe = true, false
	z.start(1)
	c := z.nodes[1]
	z.until("c1 has joined the outage", 5*time.Second, func() bool { return !c.core.starting && c.core.state().HA() })
	if !c.saved.IsZero() {
		t.Fatalf("got n%d durable on a broken disk", c.saved.Number)
	}
	z.crash(0)
	z.until("c2 serves", 3*time.Second, z.served("c2"))
	c.broken, c.canServe = false, true
	z.until("c1 has written down what it knows, and serves", 6*time.Second, func() bool { return c.serves() && c.saved.Writer == "c1" })
}
