package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"understudy/cloud"
	"understudy/env"
	"understudy/site"
	"understudy/wire"
)

// stepWait is longer than two sync intervals, so that every connector that runs has
// had one version before the next comes.
const stepWait = 3 * time.Minute

// application is what `site apply` was told.
type application struct {
	url    string
	files  tlsFlags
	wait   time.Duration
	dryRun bool
}

func newSiteApplyCommand(a *app) *cobra.Command {
	var o application
	cmd := &cobra.Command{
		Use: "apply FILE --cloud URL --token-file FILE", Short: "Check a site and publish it at a cloud broker", Args: wants("FILE"),
		Long: "Checks a site and publishes it. In zones with the policy majority the active connectors change one at a\n" +
			"time, so a larger change takes several versions: they are shown, then published one after the other with\n" +
			"--step-wait between them. Stop it whenever you like: the same command goes on from there.",
	}
	cmd.Flags().StringVar(&o.url, "cloud", "", "URL of the cloud broker; --token-file holds its token")
	cmd.Flags().DurationVar(&o.wait, "step-wait", stepWait, "time between two steps: longer than two sync intervals of the connectors")
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "show the steps and publish nothing")
	o.files.add(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if o.url == "" {
			return &usageError{errors.New("--cloud URL says where to publish the site")}
		}
		if o.wait < 0 {
			return &usageError{fmt.Errorf("--step-wait %s is less than nothing", o.wait)}
		}
		s, err := a.loadSite(args[0])
		if err != nil {
			return err
		}
		return a.applySite(cmd.Context(), s, o)
	}
	return cmd
}

func (a *app) applySite(ctx context.Context, s *site.Site, o application) error {
	p, err := a.publisher(s.Name, o)
	if err != nil {
		return err
	}
	defer p.cloud.Close()
	if err := p.plan(ctx, s); err != nil {
		return err
	}
	if o.dryRun {
		return show(a, p.planned(), func(screen *screen, plan plannedSteps) { renderPlan(screen, plan, sizesOf(s)) })
	}
	published, err := p.publish(ctx)
	if err != nil {
		return err
	}
	return show(a, published, func(screen *screen, now cloud.Published) {
		if now.Version == p.before {
			screen.line("Nothing changed: version " + now.Version.String() + " is this site already.")
			return
		}
		screen.line("Published as version " + now.Version.String() + ": " + sizesOf(s).String() + ".")
	})
}

func (a *app) publisher(name string, o application) (*publisher, error) {
	token, err := a.token()
	if err != nil {
		return nil, err
	}
	tls, err := o.files.config()
	if err != nil {
		return nil, err
	}
	c, err := cloud.New(cloud.Options{Env: a.env, URL: o.url, Site: name, Token: env.Always(token), TLS: env.Fixed(tls), Timeout: a.timeout})
	if err != nil {
		return nil, &usageError{err}
	}
	return &publisher{app: a, cloud: c, token: token, wait: o.wait}, nil
}

// refused says what to do about a token that the cloud broker does not take.
func (p *publisher) refused(err error) error {
	if !wire.IsCode(err, wire.CodeUnauthorized) {
		return err
	}
	if p.token != "" {
		return fmt.Errorf("the cloud broker does not know the token in %s: it wants an administrator's, see --token-file: %w",
			p.app.either(p.app.tokenFile, "UNDERSTUDY_TOKEN_FILE"), err)
	}
	return fmt.Errorf("the cloud broker wants an administrator's token: give --token-file: %w", err)
}
