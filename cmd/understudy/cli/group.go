package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"understudy/site"
	"understudy/wire"
)

func newGroupCommand(a *app) *cobra.Command {
	return group("group", "Show delivery groups, and set how they fail over and are balanced",
		newGroupListCommand(a), newGroupShowCommand(a), newGroupSetCommand(a))
}

func newGroupListCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use: "list", Short: "Show the delivery groups of the site, and this zone's machines of each", Args: wants(),
		Long: "Shows the delivery groups of the site as this connector has it. In HA mode the connector that serves also\n" +
			"counts their sessions and, by what they can do now, their machines in its zone: FREE takes one more session,\n" +
			"FULL has as many as it takes, MAINT takes none until it is reset or an administrator says so, ASIDE gets none\n" +
			"because a prepare failed, AWAY is not registered.",
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		groups, err := a.groups(cmd.Context())
		if err != nil {
			return err
		}
		return show(a, groups, renderGroups)
	}
	return cmd
}

func (a *app) groups(ctx context.Context) (wire.GroupList, error) {
	c, err := a.client()
	if err != nil {
		return wire.GroupList{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	return c.Groups(ctx)
}

func renderGroups(s *screen, l wire.GroupList) {
	r := newRows("GROUP", "KIND", "FAILOVER", "BALANCE", "LIMIT", "MACHINES", "SESSIONS", "FREE", "FULL", "MAINT", "ASIDE", "AWAY", "FLAGS")
	for _, g := range l.Items {
		cells := []any{g.Name, g.Kind, g.Failover, g.Balance, limitWords(g.MaxSessions), g.Machines}
		if u := g.Use; u != nil {
			cells = append(cells, u.Sessions, u.Free, u.Full, u.Maintenance, u.Aside, u.Away)
		} else {
			cells = append(cells, "-", "-", "-", "-", "-", "-")
		}
		r.add(append(cells, orDash(strings.Join(groupFlags(g), ", ")))...)
	}
	s.list(r, l.Note, "The site has no delivery groups.")
	if l.STAFailover != "" { // empty: there is no site yet
		s.line(siteWords(l))
	}
}

func limitWords(limit int) string {
	if limit == 0 {
		return "-"
	}
	return fmt.Sprint(limit)
}

func groupFlags(g wire.GroupStatus) []string {
	var flags []string
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"dynamic", g.Dynamic}, {"reuse_in_outage", g.ReuseInOutage}, {"replace_unreachable", g.ReplaceUnreachable},
	} {
		if f.set {
			flags = append(flags, f.name)
		}
	}
	return flags
}

// siteWords say what of the site as a whole goes with the groups' settings.
func siteWords(l wire.GroupList) string {
	words := fmt.Sprintf("Of the whole site: sta_failover %s", l.STAFailover)
	if l.MaxSessions > 0 {
		words += fmt.Sprintf(", max_sessions %d", l.MaxSessions)
	}
	if l.ReuseInOutage {
		words += ", reuse_in_outage"
	}
	return words + "."
}

func newGroupShowCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "Show one delivery group: its settings, weights, sessions and machines", Args: wants("NAME"),
		Example: "  understudy group show pool -o json",
		RunE: func(cmd *cobra.Command, args []string) error {
			groups, err := a.groups(cmd.Context())
			if err != nil {
				return err
			}
			for _, g := range groups.Items {
				if g.Name == args[0] {
					return show(a, g, func(s *screen, g wire.GroupStatus) { renderGroup(s, g, groups) })
				}
			}
			return noGroup(args[0], groupNames(groups), groups.Note)
		},
	}
}

func groupNames(l wire.GroupList) []string {
	var names []string
	for _, g := range l.Items {
		names = append(names, g.Name)
	}
	return names
}

// noGroup says which groups there are instead.
func noGroup(name string, there []string, note string) error {
	if len(there) == 0 {
		return fmt.Errorf("there is no delivery group %q: %s", name, orText(note, "the site has none"))
	}
	return fmt.Errorf("there is no delivery group %q, but %s", name, strings.Join(there, ", "))
}

func orText(words, otherwise string) string {
	if words == "" {
		return otherwise
	}
	return words
}

func renderGroup(s *screen, g wire.GroupStatus, l wire.GroupList) {
	s.line(s.bold(g.Name) + fmt.Sprintf("  %s, in %s", g.Kind, strings.Join(g.Zones, ", ")))
	r := newRows()
	r.add("Desktop", orDash(g.Desktop))
	r.add("Failover", string(g.Failover)+" (STA tickets: "+string(l.STAFailover)+")")
	r.add("Balance", string(g.Balance))
	r.add("Limit", limitsOf(g, l))
	r.add("Launch formats", launchWords(g.Launch))
	r.add("Dynamic", mark(g.Dynamic))
	if words := reuseWords(g, l); words != "" {
		r.add("Reuse", words)
		r.add("Replace unreachable", mark(g.ReplaceUnreachable))
	}
	r.add("Machines", fmt.Sprintf("%d in this zone", g.Machines))
	for _, w := range g.Weights {
		r.add("", fmt.Sprintf("weight %d: %d, %s", w.Weight, w.Machines, namesOf(w)))
	}
	if u := g.Use; u != nil {
		r.add("", fmt.Sprintf("%d free, %d full, %d in maintenance, %d aside, %d away", u.Free, u.Full, u.Maintenance, u.Aside, u.Away))
		r.add("Sessions", fmt.Sprintf("%d, at most %d at a time today (UTC)", u.Sessions, u.PeakToday))
	}
	s.line(r.writer.Render())
	if l.Note != "" {
		s.line(l.Note)
	}
}

// launchWords say in which forms launches are answered, the preferred one first.
func launchWords(l site.Launch) string {
	words := make([]string, len(l.Formats))
	for i, f := range l.Formats {
		words[i] = string(f)
	}
	text := strings.Join(words, ", ")
	if n := len(l.RDP); n > 0 {
		text += fmt.Sprintf("; %s in .rdp files", many(n, "setting of its own"))
	}
	if n := len(l.Guacamole); n > 0 {
		text += fmt.Sprintf("; %s for Guacamole", many(n, "parameter of its own"))
	}
	return text
}

func limitsOf(g wire.GroupStatus, l wire.GroupList) string {
	words := "none"
	if g.MaxSessions > 0 {
		words = many(g.MaxSessions, "session")
	}
	if l.MaxSessions > 0 {
		words += fmt.Sprintf("; the site %d", l.MaxSessions)
	}
	return words
}

// reuseWords say what becomes of used desktops in an outage: both flags must be set.
func reuseWords(g wire.GroupStatus, l wire.GroupList) string {
	switch {
	case g.Kind != "pooled":
		return ""
	case g.ReuseInOutage && l.ReuseInOutage:
		return "yes, by site and group: used desktops are given out again in an outage"
	case g.ReuseInOutage:
		return "no: the group's reuse_in_outage is set, the site's is not"
	case l.ReuseInOutage:
		return "no: the site's reuse_in_outage is set, the group's is not"
	}
	return "no: after logoff in an outage a desktop goes to maintenance"
}

func namesOf(w wire.WeightCount) string {
	var names []string
	for _, n := range w.Names {
		names = append(names, string(n))
	}
	words := strings.Join(names, ", ")
	if w.Machines > len(names) {
		words += ", …"
	}
	return words
}
