package election_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"understudy/election"
	"understudy/site"
	"understudy/zone"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

const deadline = 2 * time.Second

// meshOf is a zone in which everybody hears everybody who runs.
func meshOf(words map[site.FQDN]election.Word) map[site.FQDN]election.Word {
	out := map[site.FQDN]election.Word{}
	for name, w := range words {
		w.Hears = map[site.FQDN]election.Word{}
		for other, told := range words {
			if other != name {
				told.Hears = nil
				w.Hears[other] = told
			}
		}
		out[name] = w
	}
	return out
}

// seenBy is the view of one connector of the mesh.
func seenBy(self site.FQDN, zoneList []site.FQDN, mesh map[site.FQDN]election.Word, record zone.Record) election.View {
	own := mesh[self]
	own.Hears = map[site.FQDN]election.Word{}
	for name := range mesh[self].Hears {
		own.Hears[name] = mesh[name]
	}
	return election.View{Self: self, Zone: zoneList, Own: own, Record: record, Held: now, Deadline: deadline}
}

// LHC-21: over every subset of a zone that runs, everybody elects the first of
// the running connectors in alphabetical order, whoever wrote the last record
// and is gone.
func TestEverySubsetElectsTheFirst(t *testing.T) {
	names := []site.FQDN{"cc01.example.test", "cc02.example.test", "cc10.example.test", "cc2.example.test", "dd.example.test"}
	for subset := 1; subset < 1<<len(names); subset++ {
		words := map[site.FQDN]election.Word{}
		var want site.FQDN
		for i, name := range names {
			if subset&(1<<i) != 0 {
				words[name] = election.Word{CanServe: true}
				if want == "" {
					want = name
				}
			}
		}
		mesh := meshOf(words)
		for self := range mesh {
			got := election.Elect(now, seenBy(self, names, mesh, zone.Record{Number: 3, Writer: "gone.example.test"}))
			if got.Elected != want || got.Reason == "" {
				t.Errorf("subset %b seen by %s: got %q (%s), want %q", subset, self, got.Elected, got.Reason, want)
			}
		}
	}
}

// LHC-21: names compare byte by byte, lower case, without trailing dot: cc10
// comes before cc2.
func TestOrderOfNames(t *testing.T) {
	for _, c := range [][2]string{{"cc10.example.test", "cc2.example.test"}, {"CC01.example.test.", "cc02.EXAMPLE.test"}, {"a-b.test", "ab.test"}, {"a.b.test", "a0.test"}} {
		first, err1 := site.ParseFQDN(c[0])
		second, err2 := site.ParseFQDN(c[1])
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		mesh := meshOf(map[site.FQDN]election.Word{first: {CanServe: true}, second: {CanServe: true}})
		got := election.Elect(now, seenBy(second, []site.FQDN{second, first}, mesh, zone.Record{}))
		if got.Elected != first {
			t.Errorf("%v: got %s, want %s", c, got.Elected, first)
		}
	}
}

