package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"understudy/site"
	"understudy/sizing"
)

func newSizeCommand(a *app) *cobra.Command {
	d := sizing.Demand{}
	var window time.Duration
	var policy string
	cmd := &cobra.Command{
		Use: "size --users N --machines N", Short: "Say how many connectors of what size a site needs, and why", Args: wants(),
		Long: "Answers how many connectors each zone needs with one that may fail (N+1), how much memory, and how busy the\n" +
			"elected one is in an outage, when it carries its zone alone. It asks nobody: the answer comes from what was\n" +
			"measured (docs/benchmarks.md), and says how. Try it with `understudy load` before you rely on it.",
		Example: "  understudy size --users 12000 --machines 5000 --zones 2 --logon-window 30m --cores 4",
	}
	f := cmd.Flags()
	f.IntVar(&d.Users, "users", 0, "how many users work at the same time")
	f.IntVar(&d.Machines, "machines", 0, "how many desktop hosts there are")
	f.IntVar(&d.Zones, "zones", 1, "zones, among which both are spread evenly")
	f.DurationVar(&window, "logon-window", 30*time.Minute, "time within which all users log on")
	f.IntVar(&d.Cores, "cores", sizing.Measured().Cores, "cores of a connector's host")
	f.StringVar(&policy, "policy", string(site.Available), "election policy: available or majority")
	f.IntVar(&d.GatewaySessions, "gateway-sessions", 0, "sessions that one gateway carries, to count gateways too (Parallels RAS names 1200 with encryption)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		for _, needed := range []string{"users", "machines"} {
			if !cmd.Flags().Changed(needed) {
				return &usageError{fmt.Errorf("--%s N is needed: %s", needed, cmd.Flags().Lookup(needed).Usage)}
			}
		}
		d.LogonWindow, d.Policy = site.Duration(window), site.Policy(policy)
		if err := d.Validate(); err != nil {
			return &usageError{err}
		}
		return show(a, sizing.Of(d, sizing.Measured()), renderSize)
	}
	return cmd
}

func renderSize(s *screen, a sizing.Answer) {
	d := a.Demand
	s.line(s.bold(fmt.Sprintf("%s, %s, %s", many(d.Users, "user"), many(d.Machines, "machine"), many(d.Zones, "zone"))))
	r := newRows()
	r.add("Connectors", fmt.Sprintf("%d in each zone, %d in all: %d needed, %d may fail (N+1)", a.Connectors, a.AllConnectors, a.Needed, a.MayFail))
	r.add("Host", fmt.Sprintf("%s, %d GB of memory: up to %d MB for the connector; %d open files", many(d.Cores, "core"), a.HostMB/1024, a.ProcessMB, a.OpenFiles))
	busy := fmt.Sprintf("the elected one of a zone is %.1f %% busy while all log on within %s", 100*a.Busy, d.LogonWindow.D())
	if !a.Fits {
		busy = s.bad(busy + fmt.Sprintf(": too much; make %d zones, or take more cores", a.ZonesNeeded))
	}
	r.add("In an outage", busy)
	r.add("", fmt.Sprintf("all desktops of a zone are registered after %s", a.Registered.D()))
	if a.Gateways > 0 {
		r.add("In front", fmt.Sprintf("%s and %s (N+1)", many(a.Gateways, "gateway"), many(a.Balancers, "balancer")))
	}
	s.line(r.writer.Render())
	s.line("\nHow (measured on " + sizing.Host + "):")
	for _, step := range a.Steps {
		s.line("- " + step)
	}
}
