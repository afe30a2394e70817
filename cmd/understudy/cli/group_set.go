package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"understudy/site"
	"understudy/wire"
)

// groupChange is what `group set` was told.
type groupChange struct {
	application
	site        string
	failover    string
	balance     string
	maxSessions int
	weights     map[string]int
	formats     []string
	limited     bool // maxSessions was given
}

func newGroupSetCommand(a *app) *cobra.Command {
	var o groupChange
	cmd := &cobra.Command{
		Use: "set NAME --cloud URL --site NAME --token-file FILE", Short: "Change how a delivery group fails over, is balanced and launched", Args: wants("NAME"),
		Long: "Reads the site from its cloud broker, changes one delivery group, and publishes it, unless somebody else\n" +
			"published meanwhile. Connectors have it with their next sync. Keep the site's file the same: the next\n" +
			"`site apply` publishes what is in the file.",
		Example: "  understudy group set pool --failover stateless --dry-run --cloud https://cloud:7443 --site example --token-file admin.token\n" +
			"  understudy group set farm --balance depth-first --weight ts1.example.test=200 --weight ts2.example.test=50 …",
	}
	flags := cmd.Flags()
	flags.StringVar(&o.url, "cloud", "", "URL of the cloud broker; --token-file holds an administrator's token")
	flags.StringVar(&o.site, "site", "", "name of the site that it serves")
	flags.StringVar(&o.failover, "failover", "", "the `MODE`: what the next connector has of the one before: "+oneOf(site.Failovers()))
	flags.StringVar(&o.balance, "balance", "", "the `POLICY`: which machine a launch gets: "+oneOf(site.Balances()))
	flags.IntVar(&o.maxSessions, "max-sessions", 0, "most sessions at a time; 0 removes the limit")
	flags.StringToIntVar(&o.weights, "weight", nil, "`HOST=N`: the share of a machine of the group, 100 if nothing is said; may be given several times")
	flags.StringSliceVar(&o.formats, "launch-formats", nil, "the `FORMS` in which launches are answered, with commas, the preferred one first: "+oneOf(site.LaunchFormats()))
	flags.BoolVar(&o.dryRun, "dry-run", false, "show what would change and publish nothing")
	o.files.add(flags)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o.limited = flags.Changed("max-sessions")
		if err := o.check(); err != nil {
			return &usageError{err}
		}
		return a.setGroup(cmd.Context(), args[0], o)
	}
	return cmd
}

func oneOf[T ~string](words []T) string {
	names := make([]string, len(words))
	for i, w := range words {
		names[i] = string(w)
	}
	return strings.Join(names, ", ")
}

func (o groupChange) check() error {
	switch {
	case o.url == "" || o.site == "":
		return errors.New("--cloud URL and --site NAME say which site to change")
	case o.failover == "" && o.balance == "" && !o.limited && len(o.weights)+len(o.formats) == 0:
		return errors.New("nothing to set: give --failover, --balance, --max-sessions, --launch-formats or --weight")
	case o.failover != "" && !slices.Contains(site.Failovers(), site.Failover(o.failover)):
		return fmt.Errorf("--failover %s: the modes are %s", o.failover, oneOf(site.Failovers()))
	case o.balance != "" && !slices.Contains(site.Balances(), site.Balance(o.balance)):
		return fmt.Errorf("--balance %s: the policies are %s", o.balance, oneOf(site.Balances()))
	}
	for _, f := range o.formats {
		if !slices.Contains(site.LaunchFormats(), site.LaunchFormat(f)) {
			return fmt.Errorf("--launch-formats %s: the formats are %s", f, oneOf(site.LaunchFormats()))
		}
	}
	return nil
}

// changedGroup is what `group set` did, or would do.
type changedGroup struct {
	Group   string   `json:"group"`
	Changes []string `json:"changes"`
	// Before is the version that was published, Version the one that is now.
	Before  site.Version `json:"before"`
	Version site.Version `json:"version"`
	DryRun  bool         `json:"dry_run"`
}

func (a *app) setGroup(ctx context.Context, name string, o groupChange) error {
	p, err := a.publisher(o.site, o.application)
	if err != nil {
		return err
	}
	defer p.cloud.Close()
	now, err := p.cloud.Site(ctx)
	if err != nil {
		return p.refused(err)
	}
	done := changedGroup{Group: name, Before: now.Version, Version: now.Version, DryRun: o.dryRun}
	if done.Changes, err = o.apply(now.Site, name); err != nil {
		return err
	}
	if len(done.Changes) > 0 && !o.dryRun {
		published, err := p.cloud.PutSite(ctx, now.Site, now.Version)
		if err != nil {
			return p.refused(overtaken(err))
		}
		done.Version = published.Version
	}
	return show(a, done, renderChangedGroup)
}

