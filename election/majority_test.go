package election_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"understudy/election"
	"understudy/site"
	"understudy/zone"
)

var five = []site.FQDN{"c0", "c1", "c2", "c3", "c4"}

// words is one moment of a zone under majority: who hears whom, who can serve, and
// whom each names with a word that still counts.
type words struct {
	list     []site.FQDN
	standbys []site.FQDN
	hears    func(a, b int) bool
	canServe func(i int) bool
	vote     []site.FQDN
	record   zone.Record
}

// views is what each connector of that moment decides from.
func (w words) views() []election.View {
	own := make([]election.Word, len(w.list))
	for i := range w.list {
		own[i] = election.Word{CanServe: w.canServe(i), Vote: w.vote[i], Hears: map[site.FQDN]election.Word{}}
		for j, other := range w.list {
			if i != j && w.hears(i, j) {
				own[i].Hears[other] = election.Word{CanServe: w.canServe(j)}
			}
		}
	}
	var out []election.View
	for i, self := range w.list {
		v := election.View{
			Self: self, Zone: w.list, Standbys: w.standbys, Policy: site.Majority, Preempt: true, Own: own[i], Record: w.record,
			Held: now, Deadline: deadline, Leases: map[site.FQDN]time.Time{},
		}
		if w.vote[i] != "" {
			v.Ballot = election.Ballot{Name: w.vote[i], Bound: now.Add(time.Second)}
		}
		v.Own.Hears = map[site.FQDN]election.Word{}
		for j, other := range w.list {
			if i == j || !w.hears(i, j) {
				continue
			}
			v.Own.Hears[other] = own[j]
			if w.vote[j] == self {
				v.Leases[other] = now.Add(time.Second)
			}
		}
		out = append(out, v)
	}
	return out
}

// check proves what must hold of any moment; it returns who has a quorum.
func (w words) check() (site.FQDN, error) {
	var elected site.FQDN
	for i, v := range w.views() {
		r := election.Elect(now, v)
		switch {
		case r.Reason == "":
			return "", fmt.Errorf("%s decides without a reason: %+v", v.Self, r)
		case r.Vote != "" && r.Vote != w.vote[i] && w.vote[i] != "":
			return "", fmt.Errorf("%s is bound to %s and names %s", v.Self, w.vote[i], r.Vote)
		case r.Elected == v.Self && !r.Quorum:
			return "", fmt.Errorf("%s elects itself without a quorum: %+v", v.Self, r)
		case r.Elected == v.Self && !w.canServe(i):
			return "", fmt.Errorf("%s is elected and cannot serve: %+v", v.Self, r)
		case r.Quorum && elected != "":
			return "", fmt.Errorf("%s and %s have a quorum each", elected, v.Self)
		case r.Quorum:
			elected = v.Self
		}
	}
	return elected, nil
}

// RAS-01, RAS-02, "one at a time": over every zone of two and three, who hears whom,
// who can serve and whom each names, at most one has a majority, and nobody names
// another before its word has lapsed.
func TestAtMostOneMajority(t *testing.T) {
	elections := 0
	for n := 2; n <= 3; n++ {
		list, links := five[:n], n*(n-1)
		options := 1 << links * (1 << n) * power(n+1, n)
		for k := range options {
			hears, rest := k%(1<<links), k>>links
			can, votes := rest%(1<<n), rest>>n
			w := words{
				list: list, record: zone.Record{Number: 4, Writer: list[k%n]}, vote: make([]site.FQDN, n),
				hears:    func(a, b int) bool { return hears&(1<<link(a, b, n)) != 0 },
				canServe: func(i int) bool { return can&(1<<i) != 0 },
			}
			for i := range w.vote {
				if v := votes % (n + 1); v < n {
					w.vote[i] = list[v]
				}
				votes /= n + 1
			}
			elected, err := w.check()
			if err != nil {
				t.Fatalf("%d connectors, hears %b, can serve %b, votes %v: %v", n, hears, can, w.vote, err)
			}
			if elected != "" {
				elections++
			}
		}
	}
	if elections == 0 {
		t.Error("nobody was ever elected")
	}
}

