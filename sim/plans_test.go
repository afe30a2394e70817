package sim

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var saveFlag = flag.String("save", "", "the name under which TestSeed keeps its plan in testdata/plans")

// keptPlan is the shortest schedule that once broke an invariant, kept as it is:
// what a seed draws changes with the generator.
type keptPlan struct {
	// Says is what was wrong with the product.
	Says string
	Plan Plan
}

const plansDir = "testdata/plans"

// NEW-08: what once broke an invariant does not again.
func TestKeptPlans(t *testing.T) {
	unlessOneSeed(t)
	files, err := filepath.Glob(filepath.Join(plansDir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no plans in %s (%v)", plansDir, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			kept := readPlan(t, file)
			o := Play(t, kept.Plan)
			if len(o.Broken) > 0 {
				t.Errorf("%s\n%s", kept.Says, Timeline(kept.Plan, o, 0))
			}
		})
	}
}

func readPlan(t *testing.T, file string) keptPlan {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var kept keptPlan
	if err := json.Unmarshal(text, &kept); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return kept
}

// keepPlan writes a plan for TestKeptPlans; what it shows is to be filled in.
func keepPlan(t *testing.T, name string, p Plan) {
	t.Helper()
	text, err := json.MarshalIndent(keptPlan{Plan: p}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(plansDir, name+".json"), append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}
