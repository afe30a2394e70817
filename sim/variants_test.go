package sim

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	// otherSeeds are played when those that are known to catch a variant no longer do.
	otherSeeds = 40
	// keptSeeds are how many of those that catch it are kept.
	keptSeeds = 1
)

// Issue 3: the edits of each variant still fit the product.
func TestVariantsApply(t *testing.T) {
	all := allVariants(t)
	if len(all) < 18 {
		t.Errorf("there are only %d variants", len(all))
	}
	for _, v := range append(all, openVariants(t)...) {
		if _, err := v.apply(); err != nil {
			t.Error(err)
		}
	}
}

// Issue 3: the instrument is itself tested: a product that is deliberately wrong
// in one place is caught.
func TestVariantsAreCaught(t *testing.T) {
	unlessOneSeed(t)
	if testing.Short() {
		return
	}
	free := make(chan struct{}, *workersFlag)
	for _, v := range allVariants(t) {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			free <- struct{}{}
			defer func() { <-free }()
			c := hunt(t, v, append(slices.Clone(v.seeds), fresh(v, v.seeds, otherSeeds)...), 1, 1)
			if len(c.caught) == 0 {
				t.Errorf("%s: none of %d seeds notices; make variants looks for others", v.what, c.played)
			}
		})
	}
}

// TestVariants looks for the seeds that catch each variant and shows them in a
// table. It is what make variants runs.
func TestVariants(t *testing.T) {
	if !*variantsFlag {
		return
	}
	rows := map[string]string{}
	for _, v := range allVariants(t) {
		if *onlyFlag != "" && !slices.Contains(strings.Split(*onlyFlag, ","), v.name) {
			continue
		}
		c := hunt(t, v, fresh(v, nil, *seedsFlag), keptSeeds, *workersFlag)
		rows[v.name] = c.row(v)
		fmt.Fprint(os.Stderr, c.row(v))
		if len(c.caught) == 0 {
			t.Errorf("%s: none of %d seeds notices", v.name, c.played)
		} else if err := v.write(c.seeds(v.made(t))); err != nil {
			t.Error(err)
		}
	}
	intoDocs(t, rows)
}

// fresh are the first seeds that are not among the known ones and have the policy
// that a variant is about.
func fresh(v variant, known []uint64, n uint64) []uint64 {
	var seeds []uint64
	for seed := uint64(1); uint64(len(seeds)) < n; seed++ {
		policy := NewPlan(seed).Shape.Settings.WithDefaults().Policy
		if !slices.Contains(known, seed) && (v.policy == "" || v.policy == policy) {
			seeds = append(seeds, seed)
		}
	}
	return seeds
}

// catch is what was found out about a variant.
type catch struct {
	caught []failure
	// played is how many seeds it took to the first catch, in so much real time.
	played int
	after  time.Duration
}

// hunt plays seeds with a variant until enough have caught it. One that fails with
// the right product too catches nothing.
func hunt(t *testing.T, v variant, seeds []uint64, enough, workers int) catch {
	t.Helper()
	binary, err := v.build(t)
	if err != nil {
		t.Fatal(err)
	}
	wrong, right := newPool(t, binary, workers), &worker{pool: newPool(t, self(t), 1)}
	defer right.stop()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var c catch
	began := time.Now()
	made := v.made(t)
	wrong.playAll(ctx, func() (task, bool) {
		if len(made)+len(seeds) == 0 || len(c.caught) >= enough {
			return task{}, false
		}
		var p Plan
		if len(made) > 0 {
			p, made = made[0], made[1:]
		} else {
			p, seeds = NewPlan(seeds[0]), seeds[1:]
		}
		p.Brief = true
		return task{Plan: p}, true
	}, func(one task, o Outcome) {
		if len(c.caught) == 0 {
			c.played++
		}
		if len(o.Broken) == 0 {
			return
		}
		if too := right.play(ctx, one); len(too.Broken) > 0 {
			fmt.Fprintf(os.Stderr, "seed %d breaks with the right product too: %s: %s\n", one.Plan.Seed, too.Broken[0].Rule, too.Broken[0].Text)
			return
		}
		if len(c.caught) == 0 {
			c.after = time.Since(began)
		}
		if c.caught = append(c.caught, failure{one.Plan, o}); len(c.caught) >= enough {
			stop()
		}
	}, func() {})
	return c
}

// made is the plan that was made for the variant, if there is one.
func (v variant) made(t *testing.T) []Plan {
	t.Helper()
	if v.plan == "" {
		return nil
	}
	return []Plan{readPlan(t, filepath.Join(plansDir, v.plan+".json")).Plan}
}

// seeds are those that have caught it, but for the plan that was made for it.
func (c catch) seeds(made []Plan) []uint64 {
	var seeds []uint64
	for _, f := range c.caught {
		if !slices.ContainsFunc(made, func(p Plan) bool { return p.Seed == f.plan.Seed }) {
			seeds = append(seeds, f.plan.Seed)
		}
	}
	slices.Sort(seeds)
	return seeds
}

// row is a line of the table in docs/simulation.md.
func (c catch) row(v variant) string {
	if len(c.caught) == 0 {
		return fmt.Sprintf("| `%s` | %s | not caught | | %d | |\n", v.name, v.what, c.played)
	}
	var rules []string
	for _, f := range c.caught {
		rules = append(rules, f.outcome.Broken[0].Rule)
	}
	slices.Sort(rules)
	by := strings.Trim(fmt.Sprint(c.seeds(nil)), "[]")
	if v.plan != "" {
		by = "plan `" + v.plan + "`"
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s | %d | %.1f s |\n", v.name, v.what, by,
		strings.Join(slices.Compact(rules), "; "), c.played, c.after.Seconds())
}

// The table stands between these two lines.
const (
	docsPath   = "../docs/simulation.md"
	tableBegin = "<!-- make variants writes this table -->\n"
	tableEnd   = "<!-- end of the table -->\n"
	tableHead  = "| variant | what is wrong | caught by seeds | by rule | after runs | after |\n|---|---|---|---|---|---|\n"
)

// intoDocs writes new rows into the table; variants that were not played keep
// theirs.
func intoDocs(t *testing.T, rows map[string]string) {
	t.Helper()
	path := filepath.FromSlash(docsPath)
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(page), tableBegin)
	table, after, ends := strings.Cut(rest, tableEnd)
	if !begins || !ends {
		t.Fatalf("%s has no place for the table", path)
	}
	was := map[string]string{}
	for row := range strings.Lines(table) {
		if fields := strings.Split(row, "`"); len(fields) > 2 {
			was[fields[1]] = row
		}
	}
	var b strings.Builder
	for _, v := range allVariants(t) {
		b.WriteString(cmp.Or(rows[v.name], was[v.name], catch{}.row(v)))
	}
	if err := os.WriteFile(path, []byte(before+tableBegin+tableHead+b.String()+tableEnd+after), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Issue 3: every variant is in the table of docs/simulation.md.
func TestVariantsAreDocumented(t *testing.T) {
	page, err := os.ReadFile(filepath.FromSlash(docsPath))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range append(allVariants(t), openVariants(t)...) {
		if !strings.Contains(string(page), "| `"+v.name+"` | "+v.what+" |") {
			t.Errorf("docs/simulation.md: %s is not there as its file has it", v.name)
		}
	}
}
