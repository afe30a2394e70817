package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// ends is the rule that a run breaks which panics, blocks for good or does not
// come to an end.
const ends = "every run comes to its end"

// task is one run as a worker is asked for it.
type task struct {
	Plan Plan
	// Trace says that the answer is to hold the trace.
	Trace bool
}

// pool plays plans in processes of a test binary of this package: one core each,
// so that all cores are in use and each run has its goroutines for itself.
type pool struct {
	binary  string
	args    []string
	workers int
	// limit is the real time that a run may take.
	limit time.Duration
	dir   string
}

func newPool(tb testing.TB, binary string, workers int, args ...string) *pool {
	tb.Helper()
	return &pool{binary: binary, args: args, workers: workers, limit: *limitFlag, dir: poolDir(tb)}
}

// poolDir holds what all workers write, in memory where that is possible; what
// killed ones leave behind goes with it.
func poolDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp(memory, "understudy-pool-") //nolint:usetesting // tb.TempDir is on a disk
	if err != nil {
		return tb.TempDir()
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// playAll plays plans as they come from next, until that has no more or ctx ends,
// hands over each outcome, and shows how it goes every two seconds; one of the
// three is called at a time.
func (p *pool) playAll(ctx context.Context, next func() (task, bool), took func(task, Outcome), show func()) {
	var mu sync.Mutex
	var all sync.WaitGroup
	defer every(2*time.Second, &mu, show)()
	for range p.workers {
		all.Go(func() {
			w := &worker{pool: p}
			defer w.stop()
			for ctx.Err() == nil {
				mu.Lock()
				one, more := next()
				mu.Unlock()
				if !more {
					return
				}
				o := w.play(ctx, one)
				if ctx.Err() != nil {
					return
				}
				mu.Lock()
				took(one, o)
				mu.Unlock()
			}
		})
	}
	all.Wait()
}

// every calls f again and again until it is told to stop.
func every(d time.Duration, mu sync.Locker, f func()) (stop func()) {
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(d)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				mu.Lock()
				f()
				mu.Unlock()
			}
		}
	}()
	return func() {
		close(quit)
		<-ended
	}
}

// shrink looks for the shortest failing schedule, with a worker for itself.
func (p *pool) shrink(ctx context.Context, plan Plan, broken Outcome, runs int) Shrunk {
	w := &worker{pool: p}
	defer w.stop()
	return Shrink(plan, broken, func(try Plan) Outcome { return w.play(ctx, task{try, true}) }, runs)
}

// worker is one process of a pool, started when it is needed and again when it
// has died.
type worker struct {
	pool    *pool
	cmd     *exec.Cmd
	tasks   *json.Encoder
	answers chan answer
	said    *tail
	close   []io.Closer
}

type answer struct {
	outcome Outcome
	err     error
}

// play has one plan played. What kills the worker is an outcome too.
func (w *worker) play(ctx context.Context, one task) Outcome {
	if w.cmd == nil {
		if err := w.start(); err != nil {
			return died(fmt.Errorf("start a worker: %w", err), "")
		}
	}
	if err := w.tasks.Encode(one); err != nil {
		return w.lost(err)
	}
	late := time.NewTimer(w.pool.limit)
	defer late.Stop()
	select {
	case a := <-w.answers:
		if a.err != nil {
			return w.lost(a.err)
		}
		return a.outcome
	case <-late.C:
		_ = w.cmd.Process.Signal(syscall.SIGQUIT)
		return w.lost(fmt.Errorf("no end within %s of real time", w.pool.limit))
	case <-ctx.Done():
		w.stop()
		return Outcome{}
	}
}

func (w *worker) start() error {
	answersIn, answersOut, err := os.Pipe()
	if err != nil {
		return err
	}
	defer answersOut.Close()
	w.said = &tail{}
	w.cmd = exec.Command(w.pool.binary, append([]string{"-test.run=^TestWorker$", "-test.timeout=0", "-worker"}, w.pool.args...)...)
	w.cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "GODEBUG=asyncpreemptoff=1", "GOGC=400", "TMPDIR="+w.pool.dir)
	w.cmd.Stdout, w.cmd.Stderr, w.cmd.ExtraFiles = w.said, w.said, []*os.File{answersOut}
	w.cmd.WaitDelay = time.Second
	tasks, err := w.cmd.StdinPipe()
	if err == nil {
		err = w.cmd.Start()
	}
	if err != nil {
		w.cmd = nil
		return errors.Join(err, answersIn.Close())
	}
	w.tasks, w.answers, w.close = json.NewEncoder(tasks), make(chan answer, 1), []io.Closer{tasks, answersIn}
	go read(json.NewDecoder(answersIn), w.answers)
	return nil
}

func read(from *json.Decoder, to chan<- answer) {
	for {
		var a answer
		a.err = from.Decode(&a.outcome)
		to <- a
		if a.err != nil {
			return
		}
	}
}

// lost waits for a worker that is dying, and tells why.
func (w *worker) lost(why error) Outcome {
	killer := time.AfterFunc(10*time.Second, func() { _ = w.cmd.Process.Kill() })
	defer killer.Stop()
	err := w.cmd.Wait()
	w.release()
	return died(errors.Join(why, err), w.said.String())
}

func (w *worker) stop() {
	if w.cmd == nil {
		return
	}
	_ = w.cmd.Process.Kill()
	_ = w.cmd.Wait()
	w.release()
}

func (w *worker) release() {
	w.cmd = nil
	for _, c := range w.close {
		_ = c.Close()
	}
}

// died is the outcome of a run that its process did not survive.
func died(err error, said string) Outcome {
	reason := err.Error()
	for line := range strings.Lines(said) {
		if strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:") {
			reason = strings.TrimSpace(line)
			break
		}
	}
	return Outcome{Broken: []Violation{{Rule: ends, Text: reason + "\n" + said}}}
}

// tail keeps the beginning and the end of what a process says.
type tail struct {
	mu          sync.Mutex // guards what follows
	first, last []byte
}

const tailSize = 8 << 10

func (s *tail) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := min(len(b), tailSize-len(s.first))
	s.first = append(s.first, b[:n]...)
	s.last = append(s.last, b[n:]...)
	s.last = s.last[max(0, len(s.last)-tailSize):]
	return len(b), nil
}

func (s *tail) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.first) + string(s.last)
}
