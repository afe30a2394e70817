package agent

import (
	"strings"
	"testing"
	"time"

	"understudy/site"
	"understudy/wire"
)

// handsOver reports whether a connector has stopped accepting for a successor.
func (z *simZone) handsOver(i int) func() bool {
	return func() bool { c := z.nodes[i].core; return c.closing != nil || c.record.Successor != "" }
}

// LHC-23: "a restarted, better-ranked connector takes over again (default), or does
// not (`preempt: false`)"; it serves when the other one is gone.
func TestPreemptFalse(t *testing.T) {
	z := outage(t, 3)
	no := false
	z.settings.Preempt = &no
	z.crash(0)
	z.until("c1 serves", 4*time.Second, z.served("c1"))
	z.start(0)
	z.never("c1 hands over", 8*time.Second, z.handsOver(1))
	z.crash(1)
	z.until("c0 serves", 4*time.Second, z.served("c0"))
}

// Design 4: "one that *lost* the office only after `preempt_after` of unbroken
// presence": each break begins the time anew.
func TestPreemptAfter(t *testing.T) {
	z := outage(t, 3)
	z.settings.PreemptAfter = site.Duration(6 * time.Second)
	z.crash(0)
	z.until("c1 serves", 4*time.Second, z.served("c1"))
	for range 3 {
		z.start(0)
		z.never("c1 hands over to one that comes and goes", 5*time.Second, z.handsOver(1))
		z.crash(0)
		z.run(simStep)
	}
	z.start(0)
	z.until("c0 serves", 10*time.Second, z.served("c0"))
}

// Who gave the office up in order, by a drain or a stop, takes it back at once.
func TestGivenUpInOrderIsTakenBackAtOnce(t *testing.T) {
	for name, leave := range map[string]struct{ away, back func(*simZone) }{
		"drain": {func(z *simZone) { z.nodes[0].core.draining = true }, func(z *simZone) { z.nodes[0].core.draining = false }},
		"stop":  {func(z *simZone) { z.nodes[0].core.leaving = true }, func(z *simZone) { z.crash(0); z.start(0) }},
	} {
		for _, policy := range []site.Policy{site.Available, site.Majority} {
			t.Run(name+" "+string(policy), func(t *testing.T) {
				z := outage(t, 3)
				z.settings.Policy, z.settings.PreemptAfter = policy, site.Duration(time.Hour)
				z.until("c0 serves", 5*time.Second, z.served("c0"))
				leave.away(z)
				z.until("c1 serves", 6*time.Second, z.served("c1"))
				leave.back(z)
				z.until("c0 serves again", 8*time.Second, z.served("c0"))
			})
		}
	}
}

// Draining with nobody else: it goes on serving, and gives way as soon as somebody
// can serve.
func TestDrainWithoutASuccessor(t *testing.T) {
	z := outage(t, 2)
	z.crash(1)
	z.nodes[0].core.draining = true
	z.never("c0 stops", 3*time.Second, func() bool { return !z.served("c0")() })
	z.start(1)
	z.until("c1 serves", 5*time.Second, z.served("c1"))
}

// An incumbent whose successor is heard but cannot write takes the office again, and
// does not offer it before `preempt_after`.
func TestFailedSuccessorWaits(t *testing.T) {
	z := outage(t, 2)
	z.settings.PreemptAfter = site.Duration(6 * time.Second)
	z.crash(0)
	z.until("c1 serves", 3*time.Second, z.served("c1"))
	z.start(0)
	z.soon("c1 stops accepting", 12*time.Second, func() bool { return z.nodes[1].core.closing != nil })
	z.nodes[0].broken = true
	z.soon("c1 has offered the office", 3*time.Second, func() bool { return z.nodes[1].core.record.Successor == "c0" })
	z.soon("c1 resumes", z.settings.Deadline.D()+3*simStep, func() bool { return z.nodes[1].serves() })
	z.never("c1 offers it again", 5*time.Second, z.handsOver(1))
	z.nodes[0].broken = false
	z.until("c0 serves", 10*time.Second, z.served("c0"))
}

// RAS-04: "when no active broker of the zone is present they become active by
// themselves (under `majority`: only by promotion), and step back when one can serve."
func TestStandbyServesAndStepsBack(t *testing.T) {
	for _, policy := range []site.Policy{site.Available, site.Majority} {
		t.Run(string(policy), func(t *testing.T) {
			z := newSim(t, 3, 5)
			z.settings.Policy, z.standbys = policy, []site.FQDN{"c0"}
			z.until("c1 is elected", 10*time.Second, func() bool { return len(z.offices()) == 1 && z.offices()[0] == "c1" })
			z.cloud(false)
			z.until("c1 serves", 10*time.Second, z.served("c1"))
			z.crash(1)
			z.crash(2)
			if policy == site.Majority {
				z.run(2 * time.Second)
				z.never("a standby serves by itself", 3*time.Second, func() bool { return len(z.serving()) > 0 })
				z.nodes[0].promote = &wire.ElectionOrder{Action: wire.Promote, By: "op"}
			}
			z.until("the standby serves", 5*time.Second, z.served("c0"))
			z.start(2)
			if policy == site.Majority {
				z.start(1)
			}
			z.until("it steps back", 12*time.Second, func() bool { return z.served("c1")() || z.served("c2")() })
		})
	}
}

// "`majority`: lists differ by at most one connector", and a majority of the one in
// use is heard.
func TestWhyNotTaken(t *testing.T) {
	list := func(names ...site.FQDN) map[site.FQDN]bool {
		out := map[site.FQDN]bool{}
		for _, n := range names {
			out[n] = true
		}
		return out
	}
	used, older := site.Version{History: "h", Number: 7}, site.Version{History: "h", Number: 6}
	hears := func(names ...site.FQDN) []peerWord {
		var out []peerWord
		for _, n := range []site.FQDN{"b", "c", "d", "e"} {
			word := peerWord{fqdn: n, facts: wire.Facts{List: used}}
			for _, h := range names {
				word.heard = word.heard || h == n
			}
			out = append(out, word)
		}
		return out
	}
	late := hears("b", "c")
	for i := range late {
		late[i].facts.List = older
	}
	abc := list("a", "b", "c")
	present := wire.ConnectorList{Version: used, Connectors: []site.Connector{{FQDN: "a"}, {FQDN: "b"}, {FQDN: "c"}, {FQDN: "s", Standby: true}}}
	for _, c := range []struct {
		name  string
		newer map[site.FQDN]bool
		peers []peerWord
		why   string
	}{
		{"the same ones, and nobody is heard", abc, hears(), ""},
		{"one more", list("a", "b", "c", "d"), hears("b"), ""},
		{"one less", list("a", "b"), hears("b"), ""},
		{"one more, and no majority is heard", list("a", "b", "c", "d"), hears(), "only 1 of the 3 in use are heard with this list; 2 must be"},
		{"one more, and only it is heard", list("a", "b", "c", "d"), hears("d"), "only 1 of the 3 in use are heard with this list; 2 must be"},
		{"one more, and all others use an older one", list("a", "b", "c", "d"), late, "only 1 of the 3 in use are heard with this list"},
		{"two more", list("a", "b", "c", "d", "e"), hears("b", "c"), "differ by 2"},
		{"one for another", list("a", "b", "d"), hears("b", "c"), "differ by 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := whyNotTaken(present, c.newer, "a", c.peers)
			if c.why == "" && got != "" || !strings.Contains(got, c.why) {
				t.Errorf("got %q, want %q", got, c.why)
			}
		})
	}
}
