package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"understudy/console/client"
	"understudy/wire"
)

func newPeersCommand(a *app) *cobra.Command {
	return newViewCommand(a, view[wire.List[wire.PeerStatus]]{
		use: "peers", short: "Show every connector of the zone, its snapshot, and whether it can serve",
		fetch: func(ctx context.Context, c *client.Client) (wire.List[wire.PeerStatus], error) { return c.Peers(ctx) },
		render: func(s *screen, l wire.List[wire.PeerStatus]) {
			parts := partColumns(l.Items)
			titles := []any{"CONNECTOR", "LINK", "STATE", "SERVES", "CAN SERVE", "SNAPSHOT", "CLOUD", "SAYS ELECTED"}
			for _, c := range parts {
				titles = append(titles, c.title)
			}
			r := newRows(titles...)
			for _, p := range l.Items {
				cells := []any{
					p.FQDN, link(s, p), orDash(s.state(p.State)), mark(p.Serving), s.yes(p.CanServe, ""),
					version(p.Config, p.ConfigAge), s.yes(p.Healthy, ""), orDash(p.Elected),
				}
				for _, c := range parts {
					cells = append(cells, c.cell(p))
				}
				r.add(cells...)
			}
			s.list(r, l.Note, "There is no other connector.")
			for _, p := range l.Items {
				peerNotes(s, p)
			}
		},
	})
}

// column is one that is shown only where a connector has something in it.
type column struct {
	title string
	cell  func(wire.PeerStatus) string
}

// partColumns are those about the election that say something.
func partColumns(peers []wire.PeerStatus) []column {
	var shown []column
	for _, c := range []column{
		{"CLOUD VIA", func(p wire.PeerStatus) string { return orDash(string(p.Via)) }},
		{"NAMES", func(p wire.PeerStatus) string { return orDash(p.Vote) }},
		{"STANDBY", func(p wire.PeerStatus) string { return mark(p.Standby) }},
		{"DRAINING", func(p wire.PeerStatus) string { return mark(p.Draining) }},
	} {
		if slices.ContainsFunc(peers, func(p wire.PeerStatus) bool { return c.cell(p) != "-" }) {
			shown = append(shown, c)
		}
	}
	return shown
}

// peerNotes says below the table why a connector is not as it should be: there
// is no room for a sentence in a column.
func peerNotes(s *screen, p wire.PeerStatus) {
	note := func(what, why string) {
		if why != "" {
			s.line("  " + string(p.FQDN) + " " + what + ": " + why)
		}
	}
	note("link "+p.Link, p.Reason)
	note("is of another version", p.Differs)
	if !p.CanServe {
		note("cannot serve", p.WhyNot)
	}
	if !p.Healthy {
		note("has no cloud broker", p.Health)
	}
}

func link(s *screen, p wire.PeerStatus) string {
	words := p.Link
	if p.Heard || p.Self {
		return s.good(words)
	}
	if !p.Since.IsZero() {
		words += ", " + s.ago(p.Since)
	}
	return s.bad(words)
}

func newRegistrationsCommand(a *app) *cobra.Command {
	return newViewCommand(a, view[wire.List[wire.RegistrationStatus]]{
		use: "registrations", short: "Show the desktops that are registered with this connector",
		fetch: func(ctx context.Context, c *client.Client) (wire.List[wire.RegistrationStatus], error) {
			return c.Registrations(ctx)
		},
		render: func(s *screen, l wire.List[wire.RegistrationStatus]) {
			r := newRows("MACHINE", "GROUP", "LEASE", "TERM", "LOAD", "SESSIONS", "USED", "MAINTENANCE", "IDLE", "ASIDE")
			for _, m := range l.Items {
				r.add(m.Machine, m.Group, m.Lease, m.Term, m.Load, m.Sessions, mark(m.Used), mark(m.Maintenance), age(m.Idle.D()), aside(m))
			}
			s.list(r, l.Note, "No desktop is registered here.")
		},
	})
}

// aside says why a machine gets no launches, and for how long.
func aside(m wire.RegistrationStatus) string {
	switch {
	case m.Aside == "":
		return "-"
	case m.AsideFor == 0:
		return m.Aside + "; comes last"
	}
	return m.Aside + "; for " + age(m.AsideFor.D())
}

func newSessionsCommand(a *app) *cobra.Command {
	cmd := newViewCommand(a, view[wire.List[wire.SessionStatus]]{
		use: "sessions", short: "Show the users' sessions that this connector knows",
		fetch: func(ctx context.Context, c *client.Client) (wire.List[wire.SessionStatus], error) {
			return c.Sessions(ctx)
		},
		render: func(s *screen, l wire.List[wire.SessionStatus]) {
			r := newRows("USER", "RESOURCE", "MACHINE", "STATE", "STARTED", "SESSION")
			for _, x := range l.Items {
				started := "-" // a reservation: nobody is connected yet
				if !x.Started.IsZero() {
					started = s.ago(x.Started)
				}
				r.add(x.User, x.Resource, x.Machine, x.State, started, x.ID)
			}
			s.list(r, l.Note, "No session is known here.")
		},
	})
	cmd.AddCommand(newPeaksCommand(a))
	return cmd
}

func mark(is bool) string {
	if is {
		return "yes"
	}
	return "-"
}

func short(digest string) string { return digest[:min(len(digest), 12)] }
