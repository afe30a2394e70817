package sim

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"
)

// many plays many seeds and says how it goes.
type many struct {
	pool *pool
	// first is the first seed, and runs how many there are.
	first, runs uint64
	out         io.Writer
	// reports is how many failures are shrunk and shown in full.
	reports int

	given     uint64
	done      uint64
	simulated time.Duration
	served    int
	failed    []failure
	began     time.Time
}

type failure struct {
	plan    Plan
	outcome Outcome
}

// TestMany plays as many seeds as -runs says, from -seed on, on all cores, with a
// progress line every two seconds. It is what make sim runs.
func TestMany(t *testing.T) {
	if *runsFlag == 0 {
		return
	}
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	m := &many{pool: newPool(t, self(t), *workersFlag), first: *seedFlag, runs: *runsFlag, out: os.Stderr, reports: 3}
	if failed := m.play(ctx); failed > 0 {
		t.Errorf("%d of %d seeds break an invariant", failed, m.done)
	}
	if ctx.Err() != nil {
		t.Errorf("stopped after %d of %d seeds", m.done, m.runs)
	}
}

// play plays all seeds, reports the first failures, and returns how many there are.
func (m *many) play(ctx context.Context) int {
	m.began = time.Now()
	m.pool.playAll(ctx, m.next, m.took, m.show)
	m.show()
	slices.SortFunc(m.failed, func(a, b failure) int { return int(a.plan.Seed) - int(b.plan.Seed) })
	for i, f := range m.failed {
		if i < m.reports && ctx.Err() == nil {
			fmt.Fprintf(m.out, "\n%s", Report(f.plan.Seed, m.pool.shrink(ctx, f.plan, f.outcome, ShrinkRuns)))
		} else {
			fmt.Fprintf(m.out, "seed %d: %s: %.200s\n", f.plan.Seed, f.outcome.Broken[0].Rule, f.outcome.Broken[0].Text)
		}
	}
	return len(m.failed)
}

func (m *many) next() (task, bool) {
	if m.given == m.runs {
		return task{}, false
	}
	m.given++
	return task{Plan: NewPlan(m.first + m.given - 1)}, true
}

func (m *many) took(one task, o Outcome) {
	m.done++
	m.simulated += o.Simulated
	m.served += o.Served
	if len(o.Broken) > 0 {
		m.failed = append(m.failed, failure{one.Plan, o})
		fmt.Fprintf(m.out, "seed %d breaks: %s\n", one.Plan.Seed, o.Broken[0].Rule)
	}
}

// show is the progress line.
func (m *many) show() {
	lasted := time.Since(m.began)
	fmt.Fprintf(m.out, "%d of %d runs, %d failed, %.1f simulated hours (%.1f a minute), %d launches, %s\n",
		m.done, m.runs, len(m.failed), m.simulated.Hours(), m.simulated.Hours()/lasted.Minutes(), m.served, lasted.Round(time.Second))
}

// self is this test binary.
func self(tb testing.TB) string {
	tb.Helper()
	path, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

func cores() int { return runtime.NumCPU() }
