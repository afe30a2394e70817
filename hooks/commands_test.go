package hooks_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"understudy/env"
	"understudy/hooks"
)

// stage is where commands run in a test: each takes a while, and notes when it began.
type stage struct {
	t     *testing.T
	takes time.Duration
	fail  error

	mu      sync.Mutex // guards what follows
	running int
	ran     []string
	results []hooks.Result
}

func (s *stage) execute(ctx context.Context, argv, environ []string) (string, error) {
	s.mu.Lock()
	if s.running++; s.running > 1 {
		s.t.Error("two commands run at a time")
	}
	s.ran = append(s.ran, strings.Join(argv, " ")+" "+value(environ, "UNDERSTUDY_TERM"))
	s.mu.Unlock()
	defer func() { s.mu.Lock(); s.running--; s.mu.Unlock() }()
	select {
	case <-time.After(s.takes):
		return "done", s.fail
	case <-ctx.Done():
		return "half", ctx.Err()
	}
}

func value(environ []string, name string) string {
	for _, v := range environ {
		if rest, ok := strings.CutPrefix(v, name+"="); ok {
			return rest
		}
	}
	return ""
}

func (s *stage) told(r hooks.Result) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.results = append(s.results, r)
}

func (s *stage) commands() *hooks.Commands {
	return hooks.NewCommands(hooks.CommandOptions{
		Env: env.Real(), OnElected: []string{"take", "it"}, OnDeposed: []string{"leave"}, Timeout: 10 * time.Second,
		Site: "example", Zone: "berlin", Connector: "cc01.example.test", Execute: s.execute, Tell: s.told,
	})
}

// run plays the acts, each a second after the one before, and stops the commands.
func (s *stage) run(acts ...hooks.Office) {
	c := s.commands()
	ctx, stop := context.WithCancel(s.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); c.Run(ctx) }()
	for _, o := range acts {
		c.Follow(o)
		synctest.Wait()
		time.Sleep(time.Second)
	}
	stop()
	<-done
}

func elected(term uint64) hooks.Office {
	return hooks.Office{Elected: true, Term: term, Reason: "it is the first"}
}
func deposed(term uint64) hooks.Office { return hooks.Office{Term: term, Reason: "another one is"} }

// REP-03: commands run in order, never two at a time, the newest office wins, and who
// stops while elected runs on_deposed.
func TestCommandsFollowTheOffice(t *testing.T) {
	for _, c := range []struct {
		name  string
		takes time.Duration
		acts  []hooks.Office
		want  []string
	}{
		{"there and back", 0, []hooks.Office{elected(3), deposed(4)}, []string{"take it 3", "leave 4"}},
		{"elected at the stop", 0, []hooks.Office{elected(3)}, []string{"take it 3", "leave 3"}},
		{"the stop lets it finish", 5 * time.Second, []hooks.Office{elected(3)}, []string{"take it 3", "leave 3"}},
		{"never elected", 0, []hooks.Office{deposed(1)}, []string{"leave 1"}},
		{"overtaken", 3500 * time.Millisecond, []hooks.Office{elected(1), deposed(2), elected(3), deposed(4)}, []string{"take it 1", "leave 4"}},
		{"overtaken by its like", 2500 * time.Millisecond, []hooks.Office{elected(1), deposed(2), elected(3)}, []string{"take it 1", "take it 3", "leave 3"}},
		{"elected anew when it stops", 5 * time.Second, []hooks.Office{deposed(1), elected(2)}, []string{"leave 1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stage{t: t, takes: c.takes}
				s.run(c.acts...)
				if !slices.Equal(s.ran, c.want) {
					t.Errorf("got %q, want %q", s.ran, c.want)
				}
			})
		})
	}
}

// What a command is told, what becomes of it, and that its limit is kept.
func TestResultsOfCommands(t *testing.T) {
	for _, c := range []struct {
		name  string
		takes time.Duration
		fail  error
		want  string
	}{
		{"well", time.Second, nil, ""},
		{"badly", time.Second, errors.New("exit status 3"), "exit status 3"},
		{"too slowly", time.Minute, nil, "killed, because it took longer than 10s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &stage{t: t, takes: c.takes, fail: c.fail}
				s.run(elected(7))
				got := s.results[0]
				if got.Hook != hooks.OnElected || got.Office != elected(7) || got.Took != min(c.takes, 10*time.Second) {
					t.Errorf("got %+v", got)
				}
				if (got.Err == nil) != (c.want == "") || got.Err != nil && !strings.Contains(got.Err.Error(), c.want) {
					t.Errorf("got the error %v, want %q", got.Err, c.want)
				}
			})
		})
	}
}

// A process that was killed runs nothing any more.
func TestNothingRunsBehindTheGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{t: t}
		world := env.Real()
		world.Gate = func(context.Context) error { return errors.New("killed") }
		c := hooks.NewCommands(hooks.CommandOptions{Env: world, OnElected: []string{"take"}, Execute: s.execute, Tell: s.told})
		ctx, stop := context.WithCancel(t.Context())
		c.Follow(elected(1))
		go c.Run(ctx)
		synctest.Wait()
		stop()
		if len(s.ran) > 0 || len(s.results) > 0 {
			t.Errorf("got %q", s.ran)
		}
	})
}
