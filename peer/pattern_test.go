package peer

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"understudy/site"
	"understudy/wire"
	"understudy/zone"
)

// heartbeat is a line as a connector sends it, with what it echoes.
func heartbeat(t testing.TB, seq, echo uint64, change func(*wire.Facts)) []byte {
	t.Helper()
	f := wire.Facts{
		FQDN: "cc02.example.test", Site: "example", Zone: "west", Boot: "b", Seq: seq, State: zone.Normal, Record: zone.Record{Number: 3, Mode: zone.Normal, Reason: `"seq":4`},
		Heard: []wire.Heard{{FQDN: "cc01.example.test", Boot: "a", Seq: echo}, {FQDN: "cc03.example.test"}, {FQDN: "cc04.example.test", Boot: "d", Seq: echo + 9}},
	}
	if change != nil {
		change(&f)
	}
	line, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return append(line, '\n')
}

func patternOf(t testing.TB, line []byte) *pattern {
	t.Helper()
	var f wire.Facts
	if err := json.Unmarshal(line, &f); err != nil {
		t.Skip("no facts")
	}
	return newPattern(line, f)
}

// Issue 4: "idle: ≤ 0.6 % of a core with five peers". A heartbeat that says nothing
// new is read by its numbers alone, and read right.
func TestHeartbeatsThatSayNothingNew(t *testing.T) {
	p := patternOf(t, heartbeat(t, 9, 99, nil))
	line := heartbeat(t, 1234567890123, 100, nil)
	got, same := p.read(line)
	var want wire.Facts
	if err := json.Unmarshal(line, &want); err != nil {
		t.Fatal(err)
	}
	if !same || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v %+v, want %+v", same, got, want)
	}
	if p.facts.Heard[0].Seq != 99 {
		t.Error("the facts that were read before were changed")
	}
}

// Design 4: what a peer says counts, whatever it said before.
func TestHeartbeatsThatSaySomethingNew(t *testing.T) {
	p := patternOf(t, heartbeat(t, 9, 99, nil))
	for name, line := range map[string][]byte{
		"another fact":       heartbeat(t, 10, 100, func(f *wire.Facts) { f.CanServe = true }),
		"one more is heard":  heartbeat(t, 10, 100, func(f *wire.Facts) { f.Heard = append(f.Heard, wire.Heard{FQDN: "cc05.example.test", Seq: 1}) }),
		"one less is heard":  heartbeat(t, 10, 100, func(f *wire.Facts) { f.Heard = f.Heard[1:] }),
		"another start":      heartbeat(t, 10, 100, func(f *wire.Facts) { f.Heard[2].Boot = "e" }),
		"too long a number":  heartbeat(t, 18446744073709551615, 100, nil),
		"no number":          []byte(strings.Replace(string(heartbeat(t, 10, 100, nil)), `"seq":10`, `"seq":`, 1)),
		"leading zeros":      []byte(strings.Replace(string(heartbeat(t, 10, 100, nil)), `"seq":10`, `"seq":010`, 1)),
		"a broken number":    []byte(strings.Replace(string(heartbeat(t, 10, 100, nil)), `"seq":10`, `"seq":1.5`, 1)),
		"something after it": append(heartbeat(t, 10, 100, nil), ' '),
	} {
		if got, same := p.read(line); same {
			t.Errorf("%s: got %+v, want it to be read as a whole", name, got)
		}
	}
}

// A line whose numbers cannot be told for sure has no pattern.
func TestNumbersThatCannotBeTold(t *testing.T) {
	for name, line := range map[string]string{
		"twice":            `{"seq":1,"seq":1,"heard":[]}`,
		"elsewhere":        `{"other":{"seq":5},"heard":[{"fqdn":"a","SEQ":5}],"seq":5}`,
		"in another case":  `{"other":{"seq":5},"Seq":5}`,
		"none":             `{"heard":[]}`,
		"in another order": `{"heard":[{"fqdn":"a","seq":2}],"seq":1}`,
	} {
		if p := patternOf(t, []byte(line)); p != nil {
			t.Errorf("%s: got the pattern %q, want none", name, p.parts)
		}
	}
}

// Whatever two lines say: where the second is read by the numbers alone, that is what
// it says.
func FuzzPattern(f *testing.F) {
	add := func(a, b []byte) { f.Add(string(a), string(b)) }
	add(heartbeat(f, 1, 2, nil), heartbeat(f, 12, 20, nil))
	add(heartbeat(f, 1, 0, nil), heartbeat(f, 12, 20, nil))
	add(heartbeat(f, 1, 2, nil), heartbeat(f, 12, 20, func(f *wire.Facts) { f.Elected = site.FQDN("cc01.example.test") }))
	f.Add(`{"seq":1}`, `{"seq":01}`)
	f.Add(`{"Heard":[{"seq":1}],"seq":1}`, `{"Heard":[{"seq":2}],"seq":3}`)
	f.Fuzz(func(t *testing.T, first, second string) {
		got, same := patternOf(t, []byte(first)).read([]byte(second))
		if !same {
			return
		}
		var want wire.Facts
		if err := json.Unmarshal([]byte(second), &want); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v (%v)", got, want, err)
		}
	})
}
