package cli

import (
	"context"
	"os/user"

	"github.com/spf13/cobra"

	"understudy/wire"
	"understudy/zone"
)

func newOutageCommand(a *app) *cobra.Command {
	return group("outage", "Force the zone into an outage, or clear that",
		newOrderCommand(a, "force", "Pin the zone in HA mode: the elected connector brokers, whatever the cloud does"),
		newOrderCommand(a, "clear", "Remove the pin; the zone returns by its ordinary checks"),
	)
}

func newOrderCommand(a *app, action, short string) *cobra.Command {
	var reason string
	cmd := &cobra.Command{Use: action, Short: short, Args: wants()}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the events and for whoever looks later")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return a.order(cmd.Context(), wire.OutageOrder{Action: action, Reason: reason, By: operator()})
	}
	return cmd
}

func (a *app) order(ctx context.Context, order wire.OutageOrder) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	answer, err := c.Outage(ctx, order)
	if err != nil {
		return err
	}
	return show(a, answer, renderOrder)
}

func renderOrder(s *screen, answer wire.OutageAnswer) {
	r := answer.Record
	if r.Forced() {
		s.line("The zone is pinned in HA mode: " + s.state(r.Mode) + ".")
		s.line("Forced " + forced(s, *r.Force))
	} else if r.Mode == zone.Normal {
		s.line("No outage is forced, and the zone is in " + s.state(r.Mode) + ".")
	} else {
		s.line("Nothing pins the zone now. It is in " + s.state(r.Mode) + " and returns by its ordinary checks.")
	}
	if answer.CarriedBy == "" {
		s.line(s.warn("No other connector is present to carry the order."))
		return
	}
	s.line("Also carried by " + string(answer.CarriedBy) + ".")
}

// operator names who gives the order, as far as this host knows.
func operator() string {
	u, err := user.Current()
	if err != nil || u.Username == "" {
		return "unknown"
	}
	return u.Username
}
