package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"understudy/load"
	"understudy/site"
)

// pressure is what `understudy load` was told.
type pressure struct {
	options   load.Options
	site      string
	desktops  int
	users     int
	mix       []string
	keyFile   string
	tls       tlsFlags
	json      string
	chart     string
	maxErrors float64
	quiet     bool
}

// errTooManyErrors says that the run did what it should and the zone did not.
var errTooManyErrors = errors.New("too many launches failed")

func newLoadCommand(a *app) *cobra.Command {
	p := &pressure{options: load.Options{Env: a.env}}
	cmd := &cobra.Command{
		Use: "load --site FILE --zone ZONE", Short: "Simulate desktops and users against a real zone, and measure it", Args: wants(),
		Long: "Simulates thousands of desktops and users against a running zone: desktops register, send heartbeats and are\n" +
			"called by the connectors; users list, launch, connect, stay and leave. The site file says which desktops and\n" +
			"users there are; do not run it beside the real ones. Cut the cloud broker off, kill the elected connector, bring\n" +
			"both back: each change of who serves is noticed and timed. Ctrl-C ends the run with its report.",
		Example: "  understudy load --site site.yaml --zone berlin --desktops 10000 --rate 50 --json run.json --chart run.svg",
	}
	p.flags(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return a.load(cmd.Context(), p) }
	return cmd
}

func (p *pressure) flags(f *pflag.FlagSet) {
	o := &p.options
	f.StringVar(&p.site, "site", "", "site file with the zone's desktops, users and connectors")
	f.StringVar(&o.Zone, "zone", "", "the zone (else the only one of the site)")
	f.StringSliceVar(&o.Connectors, "connectors", nil, "client URLs of the connectors (else those of the site)")
	f.IntVar(&p.desktops, "desktops", 0, "how many of the zone's desktops (else all)")
	f.IntVar(&p.users, "users", 0, "how many of the site's users (else all)")
	f.Float64Var(&o.Rate, "rate", load.DefaultRate, "users that arrive in a second; 0 for desktops only")
	f.DurationVar(&o.Think, "think", load.DefaultThink, "how long a user stays on average")
	f.Float64Var(&o.Disconnects, "disconnects", 0, "share of users, 0 to 1, who disconnect instead of logging off")
	f.StringSliceVar(&p.mix, "mix", nil, "what is launched how often: RESOURCE=WEIGHT,… (else all that a user may launch, alike)")
	f.DurationVar(&o.Duration, "duration", 0, "how long (else until Ctrl-C)")
	f.DurationVar(&o.Ramp, "ramp", 5*time.Second, "time over which the desktops start")
	f.Uint64Var(&o.Seed, "seed", 1, "what arrivals and choices come from")
	f.StringVar(&o.Listen, "listen", load.DefaultListen, "where connectors call the desktops")
	f.StringVar(&o.Callback, "callback", "", "base URL under which connectors reach --listen, where it is another")
	f.IntVar(&o.Workers, "workers", load.DefaultWorkers, "requests of desktops in flight")
	f.BoolVar(&o.KeepLeases, "keep-leases", false, "leave the desktops registered at the end")
	f.StringVar(&p.json, "json", "", "write the report to this file")
	f.StringVar(&p.chart, "chart", "", "write a chart (SVG) to this file")
	f.DurationVar(&o.Every, "every", load.DefaultEvery, "time between two lines of progress")
	f.BoolVar(&p.quiet, "quiet", false, "no progress")
	f.Float64Var(&p.maxErrors, "max-errors", 100, "fail if more than this share of launches, in percent, was refused")
	f.StringVar(&p.keyFile, "key-file", "", "file with the front end's key")
	p.tls.add(f)
}

func (a *app) load(ctx context.Context, p *pressure) error {
	if err := p.complete(a); err != nil {
		return err
	}
	run, err := load.New(ctx, p.options)
	if err != nil {
		return refusedRun(err)
	}
	report, err := run.Run(ctx)
	if err != nil {
		return err
	}
	if err := errors.Join(show(a, report, renderLoad), p.write(report)); err != nil {
		return err
	}
	if failed := report.Failed() * 100; failed > p.maxErrors {
		return fmt.Errorf("%w: %.1f %%, more than %.1f %%", errTooManyErrors, failed, p.maxErrors)
	}
	return nil
}

// refusedRun tells an address that this host does not give from a flag that is wrong.
func refusedRun(err error) error {
	if _, ok := errors.AsType[*os.SyscallError](err); ok {
		return err
	}
	return &usageError{err}
}

// complete fills in the options from the files and flags.
func (p *pressure) complete(a *app) error {
	if p.site == "" {
		return &usageError{errors.New("--site FILE says which desktops and users there are")}
	}
	if p.maxErrors < 0 || p.maxErrors > 100 {
		return &usageError{errors.New("--max-errors is not within 0 to 100")}
	}
	s, err := a.loadSite(p.site)
	if err != nil {
		return err
	}
	if err := p.take(s); err != nil {
		return &usageError{err}
	}
	if !p.quiet {
		p.options.Progress = a.stderr
	}
	if p.keyFile != "" {
		if p.options.Key, err = readSecret(p.keyFile); err != nil {
			return err
		}
	}
	config, err := p.tls.config()
	if err != nil {
		return err
	}
	if slices.ContainsFunc(p.options.Connectors, func(url string) bool { return strings.HasPrefix(url, "https:") }) {
		p.options.TLS = config
	}
	return p.tryFiles()
}

// take finds the zone's desktops, connectors and users in the site.
func (p *pressure) take(s *site.Site) error {
	o := &p.options
	if o.Zone == "" && len(s.Zones) == 1 {
		o.Zone = s.Zones[0].Name
	}
	index := site.NewIndex(s)
	if _, ok := index.Zone(o.Zone); !ok {
		return fmt.Errorf("--zone %q is not in the site", o.Zone)
	}
	if len(o.Connectors) == 0 {
		for _, c := range index.Connectors(o.Zone) {
			o.Connectors = append(o.Connectors, c.ClientURL)
		}
	}
	for _, m := range s.Machines {
		if m.Zone == o.Zone {
			known, _ := index.Machine(m.Name)
			o.Machines = append(o.Machines, load.Machine{Name: m.Name, Capacity: known.Capacity})
		}
	}
	for _, u := range s.Users {
		o.Users = append(o.Users, u.Name)
	}
	if !within(p.desktops, o.Machines) || !within(p.users, o.Users) {
		return fmt.Errorf("--desktops %d, --users %d: the site has %d desktops in zone %s and %d users",
			p.desktops, p.users, len(o.Machines), o.Zone, len(o.Users))
	}
	o.Machines, o.Users = first(o.Machines, p.desktops), first(o.Users, p.users)
	return p.weigh(site.NewIndex(s))
}

func within[T any](n int, list []T) bool { return n >= 0 && n <= len(list) }

// first cuts a list where a number is given.
func first[T any](list []T, n int) []T {
	if n == 0 {
		return list
	}
	return list[:n]
}

func (p *pressure) weigh(index *site.Index) error {
	p.options.Mix = map[string]float64{}
	for _, part := range p.mix {
		id, text, ok := strings.Cut(part, "=")
		weight, err := strconv.ParseFloat(text, 64)
		if !ok || err != nil || !(weight >= 0) {
			return fmt.Errorf("--mix %q is not RESOURCE=WEIGHT", part)
		}
		if _, known := index.Resource(id); !known {
			return fmt.Errorf("--mix %q: the site has no resource %q; desktop:GROUP and app:NAME are their names", part, id)
		}
		p.options.Mix[id] = weight
	}
	return nil
}
