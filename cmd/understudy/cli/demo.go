package cli

import (
	"github.com/spf13/cobra"

	"understudy/demo"
)

func newDemoCommand(a *app) *cobra.Command {
	o := demo.Options{Env: a.env, Out: a.stdout, Version: Version()}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Take a whole site on this machine through an outage and back",
		Long: "Runs a cloud broker, three connectors, desktops and a StoreFront in one process on loopback ports,\n" +
			"with shortened durations, and shows each step of an outage as it happens. It fails if one does not.",
		Args: wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.JSON = o.JSON || a.output == "json"
			return demo.Run(cmd.Context(), o)
		},
	}
	cmd.Flags().BoolVar(&o.JSON, "json", false, "print one JSON object per step")
	cmd.Flags().BoolVar(&o.Keep, "keep", false, "leave everything running at the end and print what to try")
	cmd.Flags().StringVar(&o.Dir, "dir", "", "keep data and logs in this folder (else a temporary one)")
	return cmd
}
