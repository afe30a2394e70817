package desktop

import (
	"context"
	"fmt"
	"time"

	"understudy/site"
	"understudy/wire"
)

// lookForLogoff is how often is looked whether a session that was logged off has gone.
const lookForLogoff = 200 * time.Millisecond

// Terminal is a provider over the sessions of Windows: those at its console and those of
// Remote Desktop. It prepares as a Command does, and resets so where it names a command.
type Terminal struct {
	*Command
	host terminals
}

// terminals are the sessions of a host, as its system lists them.
type terminals interface {
	list() ([]terminal, error)
	// logoff begins to end a session; disconnect leaves it running.
	logoff(id uint32) error
	disconnect(id uint32) error
	// boot names the present boot.
	boot() (string, error)
	restart() error
}

// terminal is a session of somebody.
type terminal struct {
	id uint32
	Presence
}

// NewTerminals returns what makes the provider of a machine, with the defaults filled in;
// List, End, Disconnect and BootFile are Windows' own.
func NewTerminals(o CommandOptions) (func(machine site.FQDN) *Terminal, error) {
	host, err := thisTerminals()
	if err != nil {
		return nil, err
	}
	return func(machine site.FQDN) *Terminal { return &Terminal{NewCommand(machine, o), host} }, nil
}

// End logs the user off, and returns when they are.
func (t *Terminal) End(ctx context.Context, session wire.Session) error {
	ctx, cancel := context.WithTimeout(ctx, t.o.Timeout)
	defer cancel()
	asked := map[uint32]bool{}
	for {
		there, err := t.of(session)
		if err != nil || len(there) == 0 {
			return err
		}
		for _, s := range there {
			if asked[s.id] {
				continue
			}
			if err := t.host.logoff(s.id); err != nil {
				return fmt.Errorf("log %s off: %w", session.User, err)
			}
			asked[s.id] = true
		}
		if err := wait(ctx, lookForLogoff); err != nil {
			return fmt.Errorf("%s is still logged on: %w", session.User, err)
		}
	}
}

// Disconnect sends the user away, unless no client is connected.
func (t *Terminal) Disconnect(_ context.Context, session wire.Session) error {
	there, err := t.of(session)
	if err != nil {
		return err
	}
	for _, s := range there {
		if !s.Connected {
			continue
		}
		if err := t.host.disconnect(s.id); err != nil {
			return fmt.Errorf("disconnect %s: %w", session.User, err)
		}
	}
	return nil
}

// of are the sessions of a session's user.
func (t *Terminal) of(session wire.Session) ([]terminal, error) {
	all, err := t.sessions()
	is := whose(session)
	var found []terminal
	for _, s := range all {
		if is(s.Presence) {
			found = append(found, s)
		}
	}
	return found, err
}

// sessions are those that are the agent's business.
func (t *Terminal) sessions() ([]terminal, error) {
	all, err := t.host.list()
	if err != nil {
		return nil, fmt.Errorf("list the sessions of the host: %w", err)
	}
	var ours []terminal
	for _, s := range all {
		if site.NameFault(s.User) == "" && !t.ignores(s.User) {
			ours = append(ours, s)
		}
	}
	return ours, nil
}

// Reset runs the command that is named, else has Windows start again.
func (t *Terminal) Reset(ctx context.Context) error {
	if len(t.o.Reset) > 0 {
		return t.Command.Reset(ctx)
	}
	if err := t.host.restart(); err != nil {
		return fmt.Errorf("restart the host: %w", err)
	}
	return nil
}

// Watch tells of the present boot, then of all sessions again and again.
func (t *Terminal) Watch(ctx context.Context, tell func(Event) error) error {
	boot, err := t.host.boot()
	if err != nil {
		return fmt.Errorf("read the time of the host's boot: %w", err)
	}
	if err := tell(Event{Boot: boot}); err != nil {
		return fmt.Errorf("tell of the host's boot: %w", err)
	}
	return t.looking(ctx, func(context.Context) ([]Presence, error) {
		all, err := t.sessions()
		seen := []Presence{}
		for _, s := range all {
			seen = append(seen, s.Presence)
		}
		return seen, err
	}, tell)
}
