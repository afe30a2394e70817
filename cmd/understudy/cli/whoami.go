package cli

import (
	"context"

	"github.com/spf13/cobra"

	"understudy/console/client"
	"understudy/wire"
)

func newWhoamiCommand(a *app) *cobra.Command {
	return newViewCommand(a, view[wire.Account]{
		use: "whoami", short: "Show which account the connector takes you for, and what it may do", noWatch: true,
		fetch:  func(ctx context.Context, c *client.Client) (wire.Account, error) { return c.Whoami(ctx) },
		render: renderAccount,
	})
}

func renderAccount(s *screen, w wire.Account) {
	r := newRows()
	r.add("Name", s.bold(w.Name))
	r.add("Role", w.Role)
	r.add("Delivery groups", orAll(w.Groups))
	r.add("Zones", orAll(w.Zones))
	r.add("From", w.From)
	may := s.good("yes")
	if !w.Changes {
		may = s.warn("no")
	}
	r.add("May change", "zone "+w.Zone+": "+may)
	s.line(r.writer.Render())
}
