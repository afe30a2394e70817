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

// majorityOf is a zone under majority before its first outage.
func majorityOf(t *testing.T, n int, seed uint64) *simZone {
	t.Helper()
	z := newSim(t, n, seed)
	z.settings.Policy = site.Majority
	z.until("c0 is elected", 10*time.Second, func() bool { return slices.Equal(z.offices(), z.list[:1]) && z.agree() })
	return z
}

// majorityOutage is a zone under majority in HA mode that c0 serves.
func majorityOutage(t *testing.T, n int, seed uint64) *simZone {
	t.Helper()
	z := majorityOf(t, n, seed)
	z.cloud(false)
	z.until("c0 serves", 12*time.Second, z.served("c0"))
	return z
}

// never fails if cond holds in any round of a period.
func (z *simZone) never(what string, d time.Duration, cond func() bool) {
	z.t.Helper()
	for end := z.now.Add(d); z.now.Before(end); {
		z.step()
		if cond() {
			z.fail("%s: %s", what, z.describe())
		}
	}
}

// named is c1 of five with the office, and the words of its four peers that name
// it, each echoing a heartbeat of a moment ago.
func named(t *testing.T) (*core, inputs) {
	t.Helper()
	c := newCore("c1", zone.Record{Number: 5, Term: 5, Writer: "c1", Outage: "x", Mode: zone.ExtendedHA}, 5, simNow)
	in := aloneInputs()
	in.settings.Policy, in.list = site.Majority, []site.FQDN{"c0", "c1", "c2", "c3", "c4"}
	in.health, in.peers = health{checked: true, trouble: "down"}, nil
	for _, name := range in.list {
		if name == "c1" {
			continue
		}
		f := wire.Facts{CanServe: true, State: c.record.Mode, Record: c.record, Highest: 5, Vote: "c1"}
		for _, other := range in.list {
			if other != name {
				f.Heard = append(f.Heard, wire.Heard{FQDN: other, CanServe: true})
			}
		}
		in.peers = append(in.peers, peerWord{fqdn: name, heard: true, answered: true, facts: f, at: simNow, echoed: simNow})
	}
	settle(t, c, in)
	if !c.office {
		t.Fatalf("c1 has not the office: %+v", c.election)
	}
	c.woken = simNow.Add(-time.Hour)
	return c, in
}

// hears moves the inputs on: every peer has said the same again, a moment ago.
func hears(in inputs, now time.Time) inputs {
	in.now, in.peers = now, slices.Clone(in.peers)
	for i := range in.peers {
		in.peers[i].at, in.peers[i].echoed = now, now.Add(-simStep)
	}
	return in
}

// Design 4: "under majority the incumbent takes the office again with a new
// majority". c1 gives the office to c0 and stops hearing it at once; the words that
// still name c1 were spoken before its final, and who spoke them names c0 as soon as
// that arrives.
func TestOldWordsElectNobodyAfterTheFinal(t *testing.T) {
	c, in := named(t) // and stops accepting
	c.cast(in)
	in = hears(in, simNow.Add(simStep))
	settle(t, c, in)
	if c.record.Successor != "c0" || c.office || c.cast(in) != "c0" {
		t.Fatalf("got office %t and %+v, naming %s, want the final for c0", c.office, c.record, c.named)
	}
	in = hears(in, in.now.Add(simStep))
	in.peers[0].heard = false
	for i := range in.peers {
		in.peers[i].at = in.peers[i].at.Add(-in.settings.Deadline.D())
	}
	c.ballot.Bound = in.now
	if settle(t, c, in); c.office {
		t.Fatalf("c1 serves again by words from before its final, while they may elect c0: %s", c.election.Reason)
	}
	if c.cast(in) != "c1" {
		t.Fatalf("c1 names %q, want itself again", c.named)
	}
	in = hears(in, in.now.Add(simStep))
	if settle(t, c, in); c.office {
		t.Fatalf("c1 serves by words that echo what it sent before it named itself: %s", c.election.Reason)
	}
	c.cast(in)
	in = hears(in, in.now.Add(simStep))
	if settle(t, c, in); !c.office {
		t.Errorf("c1 does not serve by a new majority: %s", c.election.Reason)
	}
}

