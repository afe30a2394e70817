package desktop

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/program"
	"understudy/site"
	"understudy/wire"
)

// Defaults of CommandOptions.
const (
	DefaultCommandInterval = 2 * time.Second
	DefaultCommandTimeout  = 10 * time.Second
	DefaultRDPPort         = 3389
	DefaultProtocol        = "rdp"
	DefaultBootFile        = "/proc/sys/kernel/random/boot_id"
)

// Bounds of what a command may say.
const (
	maxOutput = 1 << 20
	maxSaid   = 200
)

// Command is a provider over commands of the host: of xrdp, or of anything else whose
// sessions can be listed and ended.
type Command struct{ o CommandOptions }

// CommandOptions name the commands, each a program with its arguments; no shell is
// between. What they are about is in their environment: UNDERSTUDY_USER,
// UNDERSTUDY_SESSION, UNDERSTUDY_RESOURCE, UNDERSTUDY_COMMAND.
type CommandOptions struct {
	// List writes a line for each session, "active USER" or "disconnected USER".
	List []string
	// End logs a user off, and returns when that is done or there was nothing to do.
	End []string
	// Disconnect sends a user away whose session goes on; without it nobody can be.
	Disconnect []string
	// Prepare makes ready for a user; without it there is nothing to make ready.
	Prepare []string
	// Reset has the host start again; without it there are no resets.
	Reset []string
	// Every is between two lists, Timeout for each command; zero means the defaults.
	Every, Timeout time.Duration
	// Address, Port and Protocol are where users connect.
	Address  string
	Port     int
	Protocol string
	// Ignore are users of the host whose sessions are none of the agent's business.
	Ignore []string
	// BootFile names the host's present boot; empty means Linux's own.
	BootFile string
	Logger   logrus.FieldLogger
}

// NewCommand returns the provider of a machine, with the defaults filled in.
func NewCommand(machine site.FQDN, o CommandOptions) *Command {
	if o.Every <= 0 {
		o.Every = DefaultCommandInterval
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultCommandTimeout
	}
	if o.Address == "" {
		o.Address = string(machine)
	}
	if o.Port == 0 {
		o.Port = DefaultRDPPort
	}
	if o.Protocol == "" {
		o.Protocol = DefaultProtocol
	}
	if o.BootFile == "" {
		o.BootFile = DefaultBootFile
	}
	return &Command{o}
}

// Prepare runs the command and says where to connect.
func (c *Command) Prepare(ctx context.Context, seat Seat) (wire.Prepared, error) {
	at := wire.Prepared{Address: c.o.Address, Port: c.o.Port, Protocol: c.o.Protocol}
	if len(c.o.Prepare) == 0 {
		return at, nil
	}
	_, err := c.run(ctx, "prepare", c.o.Prepare, about(seat.Session, seat.Command))
	return at, err
}

// End runs the command, unless the host has no session of the user.
func (c *Command) End(ctx context.Context, session wire.Session) error {
	p, err := c.present(ctx, session)
	if err != nil || p.User == "" {
		return err
	}
	user := session.User
	session.User = p.User
	if _, err := c.run(ctx, "end", c.o.End, about(session, "")); err != nil {
		return fmt.Errorf("log %s off: %w", user, err)
	}
	return nil
}

// Disconnect runs the command, unless no client is connected to the user's session.
func (c *Command) Disconnect(ctx context.Context, session wire.Session) error {
	if len(c.o.Disconnect) == 0 {
		return errNoDisconnect
	}
	p, err := c.present(ctx, session)
	if err != nil || !p.Connected {
		return err
	}
	session.User = p.User
	_, err = c.run(ctx, "disconnect", c.o.Disconnect, about(session, ""))
	return err
}

// present is the session's user as the host has them; nobody if they are not there.
func (c *Command) present(ctx context.Context, session wire.Session) (Presence, error) {
	list, err := c.list(ctx)
	if err != nil {
		return Presence{}, err
	}
	i := slices.IndexFunc(list, whose(session))
	if i < 0 {
		return Presence{}, nil
	}
	return list[i], nil
}