// link numbers the ordered pairs of different connectors.
func link(a, b, n int) int {
	if b > a {
		b--
	}
	return a*(n-1) + b
}

func power(base, n int) int {
	out := 1
	for range n {
		out *= base
	}
	return out
}

// The same for larger zones, with standbys (RAS-04: they are not counted).
func TestAtMostOneMajorityInLargerZones(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(4, 5).Draw(t, "connectors")
		hears := rapid.SliceOfN(rapid.IntRange(0, 3), n*(n-1), n*(n-1)).Draw(t, "hears")
		can := rapid.SliceOfN(rapid.IntRange(0, 3), n, n).Draw(t, "can serve")
		w := words{
			list: five[:n], standbys: five[:rapid.IntRange(0, 2).Draw(t, "standbys")],
			record:   zone.Record{Number: 4, Writer: rapid.SampledFrom(five[:n]).Draw(t, "incumbent")},
			hears:    func(a, b int) bool { return hears[link(a, b, n)] > 0 },
			canServe: func(i int) bool { return can[i] > 0 },
		}
		for range n {
			w.vote = append(w.vote, rapid.SampledFrom(append([]site.FQDN{"", "c1", "c2"}, five[:n]...)).Draw(t, "vote"))
		}
		if _, err := w.check(); err != nil {
			t.Fatal(err)
		}
	})
}

// RAS-01: "when the primary fails, one of the other two is promoted automatically":
// in every connected majority the words agree, and the first of it is elected within
// two rounds of words, whoever wrote the last record.
func TestConnectedMajorityElectsTheFirst(t *testing.T) {
	for n := 2; n <= 5; n++ {
		for up := range 1 << n {
			for writer := range n {
				w := words{
					list: five[:n], record: zone.Record{Number: 4, Writer: five[writer]}, vote: make([]site.FQDN, n),
					hears:    func(a, b int) bool { return up&(1<<a) != 0 && up&(1<<b) != 0 },
					canServe: func(i int) bool { return up&(1<<i) != 0 },
				}
				want := site.FQDN("")
				if members := running(up, n); len(members) > n/2 {
					want = five[members[0]]
					if slices.Contains(members, writer) {
						want = five[writer]
					}
				}
				w.vote = w.next()
				if got, err := w.check(); err != nil || got != want {
					t.Fatalf("%d connectors, running %b, incumbent %s: got %q, %v, want %q", n, up, five[writer], got, err, want)
				}
			}
		}
	}
}

func running(up, n int) []int {
	var out []int
	for i := range n {
		if up&(1<<i) != 0 {
			out = append(out, i)
		}
	}
	return out
}

// next is whom each names after it has heard the words.
func (w words) next() []site.FQDN {
	var out []site.FQDN
	for _, v := range w.views() {
		out = append(out, election.Elect(now, v).Vote)
	}
	return out
}

// three is the view of c1, the incumbent, in a zone of three that names it.
func three(change func(*election.View)) election.View {
	w := words{
		list: five[:3], record: zone.Record{Number: 4, Writer: "c1"}, vote: []site.FQDN{"c1", "c1", "c1"},
		hears: func(int, int) bool { return true }, canServe: func(int) bool { return true },
	}
	v := w.views()[1]
	if change != nil {
		change(&v)
	}
	return v
}

// says changes the word of one peer.
func says(v *election.View, name site.FQDN, change func(*election.Word)) {
	w := v.Own.Hears[name]
	change(&w)
	v.Own.Hears[name] = w
}