// "Go on naming the incumbent until its final": c1, which named itself, names c0; who
// named it turns at once, though it never saw the final, and is bound else.
func TestVotersTurnWithTheNamedOne(t *testing.T) {
	for _, insisted := range []bool{true, false} {
		_, in := named(t)
		c := newCore("c2", zone.Record{Number: 5, Term: 5, Writer: "c1", Outage: "x", Mode: zone.ExtendedHA}, 5, simNow)
		c.starting, c.woken = false, simNow.Add(-time.Hour)
		in.peers[1] = in.peers[0]
		in.peers[1].fqdn = "c1"
		if in.peers[1].facts.Vote = ""; insisted {
			in.peers[1].facts.Vote = "c1"
		}
		if settle(t, c, in); c.cast(in) != "c1" {
			t.Fatalf("c2 names %q, want c1", c.named)
		}
		in = hears(in, simNow.Add(simStep))
		in.peers[0].facts.Record = zone.Record{Number: 7, Term: 7, Writer: "c0", Outage: "x", Mode: zone.ExtendedHA}
		in.peers[1].facts.Vote = "c0"
		want := site.FQDN("")
		if insisted {
			want = "c0"
		}
		if settle(t, c, in); c.cast(in) != want {
			t.Errorf("c1 had named itself %t: c2 names %q, want %q", insisted, c.named, want)
		}
	}
}

// over runs a scenario under several schedules.
func over(t *testing.T, seeds uint64, scenario func(seed uint64)) {
	t.Helper()
	for seed := range seeds {
		scenario(seed)
	}
}

// RAS-01: "Three brokers: when the primary fails, one of the other two is promoted
// automatically", and takes part in order when it is back.
func TestMajorityOfThreeIsAutomatic(t *testing.T) {
	over(t, 5, func(seed uint64) {
		z := majorityOutage(t, 3, seed)
		z.crash(0)
		z.until("c1 serves", 6*time.Second, z.served("c1"))
		z.start(0)
		z.until("c0 serves again", 8*time.Second, z.served("c0"))
		z.cloud(true)
		z.until("Normal", 15*time.Second, func() bool { return z.all(zone.Normal) })
	})
}

// RAS-02, "`majority` by presence": one that is cut off from two never serves, and
// the two go on; half of four is no majority.
func TestMinorityNeverServes(t *testing.T) {
	over(t, 10, func(seed uint64) {
		z := majorityOutage(t, 3, seed)
		z.split(0)
		z.until("c1 serves", 6*time.Second, z.served("c1"))
		z.never("c0 serves alone", 5*time.Second, func() bool { return z.nodes[0].serves() })
		if got := z.nodes[0].core.election.Elected; got != "" {
			z.fail("c0 elects %s in a part of one", got)
		}
		z.heal()
		z.until("one serves", 8*time.Second, z.onlyServer)
	})
	z := majorityOutage(t, 4, 3)
	z.split(0, 1)
	z.run(3 * time.Second)
	z.never("half of the zone serves", 5*time.Second, func() bool { return len(z.serving()) > 0 })
	z.heal()
	z.until("one serves", 8*time.Second, z.onlyServer)
}

// "Under `majority` nobody decides alone: it stays in PendingHA with `no_quorum`."
func TestNoQuorumStaysInPendingHA(t *testing.T) {
	z := majorityOf(t, 3, 1)
	z.split(0)
	z.crash(1)
	z.crash(2)
	z.cloud(false)
	z.run(10 * time.Second)
	c := z.nodes[0].core
	if c.state() != zone.PendingHA || !strings.Contains(c.waiting, "no_quorum") {
		z.fail("got %s, %q; want PendingHA with no_quorum", c.state(), c.waiting)
	}
}