// whose tells those of a session's user, as the host knows them, from others.
func whose(session wire.Session) func(Presence) bool {
	of := State{Sessions: []Held{{Session: session}}}
	return func(p Presence) bool { return of.ofHostUser(p.User) >= 0 }
}

// Reset runs the command. The host is reset when it has booted.
func (c *Command) Reset(ctx context.Context) error {
	if len(c.o.Reset) == 0 {
		return errors.New("provider.reset names no command, so this host cannot be reset")
	}
	_, err := c.run(ctx, "reset", c.o.Reset, nil)
	return err
}

// Watch tells of the present boot, then of all sessions again and again.
func (c *Command) Watch(ctx context.Context, tell func(Event) error) error {
	boot, err := os.ReadFile(c.o.BootFile)
	if err != nil {
		return fmt.Errorf("read the name of the host's boot: %w", err)
	}
	if err := tell(Event{Boot: strings.TrimSpace(string(boot))}); err != nil {
		return fmt.Errorf("tell of the host's boot: %w", err)
	}
	return c.looking(ctx, c.list, tell)
}

// looking tells of all sessions again and again, as list has them.
func (c *Command) looking(ctx context.Context, list func(context.Context) ([]Presence, error), tell func(Event) error) error {
	failing := false
	for {
		seen, err := list(ctx)
		if err == nil {
			err = tell(Event{Seen: seen})
		}
		if err != nil && ctx.Err() == nil && !failing {
			c.o.Logger.WithError(err).Error("what runs on the host is not known; the last that was stays")
		}
		failing = err != nil
		if wait(ctx, c.o.Every) != nil {
			return nil
		}
	}
}

// list runs the command and reads what it writes. Never nil: no session is news too.
func (c *Command) list(ctx context.Context) ([]Presence, error) {
	out, err := c.run(ctx, "list", c.o.List, nil)
	if err != nil {
		return nil, err
	}
	list := []Presence{}
	for line := range strings.Lines(out) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		p, err := presence(line)
		if err != nil {
			return nil, fmt.Errorf("provider.list: %w", err)
		}
		if !c.ignores(p.User) {
			list = append(list, p)
		}
	}
	return list, nil
}

func (c *Command) ignores(user string) bool {
	for _, name := range c.o.Ignore {
		if site.UserKey(name) == site.UserKey(user) {
			return true
		}
	}
	return false
}

func presence(line string) (Presence, error) {
	state, user, _ := strings.Cut(line, " ")
	user = strings.TrimSpace(user)
	switch {
	case site.NameFault(user) != "", state != "active" && state != "disconnected":
		return Presence{}, fmt.Errorf("line %q is not active USER or disconnected USER", wire.Clip(line))
	}
	return Presence{User: user, Connected: state == "active"}, nil
}

// run runs one command within its time, and says what it wrote if it fails.
func (c *Command) run(ctx context.Context, what string, argv, environment []string) (string, error) {
	if len(argv) == 0 {
		return "", fmt.Errorf("provider.%s names no command", what)
	}
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	out, said := program.Kept{Most: maxOutput}, program.Kept{Most: maxOutput}
	cmd := program.New(ctx, argv, environment)
	cmd.Stdout, cmd.Stderr = &out, &said
	err := cmd.Run()
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return "", fmt.Errorf("provider.%s: %s did not end within %s", what, argv[0], c.o.Timeout)
	case err != nil:
		return "", fmt.Errorf("provider.%s: %s: %w%s", what, argv[0], err, lastWords(said.Words()))
	case out.Over:
		return "", fmt.Errorf("provider.%s: %s wrote more than %d bytes", what, argv[0], maxOutput)
	}
	return out.String(), nil
}

// about is what a command is told of a session.
func about(s wire.Session, command string) []string {
	return []string{
		"UNDERSTUDY_USER=" + s.User, "UNDERSTUDY_SESSION=" + s.ID,
		"UNDERSTUDY_RESOURCE=" + s.Resource, "UNDERSTUDY_COMMAND=" + command,
	}
}

// lastWords are the end of what a command wrote, for an error.
func lastWords(text string) string {
	if text == "" {
		return ""
	}
	return ": " + wire.Clip(text[max(0, len(text)-maxSaid):])
}
