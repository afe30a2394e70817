package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"understudy/console/client"
	"understudy/wire"
)

// newSnapshotsCommand shows the generations, alone or as list.
func newSnapshotsCommand(a *app) *cobra.Command {
	cmd := newViewCommand(a, snapshotsView("snapshots"))
	cmd.Args = knows
	cmd.AddCommand(
		newViewCommand(a, snapshotsView("list")),
		newViewCommand(a, view[wire.SnapshotDiff]{
			use: "diff", short: "Show what the version that is held back would change; else what the one in use changed", noWatch: true,
			fetch:  func(ctx context.Context, c *client.Client) (wire.SnapshotDiff, error) { return c.SnapshotDiff(ctx) },
			render: renderDiff,
		}),
		newSnapshotOrder(a, wire.VerifySnapshots, "Look over the snapshots on the disk, as a start does"),
		newSnapshotOrder(a, wire.AcceptSnapshot, "Take the version that is held back, in the whole zone"),
		newSnapshotOrder(a, wire.RollbackSnapshot, "Go back to the older snapshot on this connector, and bar the newer one"),
	)
	return cmd
}

func snapshotsView(use string) view[wire.List[wire.SnapshotStatus]] {
	return view[wire.List[wire.SnapshotStatus]]{
		use: use, short: "Show the generations of the local copy of the site", noWatch: true,
		fetch: func(ctx context.Context, c *client.Client) (wire.List[wire.SnapshotStatus], error) {
			return c.Snapshots(ctx)
		},
		render: renderSnapshots,
	}
}

func renderSnapshots(s *screen, l wire.List[wire.SnapshotStatus]) {
	r := newRows("VERSION", "STATE", "IMPORTED", "SIZE", "DIGEST", "QUARANTINED", "FAULT")
	for _, x := range l.Items {
		quarantined := "-"
		if x.Quarantined > 0 {
			quarantined = s.warn(fmt.Sprint(x.Quarantined))
		}
		r.add(x.Version.String(), x.State, s.ago(x.Imported), sizeOf(x), short(x.Digest), quarantined, s.bad(x.Fault))
	}
	s.list(r, l.Note, "There is no snapshot: this connector could not serve in an outage.")
	for _, x := range l.Items {
		if x.State != "current" {
			continue
		}
		for _, o := range x.QuarantinedObjects {
			s.line(fmt.Sprintf("  not used: %s %s: %s", o.Kind, o.Name, o.Reason))
		}
		if more := x.Quarantined - len(x.QuarantinedObjects); more > 0 {
			s.line(fmt.Sprintf("  and %d more", more))
		}
	}
}

// sizeOf is that of the file; a version that is held back has none.
func sizeOf(x wire.SnapshotStatus) string {
	if x.State == "held" {
		return "-"
	}
	return size(x.Size)
}

func renderDiff(s *screen, d wire.SnapshotDiff) {
	s.line(fmt.Sprintf("From version %s to %s:", d.From, d.To))
	r := newRows("KIND", "BEFORE", "AFTER", "ADDED", "CHANGED", "REMOVED")
	for _, k := range d.Kinds {
		r.add(k.Kind, k.Before, k.After, k.Added, k.Changed, k.Removed)
	}
	s.list(r, "", "Nothing.")
	for _, k := range d.Kinds {
		if len(k.Names) == 0 {
			continue
		}
		more := ""
		if left := k.Added + k.Changed + k.Removed - len(k.Names); left > 0 {
			more = fmt.Sprintf(" and %d more", left)
		}
		s.line("  " + k.Kind + ": " + strings.Join(k.Names, ", ") + more)
	}
}

func newSnapshotOrder(a *app, action, short string) *cobra.Command {
	order := wire.SnapshotOrder{Action: action}
	cmd := &cobra.Command{Use: action, Short: short, Args: wants()}
	if action != wire.VerifySnapshots {
		cmd.Flags().StringVar(&order.Reason, "reason", "", "why, for the events and for whoever looks later")
	}
	if action == wire.AcceptSnapshot {
		cmd.Flags().StringVar(&order.Version, "version", "", "which one; else the one that is held back")
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		order.By = operator()
		return a.orderSnapshots(cmd.Context(), order)
	}
	return cmd
}

func (a *app) orderSnapshots(ctx context.Context, order wire.SnapshotOrder) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	answer, err := c.OrderSnapshots(ctx, order)
	if err != nil {
		return err
	}
	err = show(a, answer, func(s *screen, answer wire.SnapshotAnswer) {
		switch order.Action {
		case wire.AcceptSnapshot:
			s.line(fmt.Sprintf("Version %s is accepted for the whole zone; every connector takes it with its next sync.", answer.Version))
		case wire.RollbackSnapshot:
			s.line(fmt.Sprintf("This connector uses version %s again. The newer one is barred here until it is accepted or a newer one comes.", answer.Version))
		}
		renderSnapshots(s, wire.List[wire.SnapshotStatus]{Items: answer.Items})
	})
	if order.Action == wire.VerifySnapshots {
		err = errors.Join(err, damaged(answer.Items))
	}
	return err
}

// damaged tells programs that a file is not what was written.
func damaged(list []wire.SnapshotStatus) error {
	for _, x := range list {
		if x.State != "held" && x.Fault != "" {
			return fmt.Errorf("snapshot %s is damaged: check the disk, then restart the connector, which fetches it anew", x.Version)
		}
	}
	return nil
}
