package hooks

import (
	"context"
	"fmt"
	"time"

	"understudy/env"
)

// DefaultTimeout is how long a command may take.
const DefaultTimeout = 10 * time.Second

// CommandOptions are an operator's commands: each a program and its arguments; none
// means that nothing is run.
type CommandOptions struct {
	Env       env.Env
	OnElected []string
	OnDeposed []string
	// Timeout bounds each run; 0 means DefaultTimeout.
	Timeout time.Duration
	// Site, Zone and Connector are what commands find in their environment.
	Site, Zone, Connector string
	// Execute runs a program until it ends or ctx does; nil means Execute of this package.
	Execute func(ctx context.Context, argv, environ []string) (output string, err error)
	// Tell hears of each run.
	Tell func(Result)
}

// Commands run one after the other, beside whoever decides.
type Commands struct {
	o      CommandOptions
	latest latest
	ran    Office // the latest
}

// NewCommands starts nothing.
func NewCommands(o CommandOptions) *Commands {
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Execute == nil {
		o.Execute = Execute
	}
	return &Commands{o: o, latest: newLatest()}
}

// Follow says who is elected now; it never waits. A command that runs is not cut short
// by it: the next one begins when it has ended, and only for the newest office.
func (c *Commands) Follow(o Office) { c.latest.put(o) }

// Run runs commands until ctx ends, then lets the one that runs finish, and at the end
// runs on_deposed if on_elected was run last.
func (c *Commands) Run(ctx context.Context) {
	defer c.latest.end()
	lasting := context.WithoutCancel(ctx)
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-c.latest.news:
			if o, _, ok := c.latest.take(lasting); ok && ctx.Err() == nil {
				c.run(lasting, o)
			}
		}
	}
	c.finish(lasting)
}

func (c *Commands) finish(ctx context.Context) {
	o, _, pending := c.latest.take(ctx)
	if !c.ran.Elected {
		return
	}
	if !pending || o.Elected {
		o = Office{Term: max(o.Term, c.ran.Term), Reason: "the connector stops"}
	}
	c.run(ctx, o)
}

func (c *Commands) run(ctx context.Context, o Office) {
	c.ran = o
	hook, argv := OnDeposed, c.o.OnDeposed
	if o.Elected {
		hook, argv = OnElected, c.o.OnElected
	}
	if len(argv) == 0 {
		return
	}
	if c.o.Env.Gate(ctx) != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	began := time.Now()
	output, err := c.o.Execute(ctx, argv, c.environ(hook, o))
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("it was killed, because it took longer than %s", c.o.Timeout)
	}
	c.o.Tell(Result{Hook: hook, Office: o, Detail: argv[0], Output: output, Took: time.Since(began), Err: err})
}

func (c *Commands) environ(hook string, o Office) []string {
	return []string{
		"UNDERSTUDY_HOOK=" + hook,
		"UNDERSTUDY_SITE=" + c.o.Site,
		"UNDERSTUDY_ZONE=" + c.o.Zone,
		"UNDERSTUDY_CONNECTOR=" + c.o.Connector,
		fmt.Sprintf("UNDERSTUDY_TERM=%d", o.Term),
		"UNDERSTUDY_REASON=" + o.Reason,
	}
}
