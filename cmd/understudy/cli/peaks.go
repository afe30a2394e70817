package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"understudy/console"
	"understudy/wire"
)

func newPeaksCommand(a *app) *cobra.Command {
	var days int
	cmd := &cobra.Command{
		Use: "peaks", Short: "Show the most sessions at a time on each day of HA mode", Args: wants(),
		Long: "Shows the most sessions at a time on each day (UTC), of all groups together and of each group, reservations\n" +
			"included: those that the zone's secondary broker counted in HA mode. In Normal the cloud broker counts.",
		Example: "  understudy sessions peaks --days 7",
	}
	cmd.Flags().IntVar(&days, "days", console.DefaultPeakDays, fmt.Sprintf("of how many days, at most %d", wire.MaxPeakDays))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if days < 1 || days > wire.MaxPeakDays {
			return &usageError{fmt.Errorf("--days %d is not within 1 to %d", days, wire.MaxPeakDays)}
		}
		c, err := a.client()
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), a.timeout)
		defer cancel()
		found, err := c.SessionPeaks(ctx, days)
		if err != nil {
			return err
		}
		return show(a, found, renderPeaks)
	}
	return cmd
}

func renderPeaks(s *screen, l wire.List[wire.SessionPeak]) {
	r := newRows("DAY", "GROUP", "SESSIONS")
	for _, p := range l.Items {
		group := p.Group
		if group == "" {
			group = "(all)"
		}
		r.add(p.Day, group, p.Sessions)
	}
	s.list(r, l.Note, "This connector has counted no sessions in HA mode yet.")
}
