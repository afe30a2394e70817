// Package demo plays an outage from beginning to end in a world of its own, and
// checks every step: what a newcomer sees in the first minute. It is not a test
// double of anything: everything that runs is what a company would run.
package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/env"
	"understudy/site"
	"understudy/world"
)

// Options say how the story is told.
type Options struct {
	Env     env.Env
	Out     io.Writer
	JSON    bool
	Keep    bool // leave everything running at the end
	Version string
	// Settings replace the shortened durations, for tests.
	Settings site.Settings
	// Patience bounds each step; zero means 20 s.
	Patience time.Duration
	// Dir keeps data and logs there; empty means a folder that is removed at the end.
	Dir string
}

// Step is how one step of the story went.
type Step struct {
	Step   string        `json:"step"`
	OK     bool          `json:"ok"`
	At     time.Time     `json:"at"`
	Took   site.Duration `json:"took"`
	Detail string        `json:"detail"`
}

// Done is the last line with JSON.
type Done struct {
	Done bool `json:"done"`
	OK   bool `json:"ok"`
}

// ErrFailed says that a step did not happen.
var ErrFailed = errors.New("a step of the demo did not happen")

// Run plays the story; it fails with ErrFailed if a step does not happen.
func Run(ctx context.Context, o Options) error {
	dir := o.Dir
	if dir == "" {
		made, err := os.MkdirTemp("", "understudy-demo-")
		if err != nil {
			return fmt.Errorf("make a folder for the demo: %w", err)
		}
		defer os.RemoveAll(made)
		dir = made
	}
	w, files, err := build(ctx, o, dir)
	if err != nil {
		return err
	}
	return errors.Join(play(ctx, o, w), files.close())
}

func play(ctx context.Context, o Options, w *world.World) error {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	s := &stage{o: o, world: w, running: running}
	err := s.play(ctx)
	s.took = time.Since(s.began)
	if o.Keep && err == nil {
		s.keep(ctx)
	}
	if closing := w.Close(); err == nil {
		err = closing
	}
	s.done(err == nil)
	return err
}

func build(ctx context.Context, o Options, dir string) (*world.World, *logs, error) {
	settings := o.Settings
	if settings == (site.Settings{}) {
		settings = world.Short()
	}
	small, err := world.Small(ctx, o.Env, settings)
	if err != nil {
		return nil, nil, err
	}
	files := &logs{dir: dir}
	w, err := world.New(ctx, world.Options{
		Env: o.Env, Dir: dir, Site: small, Zone: small.Zones[0].Name, Logger: files.open, SyncInterval: time.Second, Version: o.Version,
	})
	if err != nil {
		return nil, nil, errors.Join(err, files.close())
	}
	return w, files, nil
}

// logs are one file for each process, as they would be on hosts of their own.
type logs struct {
	dir   string
	files map[string]*os.File
}

func (l *logs) open(name string) *logrus.Logger {
	logger := logrus.New()
	logger.SetFormatter(&logrus.JSONFormatter{TimestampFormat: time.RFC3339Nano, DisableHTMLEscape: true})
	logger.SetOutput(io.Discard)
	if l.files == nil {
		l.files = map[string]*os.File{}
	}
	f, ok := l.files[name]
	if !ok {
		var err error
		if f, err = os.OpenFile(l.path(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
			return logger
		}
		l.files[name] = f
	}
	logger.SetOutput(f)
	return logger
}

func (l *logs) path(name string) string { return l.dir + string(os.PathSeparator) + name + ".log" }

func (l *logs) close() error {
	var errs []error
	for _, f := range l.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// stage is the story as it is being told.
type stage struct {
	o       Options
	world   *world.World
	running context.Context
	began   time.Time
	took    time.Duration
}

// tell prints one step.
func (s *stage) tell(step Step) {
	if s.o.JSON {
		_ = json.NewEncoder(s.o.Out).Encode(step)
		return
	}
	mark := "ok  "
	if !step.OK {
		mark = "FAIL"
	}
	fmt.Fprintf(s.o.Out, "%6.1fs  %s  %-34s %s (%s)\n", time.Since(s.began).Seconds(), mark, step.Step, step.Detail, step.Took.D().Round(time.Millisecond))
}

func (s *stage) done(ok bool) {
	switch {
	case s.o.JSON:
		_ = json.NewEncoder(s.o.Out).Encode(Done{Done: true, OK: ok})
	case ok:
		fmt.Fprintf(s.o.Out, "\nThe zone went through an outage and back in %s.\n", s.took.Round(100*time.Millisecond))
	default:
		fmt.Fprintf(s.o.Out, "\nThe demo failed; the step above says what did not happen.\n")
	}
}

// keep leaves everything running and says what one can do with it.
func (s *stage) keep(ctx context.Context) {
	fmt.Fprint(os.Stderr, s.invitation())
	<-ctx.Done()
}

func (s *stage) invitation() string {
	var urls []string
	var text strings.Builder
	program, _ := os.Executable()
	fmt.Fprintf(&text, "\nEverything keeps running until Ctrl-C. In another shell, try (understudy is %s):\n\n", program)
	for _, c := range s.world.Connectors() {
		urls = append(urls, c.ClientURL)
		fmt.Fprintf(&text, "  understudy status --connector unix:%s\n", s.world.Admin(c.FQDN))
	}
	first := s.world.Admin(s.world.Connectors()[0].FQDN)
	stores := strings.Join(urls, ",")
	fmt.Fprintf(&text, "  understudy peers --watch --connector unix:%s\n", first)
	fmt.Fprintf(&text, "  understudy outage force --reason drill --connector unix:%s\n", first)
	fmt.Fprintf(&text, "  understudy outage clear --connector unix:%s\n", first)
	fmt.Fprintf(&text, "  understudy storefront resources alice --connectors %s\n", stores)
	fmt.Fprintf(&text, "  understudy storefront launch alice desktop:office --connectors %s\n", stores)
	fmt.Fprintf(&text, "\nData and logs: %s\n\n", s.world.Dir(""))
	return text.String()
}