// Design 4 and facts/zone-protocol.md: each rule of `majority`, with the sentence
// that an operator reads.
func TestMajorityScenarios(t *testing.T) {
	lone := func(v *election.View) { v.Own.Hears, v.Leases = nil, nil }
	// An operator has promoted c0, of a zone of five of which c1 hears that one alone.
	byOrder := func(v *election.View) {
		v.Zone, v.Leases, v.Ballot = five, nil, election.Ballot{}
		v.Record = zone.Record{Number: 5, Writer: "c0", Promotion: &zone.Promotion{By: "op"}}
		v.Own.Hears = map[site.FQDN]election.Word{"c0": {CanServe: true, Hears: map[site.FQDN]election.Word{"c1": {}}}}
	}
	for _, c := range []struct {
		name      string
		change    func(*election.View)
		elected   site.FQDN
		successor site.FQDN
		vote      site.FQDN
		reason    string
	}{
		{"RAS-01 the named one is elected", nil, "c1", "c0", "c1", "ranks before it"},
		{"RAS-02 a minority elects nobody", lone, "", "", "", "no_quorum: no running connector can serve; c0 is not heard, c1 is not heard by a majority"},
		{"RAS-02 nobody, with the count", func(v *election.View) {
			v.Leases = nil
			v.Own.Hears["c0"] = election.Word{CanServe: true, Hears: v.Own.Hears["c0"].Hears}
			delete(v.Own.Hears, "c2")
		}, "", "", "c1", "no_quorum: 1 of 3 active connectors name c1, 2 must"},
		{"RAS-02 nobody, with the count of who is to be named", func(v *election.View) {
			v.Record.Successor, v.Leases = "c0", nil
			says(v, "c2", func(w *election.Word) { w.Vote = "c1" })
			v.Ballot = election.Ballot{Name: "c1", Bound: now.Add(1)}
		}, "", "", "", "no_quorum: 0 of 3 active connectors name c0, 2 must"},
		{"a word counts until its moment", func(v *election.View) { v.Leases = map[site.FQDN]time.Time{"c2": now.Add(1)} }, "c1", "c0", "c1", ""},
		{"and not at it", func(v *election.View) {
			v.Leases = map[site.FQDN]time.Time{"c2": now}
			delete(v.Own.Hears, "c0")
			says(v, "c2", func(w *election.Word) { w.Vote = "" })
		}, "", "", "c1", "no_quorum"},
		{"go on naming the incumbent until its final", nil, "c1", "c0", "c1", "hands the office over"},
		{"a word for another binds until its bound", func(v *election.View) { v.Ballot.Name, v.Ballot.Bound = "c2", now.Add(1); v.Leases = nil }, "", "", "", "no_quorum"},
		{"and is free at it", func(v *election.View) { v.Ballot.Name, v.Ballot.Bound = "c2", now }, "c1", "c0", "c1", ""},
		{"after a start name nobody for one deadline", func(v *election.View) { v.Ballot = election.Ballot{Bound: now.Add(1)}; v.Leases = nil }, "", "", "", "no_quorum"},
		{"RAS-02 a promoted one serves without a majority", func(v *election.View) { lone(v); v.Promoted = true }, "c1", "", "", "an operator promoted c1: no majority is present"},
		{"RAS-02 a promoted one that cannot serve does not", func(v *election.View) { lone(v); v.Promoted, v.Own.CanServe = true, false }, "", "", "", "no_quorum"},
		{"LHC-22, NEW-01 who hears a promoted one takes it for elected", func(v *election.View) { byOrder(v) }, "c0", "", "", "an operator promoted c0: no majority is present"},
		{"RAS-02 also where nobody is named", func(v *election.View) { byOrder(v); v.Own.CanServe = false }, "c0", "", "", "an operator promoted c0"},
		{"RAS-02 but not one that is leaving", func(v *election.View) {
			byOrder(v)
			says(v, "c0", func(w *election.Word) { w.Leaving = true })
		}, "", "", "", "no_quorum"},
		{"RAS-02 nor one that is not heard", func(v *election.View) { byOrder(v); delete(v.Own.Hears, "c0") }, "", "", "", "no_quorum"},
		{"RAS-02 a promotion gives way to one whom a majority names", func(v *election.View) {
			v.Promoted, v.Leases = true, nil
			says(v, "c0", func(w *election.Word) { w.Vote, w.Hears = "c0", map[site.FQDN]election.Word{"c2": {}} })
			says(v, "c2", func(w *election.Word) { w.Vote, w.Hears = "c0", map[site.FQDN]election.Word{"c0": {}} })
			v.Ballot = election.Ballot{}
		}, "c0", "", "c0", "c0 is the first running connector"},
		{"RAS-04 a standby is only promoted", func(v *election.View) {
			v.Standbys, v.Own.CanServe = []site.FQDN{"c0"}, false
			says(v, "c2", func(w *election.Word) { w.CanServe = false })
		}, "", "", "", "c0 is a standby, which serves under this policy only when it is promoted"},
		{"RAS-04 a standby's word is not counted", func(v *election.View) {
			v.Zone, v.Standbys = five, []site.FQDN{"c2"}
			v.Leases = map[site.FQDN]time.Time{"c0": now.Add(1), "c2": now.Add(1)}
			says(v, "c3", func(w *election.Word) { w.Hears = map[site.FQDN]election.Word{"c1": {}} })
		}, "", "", "c1", "no_quorum: 2 of 4 active connectors name c1, 3 must"},
		{"RAS-04 a standby that a majority names hands back", func(v *election.View) { v.Standbys = []site.FQDN{"c1"} }, "c1", "c0", "c1", "c1 is a standby and hands the office over to c0"},
		{"draining hands over to one that ranks after it", func(v *election.View) {
			v.Own.Draining = true
			delete(v.Own.Hears, "c0")
		}, "c1", "c2", "c1", "c1 is draining and hands the office over to c2"},
		{"draining serves as the last resort", func(v *election.View) {
			v.Own.Draining = true
			delete(v.Own.Hears, "c0")
			says(v, "c2", func(w *election.Word) { w.CanServe = false })
		}, "c1", "", "c1", "c1 holds the office; c0 is not heard, c2 cannot serve"},
		{"preempt: false", func(v *election.View) { v.Preempt = false }, "c1", "", "c1", "c0 does not preempt"},
		{"preempt: false, and the incumbent is draining", func(v *election.View) { v.Preempt, v.Own.Draining = false, true }, "c1", "c0", "c1", "is draining"},
		{"who lost the office waits", func(v *election.View) { v.Waiting = map[site.FQDN]time.Duration{"c0": 42 * time.Second} }, "c1", "", "c1", "c0 lost the office and must be present for 42s more"},
		{"but not for one that is stopping", func(v *election.View) {
			v.Waiting, v.Own.Leaving = map[site.FQDN]time.Duration{"c0": time.Minute}, true
		}, "c1", "c0", "c1", "c1 is stopping and hands the office over to c0"},
		{"who is not heard by a majority is not named", func(v *election.View) {
			says(v, "c0", func(w *election.Word) { w.Hears = map[site.FQDN]election.Word{} })
		}, "c1", "", "c1", "c0 is not heard by a majority"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := election.Elect(now, three(c.change))
			if got.Elected != c.elected || got.Successor != c.successor || got.Vote != c.vote || !strings.Contains(got.Reason, c.reason) {
				t.Errorf("got %+v, want %q, successor %q, vote %q, …%s…", got, c.elected, c.successor, c.vote, c.reason)
			}
		})
	}
}

