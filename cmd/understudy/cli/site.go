package cli

import "github.com/spf13/cobra"

func newSiteCommand(a *app) *cobra.Command {
	return group("site", "Check, apply or generate the definition of a site", newSiteGenerateCommand(a))
}
