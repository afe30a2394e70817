package cli

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"understudy/launchfile"
	"understudy/site"
	"understudy/storefront/client"
	"understudy/wire"
)

// launchForm is in which form a launch is wanted, and where it goes.
type launchForm struct {
	format string
	out    string
}

func (l launchForm) file() bool { return l.format != string(site.LaunchJSON) }

func (l launchForm) check() error {
	for _, f := range site.LaunchFormats() {
		if l.format == string(f) {
			if l.out != "" && !l.file() {
				return fmt.Errorf("--out is for --format %s or %s", site.LaunchRDP, site.LaunchGuacamole)
			}
			return nil
		}
	}
	return fmt.Errorf("--format %s: the formats are %s", l.format, oneOf(site.LaunchFormats()))
}

func newLaunchCommand(a *app, f *front) *cobra.Command {
	var form launchForm
	cmd := &cobra.Command{
		Use: "launch USER RESOURCE", Short: "Launch desktop:GROUP or app:NAME for a user", Args: wants("USER", "RESOURCE (desktop:GROUP or app:NAME)"),
		Example: "  understudy storefront launch alice desktop:office\n" +
			"  understudy storefront launch alice desktop:office --format rdp --out office.rdp",
	}
	f.groupFlag(cmd)
	cmd.Flags().StringVar(&form.format, "format", string(site.LaunchJSON), "the `FORM` of the answer: "+oneOf(site.LaunchFormats()))
	cmd.Flags().StringVar(&form.out, "out", "", "the `FILE` to write it to; else it goes to the standard output")
	table := asks(a, f, func(ctx context.Context, c *client.Client, args []string) (wire.LaunchAnswer, error) {
		if err := f.learn(ctx, c, args[0]); err != nil {
			return wire.LaunchAnswer{}, err
		}
		return c.Launch(ctx, f.launchOf(args))
	}, renderLaunch)
	file := asks(a, f, func(ctx context.Context, c *client.Client, args []string) (launchedFile, error) {
		return f.launchFile(ctx, c, args, form)
	}, func(s *screen, l launchedFile) {
		if form.out != "" {
			s.line(fmt.Sprintf("%s: %d bytes of %s", l.File, len(l.Body), l.Type))
			return
		}
		s.line(l.Body)
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := form.check(); err != nil {
			return &usageError{err}
		}
		if form.file() {
			return file(cmd, args)
		}
		return table(cmd, args)
	}
	return cmd
}

func renderLaunch(s *screen, l wire.LaunchAnswer) {
	r := newRows()
	r.add("Machine", l.Machine)
	r.add("Address", fmt.Sprintf("%s:%d (%s)", l.Address, l.Port, l.Protocol))
	r.add("Session", l.Session+reconnected(l.Reconnected))
	r.add("Ticket", fmt.Sprintf("%s (authority %s, for %s)", l.Ticket, l.Authority, l.Lifetime))
	s.line(r.writer.Render())
}

// launchedFile is what a launch in another form has brought.
type launchedFile struct {
	Type string `json:"type"`
	// File is where it was written, Body what it is.
	File string `json:"file,omitempty"`
	Body string `json:"body"`
}

func (f *front) launchFile(ctx context.Context, c *client.Client, args []string, form launchForm) (launchedFile, error) {
	l := launchedFile{Type: launchfile.Type(site.LaunchFormat(form.format)), File: form.out}
	if err := f.learn(ctx, c, args[0]); err != nil {
		return l, err
	}
	body, err := c.LaunchFile(ctx, f.launchOf(args), l.Type)
	if err != nil {
		return l, err
	}
	l.Body = string(body)
	if form.out == "" {
		return l, nil
	}
	// Only for its owner: whoever has a token can use it.
	if err := os.WriteFile(form.out, body, 0o600); err != nil {
		return l, fmt.Errorf("write what the launch has brought: %w", err)
	}
	return l, nil
}

// learn lists the user's resources, as a StoreFront does, so that the client knows
// the zones of each.
func (f *front) learn(ctx context.Context, c *client.Client, user string) error {
	_, err := c.Resources(ctx, wire.ResourcesRequest{User: user, Groups: f.groups})
	return err
}

func (f *front) launchOf(args []string) wire.LaunchRequest {
	return wire.LaunchRequest{User: args[0], Groups: f.groups, Resource: args[1], Client: wire.Client{Name: "understudy"}}
}
