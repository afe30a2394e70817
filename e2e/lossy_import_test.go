//go:build linux

package e2e_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"understudy/site"
	"understudy/wire"
)

// promises are what a connector has shown to be durable, with the step of the disk
// by which it had.
type promises struct {
	disk *lossyDisk

	mu   sync.Mutex // guards list
	list []promise
}

type promise struct {
	at   int
	what kept
}

// add notes what was shown by now, on top of what was before.
func (p *promises) add(change func(*kept)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.disk.now()
	what := p.by(at)
	change(&what)
	p.list = append(p.list, promise{at: at, what: what})
}

// by is what was promised by that step.
func (p *promises) by(step int) kept {
	var last kept
	for _, one := range p.list {
		if one.at <= step {
			last = one.what
		}
	}
	return last
}

// TestPowerFailureInImports: LHC-02: "Only after it is complete and verified does it
// replace the previous one, atomically. A crash at any byte of an import leaves the
// last good one serving." The power fails after every step on the disk.
func TestPowerFailureInImports(t *testing.T) {
	t.Parallel()
	disk := mountLossy(t, nil)
	c := castOf(t, 3, "cc01")
	c.players[0].data = filepath.Join(disk.folder, "data")
	e := newEditions(t, c, 20)
	p := &promises{disk: disk}
	playImports(c, e, p)
	steps := disk.history()
	t.Logf("%d steps, promises by %v", len(steps), p.steps())
	p.hold(t, c, steps, func(k kept) error { return e.knows(k) })
}

// playImports takes a connector through its first start, imports, an outage, a kill
// and an orderly stop.
func playImports(c *cast, e *editions, p *promises) {
	c.t.Helper()
	one := c.players[0]
	c.startCloud()
	e.next(c.t)
	c.start()
	p.imported(one, e)
	force := one.Outage("force", "drill")
	p.add(func(k *kept) { k.Saved.Record, k.Saved.Highest = force.Record, force.Record.Number })
	clearing := one.Outage("clear", "drill")
	p.add(func(k *kept) { k.Saved.Record, k.Saved.Highest = clearing.Record, clearing.Record.Number })
	for range 2 {
		e.next(c.t)
		p.imported(one, e)
	}
	c.kill()
	e.next(c.t)
	c.start()
	p.imported(one, e)
	if code := one.process.Stop(act); code != 0 {
		c.t.Errorf("got exit code %d of an orderly stop, want 0", code)
	}
	c.start()
	e.next(c.t)
	p.imported(one, e)
	c.kill()
}

// next publishes an edition as soon as the cloud broker answers.
func (e *editions) next(t testing.TB) (v site.Version) {
	t.Helper()
	eventually(t, act, "the site is published", func() (err error) {
		v, err = e.publish(t.Context())
		return err
	})
	return v
}

// imported waits until the connector uses the newest edition.
func (p *promises) imported(one *player, e *editions) {
	one.t.Helper()
	s := one.Shows(act, "the newest edition", func(s wire.Status) error {
		if s.Snapshot == nil || e.title(s.Snapshot.Version) != fmt.Sprintf("Pool %d", e.count) {
			return fmt.Errorf("sync %+v, snapshot %+v, state %s", s.Sync, s.Snapshot, s.State)
		}
		return nil
	})
	p.add(func(k *kept) { k.Version, k.Saved.Highest = s.Snapshot.Version, max(k.Saved.Highest, s.Number) })
}

func (p *promises) steps() []int {
	var out []int
	for _, one := range p.list {
		out = append(out, one.at)
	}
	return out
}

// knows says whether the snapshot is one that was published, and whole.
func (e *editions) knows(k kept) error {
	if !k.Version.IsZero() && k.Title != e.title(k.Version) {
		return fmt.Errorf("version %s has %q, want %q as published", k.Version, k.Title, e.title(k.Version))
	}
	return nil
}

