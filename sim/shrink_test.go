package sim

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// breaker fails by rule "broken" when all of some faults are in the plan, and by
// another one always.
func breaker(needs ...int) func(Plan) Outcome {
	return func(p Plan) Outcome {
		o := Outcome{Trace: []Line{{At: time.Second, Who: "cc01.z1.sim", Text: "elected"}}}
		for _, n := range needs {
			if !slices.ContainsFunc(p.Faults, func(f Fault) bool { return f.N == n }) {
				o.Broken = []Violation{{Rule: "other"}}
				return o
			}
		}
		o.Broken = []Violation{{At: 90 * time.Second, Rule: "broken", Text: "two serve"}}
		return o
	}
}

func planOf(n int) Plan {
	var p Plan
	for i := range n {
		p.Faults = append(p.Faults, Fault{At: time.Duration(i) * time.Second, Kind: Crash, Who: "cc01.z1.sim", N: i})
	}
	return p
}

// Issue 3: a failure is reported with the shortest schedule that still fails in
// the same way.
func TestShrinkKeepsWhatIsNeeded(t *testing.T) {
	for _, needs := range [][]int{nil, {0}, {99}, {3, 40}, {12, 13, 77}} {
		p, play := planOf(100), breaker(needs...)
		s := Shrink(p, play(p), play, ShrinkRuns)
		if !slices.Equal(s.Kept, needs) {
			t.Errorf("kept %v, want %v", s.Kept, needs)
		}
		if s.Runs > ShrinkRuns {
			t.Errorf("%d runs", s.Runs)
		}
	}
}

// Shrinking ends within its runs, with what it has by then.
func TestShrinkIsBounded(t *testing.T) {
	runs := 0
	play := breaker(12, 13, 77)
	s := Shrink(planOf(100), play(planOf(100)), func(p Plan) Outcome { runs++; return play(p) }, 10)
	if runs > 10 || s.Outcome.Broken[0].Rule != "broken" || len(s.Kept) > 79 {
		t.Errorf("%d runs, kept %v, broken %v", runs, s.Kept, s.Outcome.Broken)
	}
}

// Issue 3: a failure prints the seed, the command that replays it, the shortest
// schedule and a timeline.
func TestReport(t *testing.T) {
	play := breaker(1, 2, 3, 70)
	p := planOf(90)
	text := Report(7, Shrink(p, play(p), play, ShrinkRuns))
	for _, want := range []string{
		"go test ./sim -run Seed -seed 7 -v", "-only 1-3,70", "  1:30.000000 ! broken  two serve\n",
		"  1:10.000000 > plan    cc01.z1.sim crash 70\n", "broken: two serve",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in:\n%s", want, text)
		}
	}
	if strings.Contains(text, "elected") {
		t.Errorf("shows what is long past:\n%s", text)
	}
}

func TestPlaces(t *testing.T) {
	for text, want := range map[string][]int{"none": {}, "4": {4}, "0-3,7": {0, 1, 2, 3, 7}} {
		got, err := readPlaces(text)
		if err != nil || !slices.Equal(got, want) || places(want) != text {
			t.Errorf("%s: read as %v (%v), written as %s", text, got, err, places(want))
		}
	}
	if _, err := readPlaces("1,x"); err == nil {
		t.Error("1,x is taken")
	}
}
