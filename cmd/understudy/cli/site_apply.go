package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"understudy/cloud"
	"understudy/config"
	"understudy/site"
	"understudy/wire"
)

func newSiteApplyCommand(a *app) *cobra.Command {
	var url string
	var files tlsFlags
	cmd := &cobra.Command{
		Use: "apply FILE --cloud URL --token-file FILE", Short: "Check a site and publish it at a cloud broker", Args: wants("FILE"),
	}
	cmd.Flags().StringVar(&url, "cloud", "", "URL of the cloud broker; --token-file holds its token")
	files.add(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if url == "" {
			return &usageError{errors.New("--cloud URL says where to publish the site")}
		}
		s, err := loaded(config.LoadSite, args[0])
		if err != nil {
			return err
		}
		before, published, err := a.publish(cmd.Context(), s, url, files)
		if err != nil {
			return err
		}
		return show(a, published, func(screen *screen, p cloud.Published) {
			if p.Version == before {
				screen.line("Nothing changed: version " + p.Version.String() + " is this site already.")
				return
			}
			screen.line("Published as version " + p.Version.String() + ": " + sizesOf(s).String() + ".")
		})
	}
	return cmd
}

// publish returns the version before, if there was one, and what is there now.
func (a *app) publish(ctx context.Context, s *site.Site, url string, files tlsFlags) (before site.Version, now cloud.Published, err error) {
	token, err := a.token()
	if err != nil {
		return before, now, err
	}
	tls, err := files.config()
	if err != nil {
		return before, now, err
	}
	c, err := cloud.New(cloud.Options{Env: a.env, URL: url, Site: s.Name, Token: token, TLS: tls, Timeout: a.timeout})
	if err != nil {
		return before, now, &usageError{err}
	}
	defer c.Close()
	if published, err := c.Site(ctx); err == nil {
		before = published.Version
	}
	now, err = c.PutSite(ctx, s, site.Version{})
	if wire.IsCode(err, wire.CodeUnauthorized) {
		if token != "" {
			return before, now, fmt.Errorf("the cloud broker does not know the token in the token file: it wants an administrator's: %w", err)
		}
		return before, now, fmt.Errorf("the cloud broker wants an administrator's token: give --token-file: %w", err)
	}
	return before, now, err
}