// overtaken says what to do when somebody else was faster.
func overtaken(err error) error {
	if wire.IsCode(err, wire.CodePrecondition) {
		return fmt.Errorf("somebody else published the site meanwhile, so nothing was changed: look, and give the command again: %w", err)
	}
	return err
}

// apply changes the site and says in sentences what is different, or what is wrong.
func (o groupChange) apply(s *site.Site, name string) ([]string, error) {
	at := slices.IndexFunc(s.Groups, func(g site.DeliveryGroup) bool { return g.Name == name })
	if at < 0 {
		var there []string
		for _, g := range s.Groups {
			there = append(there, g.Name)
		}
		return nil, noGroup(name, there, "")
	}
	changes := o.settings(&s.Groups[at])
	weights, err := o.reweigh(s, name)
	if err != nil {
		return nil, err
	}
	changes = append(changes, weights...)
	if faults := s.Validate(); len(faults) > 0 {
		return nil, &configError{refusedChange(name, faults)}
	}
	return changes, nil
}

func refusedChange(name string, faults []site.Fault) error {
	var text strings.Builder
	fmt.Fprintf(&text, "group %s cannot be set so, and nothing was changed:", name)
	for _, f := range faults {
		text.WriteString("\n  " + f.String())
	}
	return errors.New(text.String())
}

func (o groupChange) settings(g *site.DeliveryGroup) []string {
	changes := []string{}
	if was := g.FailoverMode(); o.failover != "" && site.Failover(o.failover) != was {
		g.Failover = site.Failover(o.failover)
		changes = append(changes, fmt.Sprintf("failover: %s → %s", was, o.failover))
	}
	if was := g.Balancing(); o.balance != "" && site.Balance(o.balance) != was {
		g.Balance = site.Balance(o.balance)
		changes = append(changes, fmt.Sprintf("balance: %s → %s", was, o.balance))
	}
	if was := g.MaxSessions; o.limited && o.maxSessions != was {
		g.MaxSessions = o.maxSessions
		changes = append(changes, fmt.Sprintf("max_sessions: %s → %s", limitWords(was), limitWords(o.maxSessions)))
	}
	if was, formats := g.Launch.Allowed(), o.launchFormats(); len(formats) > 0 && !slices.Equal(formats, was) {
		g.Launch.Formats = formats
		changes = append(changes, fmt.Sprintf("launch formats: %s → %s", oneOf(was), oneOf(formats)))
	}
	return changes
}

func (o groupChange) launchFormats() []site.LaunchFormat {
	formats := make([]site.LaunchFormat, len(o.formats))
	for i, f := range o.formats {
		formats[i] = site.LaunchFormat(f)
	}
	return formats
}

func (o groupChange) reweigh(s *site.Site, group string) ([]string, error) {
	var changes []string
	for _, host := range slices.Sorted(maps.Keys(o.weights)) {
		at := slices.IndexFunc(s.Machines, func(m site.Machine) bool { return m.Name == site.Canonical(host) })
		if at < 0 || s.Machines[at].Group != group {
			return nil, fmt.Errorf("--weight %s: it is no machine of group %s", host, group)
		}
		m, weight := &s.Machines[at], o.weights[host]
		if weight < 1 {
			return nil, &usageError{fmt.Errorf("--weight %s=%d: a weight is at least 1", host, weight)}
		}
		if was := m.Weight; weight != was && !(was == 0 && weight == site.DefaultWeight) {
			m.Weight = weight
			changes = append(changes, fmt.Sprintf("weight of %s: %d → %d", m.Name, orDefault(was), weight))
		}
	}
	return changes, nil
}

func orDefault(weight int) int {
	if weight == 0 {
		return site.DefaultWeight
	}
	return weight
}

func renderChangedGroup(s *screen, c changedGroup) {
	if len(c.Changes) == 0 {
		s.line(fmt.Sprintf("Nothing changes: group %s is so already in version %s.", c.Group, c.Before))
		return
	}
	s.line("Group " + c.Group + ":")
	for _, change := range c.Changes {
		s.line("  " + change)
	}
	if c.DryRun {
		s.line("Nothing was published: version " + c.Before.String() + " stays.")
		return
	}
	s.line("Published as version " + c.Version.String() + ". Connectors have it with their next sync, those in HA mode after the outage.")
}
