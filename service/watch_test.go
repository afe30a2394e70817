package service

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// book is a channel that writes down what it is told, and when.
type book struct {
	silence time.Duration
	began   time.Time

	mu    sync.Mutex // guards what follows
	lines []entry
}

type entry struct {
	at time.Duration
	notice
}

func (b *book) managed() bool           { return true }
func (b *book) watchdog() time.Duration { return b.silence }

func (b *book) tell(n notice) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines = append(b.lines, entry{time.Since(b.began), n})
	return nil
}

// times are when what fits was told.
func (b *book) times(fits func(notice) bool) []time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []time.Duration
	for _, e := range b.lines {
		if fits(e.notice) {
			out = append(out, e.at)
		}
	}
	return out
}

func (b *book) statuses() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for _, e := range b.lines {
		if e.status != "" {
			out = append(out, e.status)
		}
	}
	return out
}

// process is one whose loops stand still while stuck is set.
type process struct {
	mu    sync.Mutex // guards what follows
	line  string
	stuck error
}

func (p *process) set(line string, stuck error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.line, p.stuck = line, stuck
}

func (p *process) Headline() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.line
}

func (p *process) Progress(time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stuck
}

// follow runs Follow in the bubble until the end of the test's script.
func follow(b *book, p Process, script func()) {
	b.began = time.Now()
	m := &Manager{channel: b, complain: func(error) {}}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { m.Follow(ctx, p) })
	script()
	stop()
	running.Wait()
}

func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// Issue 6: "watchdog that pings only while the loops make progress".
func TestPingsEndWhenALoopHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p := &book{silence: 30 * time.Second}, &process{line: "Normal"}
		pings := func(n notice) bool { return n.alive }
		follow(b, p, func() {
			pass(46 * time.Second)
			if got, want := b.times(pings), []time.Duration{15 * time.Second, 30 * time.Second, 45 * time.Second}; !slices.Equal(got, want) {
				t.Errorf("pings at %v, want %v: half of the watchdog's time", got, want)
			}
			p.set("Normal", errors.New("the loop that decides has stood still for 16 s"))
			pass(5 * time.Minute)
			if got := len(b.times(pings)); got != 3 {
				t.Errorf("%d pings, want none after the loop hung", got-3)
			}
			p.set("Normal", nil)
			pass(15 * time.Second)
			if got := len(b.times(pings)); got != 4 {
				t.Errorf("%d pings after it went on, want one", got-3)
			}
		})
		want := []string{"Normal", "stuck: the loop that decides has stood still for 16 s", "Normal", "stopping"}
		if got := b.statuses(); !slices.Equal(got, want) {
			t.Errorf("said %q, want %q", got, want)
		}
	})
}

// Issue 6: "`STATUS=` text": when it changes, at most once a second, whatever the
// watchdog's time is.
func TestStatusIsToldWhenItChanges(t *testing.T) {
	for _, silence := range []time.Duration{0, 800 * time.Millisecond, 3 * time.Second, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			b, p := &book{silence: silence}, &process{line: "Normal"}
			follow(b, p, func() {
				pass(10*time.Second + time.Millisecond)
				for i := range 100 {
					p.set([]string{"PendingHA", "InitialHA"}[i%2], nil)
					pass(70 * time.Millisecond)
				}
				p.set("Normal", nil)
				pass(10 * time.Second)
			})
			at := b.times(func(n notice) bool { return n.status != "" && !n.stopping })
			for i := 1; i < len(at); i++ {
				if at[i]-at[i-1] < statusEvery {
					t.Errorf("watchdog %s: told at %s and again at %s", silence, at[i-1], at[i])
				}
			}
			if n := len(at); n < 3 || n > 9 {
				t.Errorf("watchdog %s: told %d times, want the first, some of the changes in 7 s, and the last", silence, n)
			}
		})
	}
}

// late is a process that binds its listener when it runs.
type late struct {
	process
	listening chan struct{}
}

func (l *late) Listening() <-chan struct{} { return l.listening }

// "READY once the listeners are bound", and no STOPPING of what never was.
func TestReadyOnceTheListenersAreBound(t *testing.T) {
	ready := func(n notice) bool { return n.ready }
	synctest.Test(t, func(t *testing.T) {
		b, l := &book{}, &late{process{line: "not registered"}, make(chan struct{})}
		follow(b, l, func() {
			pass(time.Minute)
			if got := b.times(ready); got != nil {
				t.Errorf("ready at %v, before it listens", got)
			}
			close(l.listening)
			synctest.Wait()
			if got := b.times(ready); !slices.Equal(got, []time.Duration{time.Minute}) {
				t.Errorf("ready at %v, want once, as soon as it listens", got)
			}
		})
		b, l = &book{}, &late{listening: make(chan struct{})}
		follow(b, l, func() { pass(time.Minute) })
		if len(b.lines) != 0 {
			t.Errorf("told %v of a process that never was ready", b.lines)
		}
	})
}

// "RELOADING": a hangup that comes before the process is ready does not make it so.
func TestReloadBeforeTheProcessIsReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{began: time.Now()}
		m := &Manager{channel: b}
		done := 0
		m.While(func() { done++ })
		if told := b.times(func(notice) bool { return true }); done != 1 || len(told) > 0 {
			t.Errorf("it was done %d times, and %d notices were told", done, len(told))
		}
		ctx, stop := context.WithCancel(t.Context())
		go m.Follow(ctx, &process{line: "Normal"})
		synctest.Wait()
		m.While(func() { done++ })
		if told := b.times(func(n notice) bool { return n.reloading || n.ready }); done != 2 || len(told) != 3 {
			t.Errorf("it was done %d times, and %d notices were told, want ready, reloading, ready", done, len(told))
		}
		stop()
		synctest.Wait()
	})
}