// hold lets the power fail after each of the steps, and holds what is left to what
// was promised: as it lies there, and once a connector has started with it.
func (p *promises) hold(t *testing.T, c *cast, steps []diskStep, judge func(kept) error) {
	t.Helper()
	lucky, every := 1, 12
	if _, long := kills(t, 0); long {
		lucky, every = 4, 1
	}
	var left []leftover
	seen := 0
	powerFailures(steps, lucky, func(at int, files map[string][]byte) {
		if t.Failed() {
			return
		}
		l := leftover{at: at, files: inside(files, "data/")}
		if seen++; seen%every == 0 {
			left = append(left, l)
		}
		if err := p.check(t, l, judge); err != nil {
			t.Errorf("after step %d (%s): %v", at, told5(steps, at), err)
		}
	})
	t.Logf("%d power failures, a connector started after %d of them", seen, len(left))
	p.restartAll(t, c, left, judge)
}

// leftover is what a power failure left of a data folder.
type leftover struct {
	at    int
	files map[string][]byte
}

// inside returns what is in a folder.
func inside(files map[string][]byte, folder string) map[string][]byte {
	out := map[string][]byte{}
	for name, content := range files {
		if rest, ok := strings.CutPrefix(name, folder); ok && rest != "" {
			out[rest] = content
		}
	}
	return out
}

// told5 names the latest steps, for messages.
func told5(steps []diskStep, at int) string {
	var words []string
	for _, s := range steps[max(0, at-5):at] {
		words = append(words, strings.TrimSpace(fmt.Sprintf("%s %d %s %s", s.kind, s.node, s.name, s.as)))
	}
	return strings.Join(words, ", ")
}

// check reads what is left as it lies there.
func (p *promises) check(t testing.TB, l leftover, judge func(kept) error) error {
	t.Helper()
	dir := t.TempDir()
	restore(t, dir, l.files)
	k, err := readKept(t.Context(), dir)
	return errors.Join(err, judge(k), k.since(p.by(l.at)))
}

// restartAll starts a connector on each of the folders, several at a time.
func (p *promises) restartAll(t *testing.T, c *cast, left []leftover, judge func(kept) error) {
	t.Helper()
	const workers = 3
	for w := range workers {
		t.Run(fmt.Sprintf("restarts %d", w+1), func(t *testing.T) {
			t.Parallel()
			one := castOf(t, c.desktops, "cc01").players[0]
			for i := w; i < len(left) && !t.Failed(); i += workers {
				if err := p.restart(t, c, one, left[i], judge); err != nil {
					t.Errorf("started after step %d: %v", left[i].at, err)
				}
			}
		})
	}
}

// restart starts a connector on what is left, without a cloud broker that could
// make good what is lost.
func (p *promises) restart(t *testing.T, c *cast, one *player, l leftover, judge func(kept) error) error {
	t.Helper()
	dir := t.TempDir()
	restore(t, dir, l.files)
	before, err := readKept(t.Context(), dir)
	if err != nil {
		return err
	}
	one.data = dir
	alone := &cast{t: t, dir: t.TempDir(), zone: c.zone, cloudURL: "http://" + one.at(cloudPort), players: []*player{one}}
	alone.write("connector.token", "connector-secret-0001\n")
	alone.start()
	if err := await(act, func() error { return one.uses(before.Version) }); err != nil {
		return fmt.Errorf("%w; its log: %s", err, tail(one.process.Log(), 5))
	}
	alone.kill()
	k, err := readKept(t.Context(), dir)
	if found := litter(t, dir); err == nil && len(found) > 0 {
		err = fmt.Errorf("it left %v", found)
	}
	return errors.Join(err, judge(k), k.since(before), k.since(p.by(l.at)))
}

// uses says whether the connector is up with that snapshot; where none is wanted,
// any will do.
func (p *player) uses(v site.Version) error {
	if !p.process.Running() {
		return fmt.Errorf("it has ended")
	}
	s, err := p.Status()
	switch {
	case err != nil:
		return err
	case !v.IsZero() && (s.Snapshot == nil || s.Snapshot.Version != v):
		return fmt.Errorf("it uses %+v, want version %s", s.Snapshot, v)
	}
	return nil
}
