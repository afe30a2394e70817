package election_test

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

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
	return election.View{Self: self, Zone: zoneList, Preempt: true, Own: own, Record: record, Held: now, Deadline: deadline}
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
		{"LHC-23 the next takes over", c, meshOf(map[site.FQDN]election.Word{b: can, c: can}), zone.Record{Number: 4, Writer: a}, 0, b, "", "a.test is not heard"},
		{"LHC-23 a worse name changes nothing", a, meshOf(map[site.FQDN]election.Word{a: can, b: can, c: can}), zone.Record{Number: 4, Writer: a}, 0, a, "", "holds the office"},
		{"a starter is no candidate", b, meshOf(map[site.FQDN]election.Word{a: {CanServe: true, Starting: true}, b: can}), zone.Record{Number: 4, Writer: a}, 0, b, "", "a.test is starting"},
		{"one that cannot serve is no candidate", b, meshOf(map[site.FQDN]election.Word{a: {WhyNot: "no snapshot"}, b: can}), zone.Record{}, 0, b, "", "a.test cannot serve: no snapshot"},
		{"an incumbent that cannot serve has lost the office", a, meshOf(map[site.FQDN]election.Word{a: {WhyNot: "disk"}, b: can}), zone.Record{Number: 4, Writer: a}, 0, b, "", "cannot serve: disk"},
		{"nobody can serve", a, meshOf(map[site.FQDN]election.Word{a: {}, b: {}}), zone.Record{}, 0, "", "", "no running connector can serve"},
		{"the last word names the next one", c, meshOf(map[site.FQDN]election.Word{a: can, b: can, c: can}), zone.Record{Number: 5, Writer: b, Successor: a}, deadline, a, "", "handed the office over"},
		{"not heard within a deadline, the incumbent goes on", b, meshOf(map[site.FQDN]election.Word{a: can, b: can}), zone.Record{Number: 5, Writer: b, Successor: a}, deadline + 1, b, a, "ranks before"},
		{"the successor died", b, meshOf(map[site.FQDN]election.Word{b: can, c: can}), zone.Record{Number: 5, Writer: b, Successor: a}, 0, b, "", "a.test is not heard"},
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

// LHC-21, LHC-23: over every subset that runs and every incumbent: one that runs
// stays elected and names the first better one that is ready; without one the
// first that is ready is elected.
func TestEveryIncumbent(t *testing.T) {
	names := []site.FQDN{"cc01.test", "cc02.test", "cc10.test", "cc2.test"}
	for _, incumbent := range names {
		for subset := 1; subset < 1<<len(names); subset++ {
			for starting := range 1 << len(names) {
				words := map[site.FQDN]election.Word{}
				for i, name := range names {
					if subset&(1<<i) != 0 {
						words[name] = election.Word{CanServe: true, Starting: starting&(1<<i) != 0}
					}
				}
				mesh, record := meshOf(words), zone.Record{Number: 7, Writer: incumbent}
				elected, successor := wantOffice(names, words, incumbent)
				for self := range mesh {
					got := election.Elect(now, seenBy(self, names, mesh, record))
					if got.Elected != elected || got.Successor != successor {
						t.Fatalf("incumbent %s, running %b, starting %b, seen by %s: got %+v, want %q and successor %q",
							incumbent, subset, starting, self, got, elected, successor)
					}
				}
			}
		}
	}
}

// wantOffice says the rule in the plainest way; names are in order.
func wantOffice(names []site.FQDN, words map[site.FQDN]election.Word, incumbent site.FQDN) (elected, successor site.FQDN) {
	ready := func(n site.FQDN) bool { return words[n].CanServe && !words[n].Starting }
	first := site.FQDN("")
	if i := slices.IndexFunc(names, ready); i >= 0 {
		first = names[i]
	}
	switch {
	case !ready(incumbent):
		return first, ""
	case first < incumbent:
		return incumbent, first
	}
	return incumbent, ""
}

// LHC-21: "case-insensitive, trailing dot ignored": the same zone in any spelling
// elects the same one.
func TestSpellingElectsNobodyElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-d0-9]{1,3}(-[a-d0-9])?(\.[a-d]{1,2}){0,2}`), 1, 6, rapid.ID).Draw(t, "zone")
		spelled := func(name string) site.FQDN {
			var b strings.Builder
			for _, c := range name {
				if rapid.Bool().Draw(t, "upper") {
					c = unicode.ToUpper(c)
				}
				b.WriteRune(c)
			}
			if rapid.Bool().Draw(t, "dot") {
				b.WriteByte('.')
			}
			parsed, err := site.ParseFQDN(b.String())
			if err != nil {
				t.Fatalf("%q was refused: %v", b.String(), err)
			}
			return parsed
		}
		var list []site.FQDN
		words := map[site.FQDN]election.Word{}
		for _, name := range plain {
			list = append(list, spelled(name))
			words[spelled(name)] = election.Word{CanServe: true}
		}
		if len(words) != len(plain) {
			t.Fatalf("%q are %d connectors, want %d", plain, len(words), len(plain))
		}
		got := election.Elect(now, seenBy(list[0], list, meshOf(words), zone.Record{}))
		if want := slices.Min(plain); string(got.Elected) != want {
			t.Fatalf("got %q of %q, want %q", got.Elected, plain, want)
		}
	})
}

// What is no host name never gets into a zone's list.
func TestRefusedNames(t *testing.T) {
	for _, name := range []string{
		"", ".", "a..b", "a.b..", ".a", "-a.test", "a-.test", "a b.test", "ä.test", "a/b", "a:7480", "*.test", "a\x00.test",
		strings.Repeat("a", 64) + ".test", strings.Repeat("a.", 127) + "a",
	} {
		if got, err := site.ParseFQDN(name); err == nil {
			t.Errorf("%q was taken as %q", name, got)
		}
	}
	for _, name := range []string{strings.Repeat("a", 63) + ".test", strings.Repeat("a.", 126) + "a", "0.test", "a_b"} {
		if _, err := site.ParseFQDN(name + "."); err != nil {
			t.Errorf("%q was refused: %v", name, err)
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