// "A word counts from when the named one *sent* the heartbeat it echoes, not from
// receipt": c0 stalls, c1 and c2 name c1; c0 wakes and reads from its socket an old
// heartbeat that names c0. simZone checks every round that no two serve.
func TestStalledOneReadsOldWords(t *testing.T) {
	over(t, 40, func(seed uint64) {
		z := majorityOutage(t, 3, seed)
		z.pause(0, time.Duration(6+seed)*simStep)
		z.run(6 * time.Second)
		z.until("one serves", 6*time.Second, z.onlyServer)
	})
}

// The same where the words are slow and nobody is paused: heartbeats towards c0 stop
// while those from it arrive.
func TestWordsLapseAtTheNamedOne(t *testing.T) {
	over(t, 20, func(seed uint64) {
		z := majorityOutage(t, 3, seed)
		z.cutOneWay(1, 0)
		z.run(time.Duration(seed%5) * simStep)
		z.cutOneWay(2, 0)
		z.soon("c0 has stopped", z.settings.Deadline.D()+simDelay*simStep, func() bool { return !z.nodes[0].serves() })
		z.until("c1 serves", 6*time.Second, z.served("c1"))
	})
}

// "Go on naming the incumbent until its *final*": an orderly hand-over has no gap
// that is longer than one round trip of heartbeats.
func TestHandOverUnderMajorityHasNoGap(t *testing.T) {
	over(t, 40, func(seed uint64) {
		z := majorityOutage(t, 3+2*int(seed%2), seed)
		z.crash(0)
		z.until("c1 serves", 6*time.Second, z.served("c1"))
		z.start(0)
		gap, longest := 0, 0
		z.until("c0 serves", 8*time.Second, func() bool {
			if gap++; len(z.serving()) > 0 {
				gap = 0
			}
			longest = max(longest, gap)
			return z.served("c0")()
		})
		if limit := 2 * (simDelay + 2); longest > limit {
			z.fail("nobody served for %d rounds, want at most %d", longest, limit)
		}
	})
}

// "After a start, name nobody for one deadline": a voter that restarts at once has
// forgotten whom it named.
func TestRestartedVoterNamesNobody(t *testing.T) {
	_, in := named(t)
	in.peers[1] = in.peers[0] // c2's peers are c0, c1, c3 and c4
	in.peers[1].fqdn = "c1"
	c := newCore("c2", zone.Record{}, 0, simNow)
	for _, d := range []time.Duration{0, in.settings.Deadline.D() - 1, in.settings.Deadline.D()} {
		want := site.FQDN("")
		if d == in.settings.Deadline.D() {
			want = "c1"
		}
		in = hears(in, simNow.Add(d))
		if settle(t, c, in); c.starting || c.cast(in) != want {
			t.Errorf("%s after the start: starting %t, names %q, want %q", d, c.starting, c.named, want)
		}
	}
}

// The moment until which a word counts, and which do not count at all.
func TestLeases(t *testing.T) {
	c, in := named(t)
	sent := simNow.Add(-time.Second / 2)
	for _, tc := range []struct {
		name  string
		peer  peerWord
		until time.Time
	}{
		{"from when the named one sent what it echoes, less 5 %", peerWord{heard: true, facts: wire.Facts{Vote: "c1"}, at: simNow, echoed: sent}, sent.Add(950 * time.Millisecond)},
		{"it names another", peerWord{heard: true, facts: wire.Facts{Vote: "c0"}, at: simNow, echoed: sent}, time.Time{}},
		{"it is starting", peerWord{heard: true, facts: wire.Facts{Vote: "c1", Starting: true}, at: simNow, echoed: sent}, time.Time{}},
		{"it echoes nothing", peerWord{heard: true, facts: wire.Facts{Vote: "c1"}, at: simNow}, time.Time{}},
		{"it is not heard", peerWord{facts: wire.Facts{Vote: "c1"}, at: simNow, echoed: sent}, time.Time{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.peer.fqdn = "c4"
			in.peers = []peerWord{tc.peer}
			if got := c.leases(in)["c4"]; !got.Equal(tc.until) {
				t.Errorf("got %s, want %s", got, tc.until)
			}
		})
	}
}

