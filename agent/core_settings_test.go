package agent

import (
	"testing"
	"time"

	"understudy/site"
	"understudy/wire"
	"understudy/zone"
)

// RAS-02 while the connectors have not all imported a new `deadline` yet: c0 counts a
// word no longer than who spoke it is bound by it. simZone checks every round that
// no two serve.
func TestDeadlinesThatDiffer(t *testing.T) {
	over(t, 20, func(seed uint64) {
		z := majorityOutage(t, 3, seed)
		longer := z.settings
		longer.Deadline = site.Duration(4 * time.Second)
		z.nodes[0].settings = &longer
		z.run(2 * time.Second)
		z.split(0)
		z.until("c1 serves", 8*time.Second, z.served("c1"))
	})
}

// RAS-02: a promotion is for a zone in which a majority is needed: it does not wait
// under `available` for a time when none is present.
func TestPromotionLapsesUnderAvailable(t *testing.T) {
	z := promoted(t, 1)
	z.settings.Policy = site.Available
	z.until("the promotion has lapsed", 2*time.Second, func() bool { return z.nodes[1].core.record.Promotion == nil })
	if !z.nodes[1].core.office {
		t.Error("the office is lost with it")
	}
}

// RAS-01: a connected majority serves although all of it is behind one that it hears
// but that does not hear it, so that nobody can elect that one.
func TestNobodyGivesWayToADeafOne(t *testing.T) {
	in := inputs{settings: site.Settings{Policy: site.Majority}}
	p := peerWord{fqdn: "c2", heard: true, facts: wire.Facts{CanServe: true, Heard: []wire.Heard{{FQDN: "c1"}}}}
	for self, want := range map[site.FQDN]bool{"c0": false, "c1": true} {
		if got := in.couldServe(self, p); got != want {
			t.Errorf("%s gives way to c2: %t, want %t", self, got, want)
		}
	}
	in.settings.Policy = site.Available
	if !in.couldServe("c0", p) {
		t.Error("under available c2 elects itself, so c0 gives way to it")
	}
}

// An operator's `relist` waits for a list that a peer has, not for what is published
// some day: by then nobody thinks of it.
func TestRelistWaitsForAPeerOnly(t *testing.T) {
	used, newer := site.Version{History: "h", Number: 7}, site.Version{History: "h", Number: 8}
	for version, want := range map[site.Version]bool{used: false, newer: true} {
		peers := []peerWord{{fqdn: "b", heard: true, facts: wire.Facts{List: version}}, {fqdn: "c", facts: wire.Facts{List: newer}}}
		if got := newerHeard(peers, used); got != want {
			t.Errorf("%s: %t, want %t", version, got, want)
		}
	}
}

// Design 4: a drain is answered when another one has the office, or nobody can take
// it; not in the moment in which nobody has it.
func TestDrainIsAnsweredAfterTheHandOver(t *testing.T) {
	final := zone.Record{Writer: "c0", Successor: "c1"}
	for name, c := range map[string]struct {
		s    stance
		want bool
	}{
		"others are to take over":      {stance{elected: "c0", successor: "c1"}, true},
		"nobody can take over":         {stance{elected: "c0"}, false},
		"the final is written":         {stance{record: final}, true},
		"the successor is elected":     {stance{elected: "c1", record: final}, false},
		"nobody was elected before it": {stance{record: zone.Record{Writer: "c0"}}, false},
		"another one gave it away":     {stance{record: zone.Record{Writer: "c2", Successor: "c1"}}, false},
	} {
		c.s.self = "c0"
		if got := c.s.handsOver(); got != c.want {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
	}
}

// LHC-24: under majority nobody is elected in the moment of a hand-over; that is no
// alarm, unless it lasts.
func TestHandOverRaisesNoAlarm(t *testing.T) {
	a := muted(Options{FQDN: "c2"})
	in := aloneInputs()
	a.core = newCore("c2", zone.Record{Number: 5, Writer: "c0", Successor: "c1"}, 5, simNow)
	a.core.starting, a.elected.who = false, "c0"
	a.tellElection(simNow.Add(in.settings.Deadline.D()), in)
	if a.elected.who != "c0" {
		t.Error("told within a deadline after the final")
	}
	a.tellElection(simNow.Add(in.settings.Deadline.D()+1), in)
	if a.elected.who != "" {
		t.Error("not told after it")
	}
}
