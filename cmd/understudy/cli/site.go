package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"understudy/config"
	"understudy/site"
)

func newSiteCommand(a *app) *cobra.Command {
	return group("site", "Check, apply or generate the definition of a site",
		newSiteCheckCommand(a), newSiteApplyCommand(a), newSiteGenerateCommand(a))
}

func newSiteCheckCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use: "check FILE", Short: "Say everything that is wrong with a site, by line and key", Args: wants("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := a.loadSite(args[0])
			if err != nil {
				return err
			}
			return show(a, sizesOf(s), func(screen *screen, sizes siteSizes) {
				screen.line(args[0] + " is in order: " + sizes.String() + ".")
			})
		},
	}
}

func (a *app) loadSite(file string) (s *site.Site, err error) {
	err = a.underWay("reading "+file, func() error {
		s, err = loaded(config.LoadSite, file)
		return err
	})
	return s, err
}

// siteSizes is how much there is in a site.
type siteSizes struct {
	Site         string `json:"site"`
	Zones        int    `json:"zones"`
	Connectors   int    `json:"connectors"`
	Groups       int    `json:"groups"`
	Machines     int    `json:"machines"`
	Applications int    `json:"applications"`
	Users        int    `json:"users"`
}

func sizesOf(s *site.Site) siteSizes {
	return siteSizes{s.Name, len(s.Zones), len(s.Connectors), len(s.Groups), len(s.Machines), len(s.Applications), len(s.Users)}
}

func (s siteSizes) String() string {
	return fmt.Sprintf("site %s with %d zones, %d connectors, %d delivery groups, %d machines, %d applications, %d users",
		s.Site, s.Zones, s.Connectors, s.Groups, s.Machines, s.Applications, s.Users)
}