// Who has not copied the highest record that it knows names nobody: it would not
// know that the one it names has given the office away.
func TestWhoHasNotCopiedNamesNobody(t *testing.T) {
	c, in := named(t)
	if in = hears(in, simNow.Add(simStep)); len(settle(t, c, in)) == 0 || c.office {
		t.Fatal("c1 did not hand over")
	}
	if got := c.cast(in); got != "c0" {
		t.Fatalf("got %q, want the successor", got)
	}
	in.peers[0].facts.Record = zone.Record{Number: 90, Term: 90, Writer: "c0", Outage: "x", Mode: zone.ExtendedHA}
	if got := c.cast(in); got != "" {
		t.Errorf("got %q, want nobody", got)
	}
}

// "Preempt only while each of the two says it hears the other", and "who is named
// must be electable": the c0-c1 link is cut, c2 hears both.
func TestMajorityOverACutLink(t *testing.T) {
	over(t, 5, func(seed uint64) {
		z := majorityOutage(t, 3, seed)
		z.cutBoth(0, 1)
		z.run(quiet(z))
		z.never("somebody but c0 serves", 4*time.Second, func() bool { return !z.served("c0")() })
		z.cutBoth(0, 2)
		z.until("c1 serves", 8*time.Second, z.served("c1"))
		delete(z.cut, [2]int{0, 2})
		delete(z.cut, [2]int{2, 0})
		z.run(quiet(z))
		z.never("c1 stops for one that it does not hear", 4*time.Second, func() bool { return !z.served("c1")() })
	})
}

// promoted is two connectors in an outage under majority: c0 has died and an
// operator has promoted c1.
func promoted(t *testing.T, seed uint64) *simZone {
	t.Helper()
	z := majorityOutage(t, 2, seed)
	z.crash(0)
	z.run(3 * time.Second)
	z.never("c1 is promoted by itself", 5*time.Second, func() bool { return len(z.serving()) > 0 })
	z.nodes[1].promote = &wire.ElectionOrder{Action: wire.Promote, By: "op", Reason: "c0 burns"}
	z.until("c1 serves", 4*time.Second, z.served("c1"))
	if p := z.nodes[1].saved.Promotion; p == nil || p.By != "op" || p.Reason != "c0 burns" || z.nodes[1].saved.Outage == "" {
		z.fail("the promotion is not durable with the outage: %+v", z.nodes[1].saved)
	}
	return z
}

// RAS-02: "Two brokers: no automatic promotion; an administrator promotes by hand."
// It lapses when a majority is present again.
func TestPromotionLapses(t *testing.T) {
	over(t, 5, func(seed uint64) {
		z := promoted(t, seed)
		z.start(0)
		z.until("a majority serves", 10*time.Second, func() bool {
			return z.onlyServer() && z.agree() && z.nodes[0].core.record.Promotion == nil
		})
		z.crash(0)
		z.run(3 * time.Second)
		z.never("c1 serves by a promotion that has lapsed", 3*time.Second, func() bool { return len(z.serving()) > 0 })
	})
}

