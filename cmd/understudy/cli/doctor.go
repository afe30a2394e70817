package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"understudy/doctor"
)

func newDoctorCommand(a *app) *cobra.Command {
	o := doctor.Options{Env: a.env}
	cmd := &cobra.Command{
		Use: "doctor --config FILE [connector|desktop|cloud]", Short: "Find what is wrong on this host, with its remedy: before the first start, or beside the running process",
		Long: "Looks at the configuration, ports, names, clock, disk, certificates, file modes, limits, and at the ways to the\n" +
			"cloud broker, peers and connectors; beside a running connector also at what that says of its zone. It changes\n" +
			"nothing and takes no lock. Run it as the service's account: what that may not read is a fault.\n" +
			"It ends with 0 if there are at most warnings, with 1 if there are errors, with 78 if the file cannot be used.",
		Args: cobra.MaximumNArgs(1), ValidArgs: []string{doctor.Connector, doctor.Desktop, doctor.Cloud},
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Kind = strings.Join(args, "")
			return a.examine(cmd, o)
		},
	}
	cmd.Flags().StringVar(&o.File, "config", "", "the configuration file of the process (YAML)")
	cmd.Flags().DurationVar(&o.Patience, "patience", doctor.DefaultPatience, "how long to wait for each answer of another host")
	return cmd
}

func (a *app) examine(cmd *cobra.Command, o doctor.Options) error {
	if err := mayExamine(cmd, o); err != nil {
		return err
	}
	var r doctor.Report
	err := a.underWay("looking", func() (err error) {
		r, err = doctor.Look(cmd.Context(), o)
		return err
	})
	if err != nil {
		return err
	}
	if err := show(a, r, renderReport); err != nil {
		return err
	}
	return verdict(r)
}

func mayExamine(cmd *cobra.Command, o doctor.Options) error {
	switch {
	case o.File == "":
		return &usageError{fmt.Errorf("%s needs --config FILE", cmd.CommandPath())}
	case o.Kind != "" && o.Kind != doctor.Connector && o.Kind != doctor.Desktop && o.Kind != doctor.Cloud:
		return &usageError{fmt.Errorf("%s: %q is no kind of process: %s, %s or %s", cmd.CommandPath(), o.Kind, doctor.Connector, doctor.Desktop, doctor.Cloud)}
	case o.Patience < 100*time.Millisecond:
		return &usageError{fmt.Errorf("--patience %s is less than 100ms", o.Patience)}
	}
	return nil
}

// verdict is the error of a report with errors.
func verdict(r doctor.Report) error {
	if r.Errors == 0 {
		return nil
	}
	err := fmt.Errorf("doctor found %s in %s", many(r.Errors, "error"), r.File)
	if r.Faulty() {
		return &configError{err}
	}
	return err
}

// renderReport is a table, and below it what to do.
func renderReport(s *screen, r doctor.Report) {
	state := "does not run: a preflight"
	if r.Running {
		state = "runs: a diagnosis"
	}
	s.line(s.bold(r.Kind) + "  " + r.File + "  (" + state + ")")
	table := newRows("RESULT", "CHECK", "ABOUT", "FOUND")
	for _, f := range r.Findings {
		table.add(s.result(f.Result), f.Check, f.About, f.Detail)
	}
	s.line(table.writer.Render())
	for _, f := range r.Findings {
		if f.Remedy != "" {
			s.line("")
			s.line(s.result(f.Result) + " " + s.bold(f.Name) + "  " + f.About + ": " + f.Detail)
			s.line("  → " + f.Remedy)
		}
	}
	s.line("")
	s.line(many(r.Errors, "error") + ", " + many(r.Warnings, "warning"))
}

func (s *screen) result(r doctor.Result) string {
	switch r {
	case doctor.OK:
		return s.good(string(r))
	case doctor.Warning:
		return s.warn(string(r))
	case doctor.Error:
		return s.bad(string(r))
	case doctor.Skipped:
	}
	return string(r)
}
