package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"sync"
	"time"

	"understudy/config"
	"understudy/env"
)

// The kinds of processes that have a file.
const (
	Connector = "connector"
	Desktop   = "desktop"
	Cloud     = "cloud"
)

// DefaultPatience bounds each look at the network.
const DefaultPatience = 5 * time.Second

// atATime bounds how many looks are under way at once.
const atATime = 16

// Options say what to look at.
type Options struct {
	Env env.Env
	// Kind is the kind of process; empty leaves it to what the file says.
	Kind string
	File string
	// Patience bounds each look at the network; zero means the default.
	Patience time.Duration
}

func (o Options) validate() error {
	if o.File == "" {
		return errors.New("doctor: File is missing")
	}
	switch o.Kind {
	case "", Connector, Desktop, Cloud:
		return o.Env.Validate()
	}
	return fmt.Errorf("doctor: %q is no kind of process: %s, %s or %s", o.Kind, Connector, Desktop, Cloud)
}

// doctor is one visit.
type doctor struct {
	Options
	now time.Time // the host's wall clock at the start
}

// look gathers the facts of one check and judges them.
type look func(ctx context.Context) []Finding

// Look gathers what there is to see, and judges it. An error means that nothing could
// be looked at.
func Look(ctx context.Context, o Options) (Report, error) {
	if err := o.validate(); err != nil {
		return Report{}, err
	}
	if o.Patience == 0 {
		o.Patience = DefaultPatience
	}
	d := &doctor{Options: o, now: o.Env.Now()}
	var err error
	if d.Kind, err = kindOfFile(o); err != nil {
		return Report{}, err
	}
	r := Report{Kind: d.Kind, File: o.File, At: d.now.UTC()}
	d.visit(ctx, &r)
	r.count()
	return r, ctx.Err()
}

func (d *doctor) visit(ctx context.Context, r *Report) {
	p, err := d.load(ctx)
	if err != nil {
		r.Findings = append(configFindings(d.File, err), skipped("all other checks", d.File, "the configuration cannot be used"))
		return
	}
	r.Running = p.held.alive
	r.Findings = append(r.Findings, fine(checkConfig, d.File, "every key is known and within its bounds"))
	r.Findings = append(r.Findings, together(ctx, p.looks)...)
	r.Findings = append(r.Findings, p.concluded(r.Findings)...)
}

// together lets looks run side by side; the findings stay in order.
func together(ctx context.Context, looks []look) []Finding {
	found := make([][]Finding, len(looks))
	room := make(chan struct{}, atATime)
	var all sync.WaitGroup
	for i, l := range looks {
		all.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			if ctx.Err() == nil {
				found[i] = l(ctx)
			}
		})
	}
	all.Wait()
	var out []Finding
	for _, f := range found {
		out = append(out, f...)
	}
	return out
}

// configFindings is one finding for each fault of a file.
func configFindings(file string, err error) []Finding {
	faulty, ok := errors.AsType[*config.FileError](err)
	if !ok {
		return []Finding{found(configFault, file, err.Error(), nil)}
	}
	var out []Finding
	for _, f := range faulty.Faults {
		about := file
		if f.Line > 0 {
			about = fmt.Sprintf("%s:%d", file, f.Line)
		}
		detail := f.Text
		if f.Path != "" {
			detail = f.Path + ": " + f.Text
		}
		out = append(out, found(configFault, about, detail, nil))
	}
	return out
}

// marks are keys that only the file of one kind has.
var marks = map[string]*regexp.Regexp{
	Connector: regexp.MustCompile(`(?m)^fqdn\s*:`),
	Desktop:   regexp.MustCompile(`(?m)^(machine|machines|connectors)\s*:`),
	Cloud:     regexp.MustCompile(`(?m)^tokens_file\s*:`),
}

// kindOfFile is what was asked for, else what the file looks like.
func kindOfFile(o Options) (string, error) {
	if o.Kind != "" {
		return o.Kind, nil
	}
	text, err := os.ReadFile(o.File)
	if err != nil {
		return "", &UnusableError{fmt.Errorf("read the configuration: %w", err)}
	}
	for _, kind := range []string{Connector, Desktop, Cloud} {
		if marks[kind].Match(text) {
			return kind, nil
		}
	}
	return "", &UnusableError{fmt.Errorf("%s looks like no file of a process: say which it is, %s, %s or %s", o.File, Connector, Desktop, Cloud)}
}

// UnusableError is a file of which not even the kind can be seen.
type UnusableError struct{ err error }

func (e *UnusableError) Error() string { return e.err.Error() }

func (e *UnusableError) Unwrap() error { return e.err }
