package agent

import (
	"slices"
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
	c, in := named(t)
	in = hears(in, simNow.Add(simStep))
	settle(t, c, in) // it stops accepting
	in = hears(in, in.now.Add(simStep))
	settle(t, c, in)
	if c.record.Successor != "c0" || c.office {
		t.Fatalf("got office %t and %+v, want the final for c0", c.office, c.record)
	}
	c.cast(in)
	in = hears(in, in.now.Add(simStep))
	in.peers[0].heard = false
	if settle(t, c, in); c.office {
		t.Fatalf("c1 serves again by words from before its final, while they may elect c0: %s", c.election.Reason)
	}
	in = hears(in, in.now.Add(in.settings.Deadline.D()))
	for i := range in.peers {
		in.peers[i].facts.Record = c.record // they carry the final, and name c1 all the same
	}
	if settle(t, c, in); !c.office {
		t.Errorf("c1 does not serve by a new majority: %s", c.election.Reason)
	}
}
