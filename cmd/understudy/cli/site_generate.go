package cli

import (
	"errors"
	"fmt"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"understudy/site"
)

func newSiteGenerateCommand(a *app) *cobra.Command {
	var machines, users int
	var seed uint64
	cmd := &cobra.Command{
		Use: "generate", Short: "Write a made-up site of any size; the same seed gives the same site", Args: wants(),
		RunE: func(*cobra.Command, []string) error {
			if machines < 1 || users < 1 {
				return &usageError{errors.New("--machines and --users are at least 1")}
			}
			return a.underWay("generating the site", func() error { return a.writeSite(site.Generate(machines, users, seed)) })
		},
	}
	cmd.Flags().IntVar(&machines, "machines", 100, "how many desktop hosts")
	cmd.Flags().IntVar(&users, "users", 200, "how many users")
	cmd.Flags().Uint64Var(&seed, "seed", 1, "what the names and choices come from")
	return cmd
}

// writeSite prints a site as YAML, the form that check and apply read, or as JSON.
func (a *app) writeSite(s *site.Site) error {
	if a.output == "json" {
		return writeJSON(a.stdout, s, "  ")
	}
	text, err := yaml.MarshalWithOptions(s, yaml.IndentSequence(true))
	if err != nil {
		return fmt.Errorf("write the site as YAML: %w", err)
	}
	if _, err := a.stdout.Write(text); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}