// A quorum lasts until the moment at which the first word lapses that it needs.
func TestQuorumLapses(t *testing.T) {
	v := three(func(v *election.View) {
		v.Zone, v.Leases = five, map[site.FQDN]time.Time{"c0": now.Add(3), "c2": now.Add(5), "c3": now.Add(4), "c4": now.Add(-1)}
		for _, name := range five {
			hears := map[site.FQDN]election.Word{}
			for _, other := range five {
				hears[other] = election.Word{}
			}
			if name != v.Self {
				v.Own.Hears[name] = election.Word{CanServe: true, Vote: "c1", Hears: hears}
			}
		}
	})
	got := election.Elect(now, v)
	if !got.Quorum || got.Needed != 3 || got.Votes != 4 || !got.Until.Equal(now.Add(4)) {
		t.Errorf("got %+v, want a quorum of 4, 3 needed, until the third-latest word lapses", got)
	}
}

// RAS-04: standbys rank after the active ones, wait for those that are starting, and
// give way to one that can serve; `available`.
func TestStandbys(t *testing.T) {
	can, starting := election.Word{CanServe: true}, election.Word{CanServe: true, Starting: true}
	for _, c := range []struct {
		name      string
		words     map[site.FQDN]election.Word
		incumbent site.FQDN
		preempt   bool
		elected   site.FQDN
		successor site.FQDN
		reason    string
	}{
		{"an active one goes before", map[site.FQDN]election.Word{"c0": can, "c1": can}, "", true, "c1", "", "c1 is the first running connector that can serve"},
		{"no active one is present", map[site.FQDN]election.Word{"c0": can}, "c1", true, "c0", "", "c1 is not heard"},
		{"the active ones cannot serve", map[site.FQDN]election.Word{"c0": can, "c1": {}, "c2": {}}, "c1", true, "c0", "", "c1 cannot serve, c2 cannot serve"},
		{"it waits for one that is starting", map[site.FQDN]election.Word{"c0": can, "c2": starting}, "c1", true, "", "", "c2 is starting, c0 is a standby and waits for those that are starting"},
		{"it steps back", map[site.FQDN]election.Word{"c0": can, "c2": can}, "c0", true, "c0", "c2", "c0 is a standby and hands the office over to c2"},
		{"it steps back without preemption too", map[site.FQDN]election.Word{"c0": can, "c2": can}, "c0", false, "c0", "c2", "is a standby"},
		{"it takes over from one that is draining", map[site.FQDN]election.Word{"c0": can, "c1": {CanServe: true, Draining: true}}, "c1", false, "c1", "c0", "c1 is draining and hands the office over to c0"},
		{"who is draining ranks last", map[site.FQDN]election.Word{"c0": can, "c1": {CanServe: true, Draining: true}}, "", true, "c0", "", ""},
		{"who is draining is the last resort", map[site.FQDN]election.Word{"c0": {}, "c1": {CanServe: true, Draining: true}}, "", true, "c1", "", "c0 cannot serve"},
	} {
		t.Run(c.name, func(t *testing.T) {
			mesh := meshOf(c.words)
			for self := range mesh {
				v := seenBy(self, five[:3], mesh, zone.Record{Number: 4, Writer: c.incumbent})
				v.Standbys, v.Preempt = five[:1], c.preempt
				got := election.Elect(now, v)
				if got.Elected != c.elected || got.Successor != c.successor || !strings.Contains(got.Reason, c.reason) {
					t.Errorf("seen by %s: got %+v, want %q, successor %q, …%s…", self, got, c.elected, c.successor, c.reason)
				}
			}
		})
	}
}

// "An operator reads from status how many more failures the zone tolerates": under
// either policy, for every number that runs and can serve.
func TestTolerates(t *testing.T) {
	for _, policy := range []site.Policy{site.Available, site.Majority} {
		for n := 1; n <= 5; n++ {
			for up := 1; up <= n; up++ {
				for can := 0; can <= up; can++ {
					said := map[site.FQDN]election.Word{}
					for i := range up {
						said[five[i]] = election.Word{CanServe: i < can}
					}
					v := seenBy("c0", five[:n], meshOf(said), zone.Record{})
					v.Policy = policy
					want := can - 1
					if policy == site.Majority {
						want = max(-1, min(can-1, up-(n/2+1)))
					}
					if v.Own.Leaving = can > 1 && up == n; v.Own.Leaving { // it does not count on itself
						if want = can - 2; policy == site.Majority {
							want = max(-1, min(want, up-(n/2+1)))
						}
					}
					if got := v.Tolerates(); got != want {
						t.Errorf("%s, %d of %d run, %d can serve: got %d, want %d", policy, up, n, can, got, want)
					}
				}
			}
		}
	}
}
