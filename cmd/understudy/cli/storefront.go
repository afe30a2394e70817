package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"understudy/storefront/client"
	"understudy/wire"
)

// front says which connectors the storefront commands use, and as whom.
type front struct {
	connectors []string
	keyFile    string
	tls        tlsFlags
	groups     []string
}

func newStorefrontCommand(a *app) *cobra.Command {
	f := &front{}
	cmd := group("storefront", "Do what a StoreFront does: list, launch, redeem",
		newResourcesCommand(a, f), newLaunchCommand(a, f), newRedeemCommand(a, f), newKeysCommand(a))
	flags := cmd.PersistentFlags()
	flags.StringSliceVar(&f.connectors, "connectors", []string{"http://127.0.0.1:7480"}, "client URLs of the connectors, best first")
	flags.StringVar(&f.keyFile, "key-file", "", "file with the front end's key")
	f.tls.add(flags)
	return cmd
}

// client returns a StoreFront that has asked every connector for a heartbeat.
func (f *front) client(ctx context.Context, a *app) (*client.Client, error) {
	config, err := f.tls.config()
	if err != nil {
		return nil, err
	}
	o := client.Options{Env: a.env, Connectors: f.connectors, TLS: config, AnswerTimeout: a.timeout, ConnectTimeout: min(a.timeout, client.DefaultConnectTimeout)}
	if f.keyFile != "" {
		if o.Key, err = readSecret(f.keyFile); err != nil {
			return nil, err
		}
	}
	c, err := client.New(o)
	if err != nil {
		return nil, &usageError{err}
	}
	c.Beat(ctx)
	return c, nil
}

// asks makes the RunE of a command that puts one question to the connectors.
func asks[T any](a *app, f *front, ask func(context.Context, *client.Client, []string) (T, error), render func(*screen, T)) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		c, err := f.client(cmd.Context(), a)
		if err != nil {
			return err
		}
		answer, err := ask(cmd.Context(), c, args)
		if errors.Is(err, client.ErrNoConnector) {
			if !cmd.Flags().Changed("connectors") {
				return fmt.Errorf("%w: %s (name the connectors with --connectors)", err, reasons(c.Heartbeats()))
			}
			return fmt.Errorf("%w as one that serves: %s", err, reasons(c.Heartbeats()))
		}
		if err != nil {
			return err
		}
		return show(a, answer, render)
	}
}

// reasons says of each connector why it is not used.
func reasons(connectors []client.Connector) string {
	var out []string
	for _, k := range connectors {
		out = append(out, k.URL+": "+k.Reason)
	}
	return strings.Join(out, "; ")
}

func newResourcesCommand(a *app, f *front) *cobra.Command {
	cmd := &cobra.Command{Use: "resources USER", Short: "List what a user may launch", Args: wants("USER")}
	f.groupFlag(cmd)
	cmd.RunE = asks(a, f, func(ctx context.Context, c *client.Client, args []string) (wire.ResourcesAnswer, error) {
		return c.Resources(ctx, wire.ResourcesRequest{User: args[0], Groups: f.groups})
	}, func(s *screen, answer wire.ResourcesAnswer) {
		r := newRows("RESOURCE", "NAME", "KIND", "ZONES", "SESSION")
		for _, x := range answer.Resources {
			r.add(x.ID, x.Name, x.Kind, strings.Join(x.Zones, ", "), orDash(x.Session))
		}
		s.list(r, "", "This user may launch nothing.")
	})
	return cmd
}

func newRedeemCommand(a *app, f *front) *cobra.Command {
	cmd := &cobra.Command{Use: "redeem TICKET", Short: "Spend a ticket, as a gateway does", Args: wants("TICKET")}
	cmd.RunE = asks(a, f, func(ctx context.Context, c *client.Client, args []string) (wire.RedeemAnswer, error) {
		return c.Redeem(ctx, wire.RedeemRequest{Ticket: args[0]})
	}, func(s *screen, x wire.RedeemAnswer) {
		s.line(fmt.Sprintf("%s to %s (%s:%d), session %s", x.User, x.Machine, x.Address, x.Port, x.Session))
	})
	return cmd
}

func (f *front) groupFlag(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&f.groups, "group", nil, "user group that the front end asserts (repeatable)")
}

func reconnected(is bool) string {
	if is {
		return " (reconnected)"
	}
	return ""
}