func TestScenarios(t *testing.T) {
	a, b, c := site.FQDN("a.test"), site.FQDN("b.test"), site.FQDN("c.test")
	all := []site.FQDN{a, b, c}
	can := election.Word{CanServe: true}
	cut := func(mesh map[site.FQDN]election.Word, x, y site.FQDN) map[site.FQDN]election.Word {
		delete(mesh[x].Hears, y)
		return mesh
	}
	for _, tc := range []struct {
		name      string
		self      site.FQDN
		mesh      map[site.FQDN]election.Word
		record    zone.Record
		held      time.Duration
		elected   site.FQDN
		successor site.FQDN
		reason    string
	}{
		{"LHC-23 the incumbent stays until it hands over", b, meshOf(map[site.FQDN]election.Word{a: can, b: can, c: can}), zone.Record{Number: 4, Writer: b}, 0, b, a, "ranks before"},
		{"LHC-23 the next takes over", c, meshOf(map[site.FQDN]election.Word{b: can, c: can}), zone.Record{Number: 4, Writer: a}, 0, b, "", "a.test is not running"},
		{"LHC-23 a worse name changes nothing", a, meshOf(map[site.FQDN]election.Word{a: can, b: can, c: can}), zone.Record{Number: 4, Writer: a}, 0, a, "", "holds the office"},
		{"a starter is no candidate", b, meshOf(map[site.FQDN]election.Word{a: {CanServe: true, Starting: true}, b: can}), zone.Record{Number: 4, Writer: a}, 0, b, "", "a.test is starting"},
		{"one that cannot serve is no candidate", b, meshOf(map[site.FQDN]election.Word{a: {WhyNot: "no snapshot"}, b: can}), zone.Record{}, 0, b, "", "a.test cannot serve: no snapshot"},
		{"an incumbent that cannot serve has lost the office", a, meshOf(map[site.FQDN]election.Word{a: {WhyNot: "disk"}, b: can}), zone.Record{Number: 4, Writer: a}, 0, b, "", "cannot serve: disk"},
		{"nobody can serve", a, meshOf(map[site.FQDN]election.Word{a: {}, b: {}}), zone.Record{}, 0, "", "", "no running connector can serve"},
		{"the last word names the next one", c, meshOf(map[site.FQDN]election.Word{a: can, b: can, c: can}), zone.Record{Number: 5, Writer: b, Successor: a}, deadline, a, "", "handed the office over"},
		{"not heard within a deadline, the incumbent goes on", b, meshOf(map[site.FQDN]election.Word{a: can, b: can}), zone.Record{Number: 5, Writer: b, Successor: a}, deadline + 1, b, a, "ranks before"},
		{"the successor died", b, meshOf(map[site.FQDN]election.Word{b: can, c: can}), zone.Record{Number: 5, Writer: b, Successor: a}, 0, b, "", "a.test is not running"},
		{"a leaving incumbent hands over to anybody", b, meshOf(map[site.FQDN]election.Word{b: {CanServe: true, Leaving: true}, c: can}), zone.Record{Number: 4, Writer: b}, 0, b, c, "is stopping"},
		{"a leaving connector is no candidate", c, meshOf(map[site.FQDN]election.Word{b: {CanServe: true, Leaving: true}, c: can}), zone.Record{}, 0, c, "", "b.test is stopping"},
		{"preempt only while each hears the other (a does not hear b)", b, cut(meshOf(map[site.FQDN]election.Word{a: can, b: can, c: can}), a, b), zone.Record{Number: 4, Writer: b}, 0, b, "", "a.test is not heard both ways"},
		{"running includes whom somebody I hear hears", b, cut(cut(meshOf(map[site.FQDN]election.Word{a: can, b: can, c: can}), a, b), b, a), zone.Record{Number: 4, Writer: a}, 0, a, "", "holds the office"},
		{"not in the list: not running", a, meshOf(map[site.FQDN]election.Word{a: can, "0.test": can}), zone.Record{}, 0, a, "", "first running"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := seenBy(tc.self, all, tc.mesh, tc.record)
			v.Held = now.Add(-tc.held)
			got := election.Elect(now, v)
			if got.Elected != tc.elected || got.Successor != tc.successor || !strings.Contains(got.Reason, tc.reason) {
				t.Errorf("got %+v, want %q, successor %q, …%s…", got, tc.elected, tc.successor, tc.reason)
			}
		})
	}
}

// LHC-20, LHC-21: in a fully connected zone with one record everybody decides the
// same; who is elected can serve, and a successor ranks before a staying incumbent.
func TestAgreement(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-c]{1,3}(\.[a-c]{1,2})?`), 1, 6, rapid.ID).Draw(t, "zone")
		names := make([]site.FQDN, len(list))
		words := map[site.FQDN]election.Word{}
		for i, n := range list {
			names[i] = site.Canonical(n)
			if rapid.Bool().Draw(t, "runs") {
				words[names[i]] = election.Word{
					CanServe: rapid.Bool().Draw(t, "can"), Starting: rapid.Bool().Draw(t, "starting"), Leaving: rapid.Bool().Draw(t, "leaving"),
				}
			}
		}
		record := zone.Record{Number: 1, Writer: rapid.SampledFrom(names).Draw(t, "writer")}
		checkAgreement(t, names, meshOf(words), record)
	})
}

func checkAgreement(t *rapid.T, names []site.FQDN, mesh map[site.FQDN]election.Word, record zone.Record) {
	var first *election.Result
	for self := range mesh {
		got := election.Elect(now, seenBy(self, names, mesh, record))
		if first == nil {
			first = &got
		}
		if got != *first {
			t.Fatalf("%s decides %+v, another %+v", self, got, *first)
		}
		if w := mesh[got.Elected]; got.Elected != "" && (!w.CanServe || w.Starting) {
			t.Fatalf("elected %s, which says %+v", got.Elected, w)
		}
		if got.Successor != "" && !mesh[got.Elected].Leaving && got.Successor >= got.Elected {
			t.Fatalf("%s is to hand over to %s, which does not rank before it", got.Elected, got.Successor)
		}
	}
}

func FuzzOrderOfNames(f *testing.F) {
	f.Add("cc10.example.test.", "CC2.example.test")
	f.Fuzz(func(t *testing.T, x, y string) {
		a, err1 := site.ParseFQDN(x)
		b, err2 := site.ParseFQDN(y)
		if err1 != nil || err2 != nil || a == b {
			return
		}
		mesh := meshOf(map[site.FQDN]election.Word{a: {CanServe: true}, b: {CanServe: true}})
		got := election.Elect(now, seenBy(a, []site.FQDN{a, b}, mesh, zone.Record{}))
		if want := min(a, b); got.Elected != want {
			t.Errorf("%q, %q: got %s, want %s", x, y, got.Elected, want)
		}
	})
}
