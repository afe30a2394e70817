package agent

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/sirupsen/logrus"

	"understudy/events"
	"understudy/hooks"
	"understudy/site"
	"understudy/wire"
)

// follower lets the hooks follow the office (REP-03): the loop shows it each stance,
// and it tells them of changes, beside the loop.
type follower struct {
	log      *log
	commands *hooks.Commands
	name     *hooks.Name // nil without one
	// elected is what the hooks were told; nil: nothing yet, or this connector knows
	// nothing of its zone. Only the loop has it.
	elected *bool

	mu   sync.Mutex // guards last
	last map[string]wire.HookStatus
}

func newFollower(o *Options, l *log) *follower {
	f := &follower{log: l, last: map[string]wire.HookStatus{}}
	commands := o.Commands
	commands.Env, commands.Tell = o.Env, f.tell
	commands.Site, commands.Zone, commands.Connector = o.Site, o.Zone, string(o.FQDN)
	f.commands = hooks.NewCommands(commands)
	if o.DNS != nil {
		name := *o.DNS
		name.Env, name.Tell = o.Env, f.tell
		if name.Alias == "" {
			name.Alias = string(o.FQDN)
		}
		f.name = hooks.NewName(name)
	}
	return f
}

// see tells the hooks of a change. Who starts tells them in any case: what an earlier
// run did may be left over, and who was paused does not know who was elected since.
func (f *follower) see(s *stance, reason string) {
	elected := s.elected == s.self
	switch {
	case s.starting:
		f.elected = nil
		return
	case f.elected != nil && *f.elected == elected:
		return
	}
	f.elected = &elected
	office := hooks.Office{Elected: elected, Term: s.term, Reason: reason}
	f.commands.Follow(office)
	if f.name != nil {
		f.name.Follow(office)
	}
}

// run lets the hooks run until ctx ends, and then finish.
func (f *follower) run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(func() { f.commands.Run(ctx) })
	if f.name != nil {
		running.Go(func() { f.name.Run(ctx) })
	}
}

// tell is called by the hooks.
func (f *follower) tell(r hooks.Result) {
	text := r.Detail
	if r.Err != nil {
		text += ": " + r.Err.Error()
	}
	fields := logrus.Fields{"hook": r.Hook, "term": r.Office.Term, "took": site.Duration(r.Took).String(), "because": r.Office.Reason}
	if r.Output != "" {
		fields["output"] = r.Output
	}
	f.log.raise(hookEvent(r), text, fields)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last[r.Hook] = wire.HookStatus{Hook: r.Hook, OK: r.Err == nil, At: f.log.o.Env.Now().UTC(), Detail: text}
}

func hookEvent(r hooks.Result) events.Name {
	switch {
	case r.Hook == hooks.DNS && r.Err == nil:
		return events.NameMoved
	case r.Hook == hooks.DNS:
		return events.NameFailed
	case r.Err == nil:
		return events.HookDone
	}
	return events.HookFailed
}

// status is how each hook went the last time.
func (f *follower) status() []wire.HookStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []wire.HookStatus
	for _, s := range f.last {
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b wire.HookStatus) int { return strings.Compare(a.Hook, b.Hook) })
	return out
}
