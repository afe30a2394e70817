package sim

import (
	"context"
	"strings"
	"testing"
	"time"
)

// Issue 3: a run that panics or hangs is a failure like any other: named by its
// seed, while the other runs go on.
func TestPoolSurvivesItsWorkers(t *testing.T) {
	var out strings.Builder
	p := newPool(t, self(t), 2, "-fake")
	p.limit = 2 * time.Second
	m := &many{pool: p, first: 1, runs: 10, out: &out, reports: 1}
	if failed := m.play(t.Context()); failed != 3 || m.done != 10 {
		t.Errorf("%d of %d runs failed, want 3 of 10", failed, m.done)
	}
	for _, want := range []string{
		"-seed 3 -only 0-1 -v", "seed 5: " + ends + ": panic: a seed that ends in 5", "seed 7: " + ends,
		"10 of 10 runs, 3 failed, 8.0 simulated hours",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, out.String())
		}
	}
}

// Ctrl-C ends all workers, and what was played until then is told.
func TestPoolStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var out strings.Builder
	m := &many{pool: newPool(t, self(t), 2, "-fake"), first: 17, runs: 1000, out: &out}
	p := m.pool
	p.playAll(ctx, m.next, func(one task, o Outcome) { m.took(one, o); cancel() }, func() {})
	if m.done == 0 || m.done > 3 {
		t.Errorf("%d runs were played after the first one stopped it", m.done)
	}
}