// LHC-22, NEW-01: where no majority is present, those who hear the promoted one take it
// for elected: they name it to who asks, and mirror what it has.
func TestPromotedIsElectedForWhoHearsIt(t *testing.T) {
	over(t, 5, func(seed uint64) {
		z := majorityOutage(t, 4, seed)
		z.crash(0)
		z.crash(2)
		z.crash(3)
		z.run(3 * time.Second)
		z.nodes[1].promote = &wire.ElectionOrder{Action: wire.Promote, By: "op"}
		z.until("c1 serves", 4*time.Second, z.served("c1"))
		z.start(2)
		z.until("c2 takes c1 for elected", 6*time.Second, func() bool { return z.nodes[2].core.election.Elected == "c1" })
		z.never("c2 takes the office, or c1 loses it", 5*time.Second, func() bool { return !z.served("c1")() })
		z.crash(1)
		z.until("c2 sees nobody elected", 4*time.Second, func() bool { return z.nodes[2].core.election.Elected == "" })
	})
}

// RAS-02: the promotion "is durable": the promoted one restarts, and serves.
func TestPromotionSurvivesARestart(t *testing.T) {
	z := promoted(t, 1)
	z.crash(1)
	z.run(time.Second)
	z.start(1)
	z.until("c1 serves", 5*time.Second, z.served("c1"))
}

// RAS-02: a promotion is over with its outage: in the next one an operator decides
// anew.
func TestPromotionEndsWithTheOutage(t *testing.T) {
	z := promoted(t, 1)
	z.cloud(true)
	z.until("Normal", 15*time.Second, func() bool { return z.all(zone.Normal) })
	z.cloud(false)
	z.run(10 * time.Second)
	if n := z.nodes[1]; n.serves() || n.core.state() != zone.PendingHA {
		z.fail("c1 opened another outage by the old promotion: %s", z.describe())
	}
}

// RAS-02: a promotion is void after another has taken the office.
func TestPromotionIsVoidAfterAnotherTookTheOffice(t *testing.T) {
	z := majorityOutage(t, 3, 2)
	z.split(0)
	z.crash(2)
	z.run(3 * time.Second)
	z.nodes[1].promote = &wire.ElectionOrder{Action: wire.Promote, By: "op"}
	z.until("c1 serves", 4*time.Second, z.served("c1"))
	z.pause(1, 8*time.Second)
	z.start(2)
	z.heal()
	z.until("c0 serves", 10*time.Second, z.served("c0"))
	z.until("c1 has heard of it", 25*time.Second, func() bool { return z.nodes[1].core.record.Writer == "c0" })
	z.split(1)
	z.never("c1 serves by a promotion that is void", 5*time.Second, func() bool { return z.nodes[1].serves() })
}

// RAS-02: who hears that a majority names another gives way, though nobody hears it.
func TestPromotedGivesWayToWhomItSees(t *testing.T) {
	z := majorityOutage(t, 3, 2)
	z.split(0)
	z.until("c1 serves", 6*time.Second, z.served("c1"))
	z.nodes[0].promote = &wire.ElectionOrder{Action: wire.Promote, By: "op"}
	z.until("an operator had c0 serve too", 4*time.Second, func() bool { return z.nodes[0].serves() })
	z.desktop = 90 // c0's record is the higher one
	z.soon("c0 has a higher term", 5*time.Second, func() bool { return z.nodes[0].core.record.Term > 90 })
	delete(z.cut, [2]int{1, 0})
	delete(z.cut, [2]int{2, 0})
	z.until("c0 gives way", 5*time.Second, z.served("c1"))
}

// Policies that differ while a change of the site is under way, also for a whole
// outage: who goes by `available` names whom it elects, so one that goes by
// `majority` already can serve.
func TestPoliciesThatDiffer(t *testing.T) {
	z := newSim(t, 3, 5)
	z.until("c0 is elected", 10*time.Second, func() bool { return slices.Equal(z.offices(), z.list[:1]) && z.agree() })
	own := z.settings
	own.Policy = site.Majority
	z.nodes[0].settings = &own
	z.crash(2)
	z.cloud(false)
	z.until("c0 serves with the word of one that goes by available", 12*time.Second, z.served("c0"))
}
