package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"understudy/cloud/contract"
)

func newContractCommand(a *app) *cobra.Command {
	return group("contract", "Check a cloud broker against the cloud contract", newContractTestCommand(a))
}

func newContractTestCommand(a *app) *cobra.Command {
	o := contract.Options{Env: a.env}
	var files tlsFlags
	var adminFile string
	cmd := &cobra.Command{
		Use:   "test URL --site NAME --token-file FILE --admin-token-file FILE",
		Short: "Run the contract's checks against any cloud broker",
		Long: "Runs each sentence of docs/cloud-contract.md as a check. --token-file holds a connector's token and\n" +
			"--admin-token-file an administrator's. With --scratch the suite replaces the site by its own: never\n" +
			"against a broker that somebody uses.",
		Args: wants("URL"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			o.URL = args[0]
			if o.Site == "" || adminFile == "" {
				return &usageError{errors.New("understudy contract test needs --site NAME and --admin-token-file FILE")}
			}
			if o.Connector, err = a.token(); err != nil {
				return err
			}
			if o.Admin, err = optional(adminFile); err != nil {
				return err
			}
			if o.TLS, err = files.config(); err != nil {
				return err
			}
			report, err := contract.Run(cmd.Context(), o)
			if err != nil {
				return err
			}
			return a.showContract(report)
		},
	}
	cmd.Flags().StringVar(&o.Site, "site", "", "the site that the broker serves")
	cmd.Flags().StringVar(&adminFile, "admin-token-file", "", "file with an administrator's token")
	cmd.Flags().BoolVar(&o.Scratch, "scratch", false, "allow the suite to replace the site by its own")
	files.add(cmd.Flags())
	return cmd
}

func (a *app) showContract(report contract.Report) error {
	if a.output == "json" {
		if err := writeJSON(a.stdout, report, "  "); err != nil {
			return err
		}
	} else {
		for _, c := range report.Checks {
			fmt.Fprintln(a.stdout, strings.TrimSuffix(fmt.Sprintf("%-7s  %s: %s", c.Outcome, c.Name, c.Reason), ": "))
		}
		fmt.Fprintf(a.stdout, "\n%d passed, %d failed, %d skipped\n",
			report.Count(contract.Passed), report.Count(contract.Failed), report.Count(contract.Skipped))
	}
	if !report.OK() {
		return fmt.Errorf("%s breaks the contract", report.URL)
	}
	return nil
}
