package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"understudy/doctor"
)

func newSupportBundleCommand(a *app) *cobra.Command {
	o := doctor.BundleOptions{Options: doctor.Options{Env: a.env, Patience: doctor.DefaultPatience}, Version: Version()}
	cmd := &cobra.Command{
		Use: "support-bundle --config FILE --out FILE.tar.gz", Short: "Pack what somebody who helps from afar needs to see, without secrets",
		Long: "Packs doctor's findings, the configuration in force, status, peers, snapshots, counts of sessions, goroutines, events,\n" +
			"the end of the log and a list of files with their modes. Secrets are taken out, names of users are hashed. It works when the\n" +
			"process does not run, and never writes over a file. Look through it before you pass it on.",
		Args: wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := mayPack(cmd, o); err != nil {
				return err
			}
			var b doctor.Bundle
			err := a.underWay("packing", func() (err error) {
				b, err = doctor.Pack(cmd.Context(), o)
				return err
			})
			if err != nil {
				return err
			}
			return show(a, b, renderBundle)
		},
	}
	cmd.Flags().StringVar(&o.File, "config", "", "the configuration file of the process (YAML)")
	cmd.Flags().StringVar(&o.Out, "out", "", "the file to write, .tar.gz; it must not exist")
	cmd.Flags().DurationVar(&o.Since, "since", 24*time.Hour, "how far back events and log lines go")
	cmd.Flags().BoolVar(&o.WithNames, "with-names", false, "leave the names of users readable")
	return cmd
}

func mayPack(cmd *cobra.Command, o doctor.BundleOptions) error {
	switch {
	case o.File == "":
		return &usageError{fmt.Errorf("%s needs --config FILE", cmd.CommandPath())}
	case o.Out == "":
		return &usageError{fmt.Errorf("%s needs --out FILE.tar.gz", cmd.CommandPath())}
	case o.Since <= 0:
		return &usageError{fmt.Errorf("--since %s is not positive", o.Since)}
	}
	return nil
}

func renderBundle(s *screen, b doctor.Bundle) {
	s.line(fmt.Sprintf("%s: %d bytes, %s", b.File, b.Bytes, many(len(b.Parts), "part")))
	for _, n := range b.Notes {
		s.line(s.warn("left out") + " " + n)
	}
	s.line("Secrets are taken out. Look through it before you pass it on.")
}
