package cli

import (
	"github.com/sirupsen/logrus"

	"understudy/agent"
	"understudy/config"
	"understudy/controllers"
	"understudy/sitesource"
	"understudy/trust"
)

// besideControllers lets a connector work beside the site's own controllers.
func (a *app) besideControllers(c *config.Connector, o *agent.Options) error {
	pool, err := a.pool(c, o.Trust, o.Logger)
	if err != nil {
		return err
	}
	source := sitesource.Options{File: c.SiteSource.File, Command: c.SiteSource.Command, Timeout: c.SiteSource.Timeout.D(), Parse: config.ReadSite}
	if c.SiteSource.Format == config.FormatNDJSON {
		source.Parse = sitesource.ParseNDJSON
	}
	from, err := sitesource.New(source)
	if err != nil {
		return err
	}
	o.Upstream, o.Source = pool, from
	return nil
}

func (a *app) pool(c *config.Connector, files *trust.Store, logger *logrus.Logger) (*controllers.Pool, error) {
	x := c.XMLService
	password, err := optional(x.PasswordFile)
	if err != nil {
		return nil, err
	}
	tls, err := c.ControllersTLS(files)
	if err != nil {
		return nil, err
	}
	return controllers.New(controllers.Options{
		Env: a.env, Servers: x.Servers, Farm: x.Farm, User: x.User, Password: password, Domain: x.Domain, TLS: tls,
		OnServer: func(url, reason string) {
			logger.WithFields(logrus.Fields{"controller": url, "reason": reason}).Info("requests go to this controller")
		},
		OnRefused: func(reason string) { logger.WithField("reason", reason).Warn("health checks go on without a user") },
	})
}
