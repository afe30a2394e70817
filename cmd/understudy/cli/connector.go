package cli

import (
	"context"
	"errors"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"understudy/agent"
	"understudy/config"
	"understudy/storefront"
	"understudy/trust"
	"understudy/wire"
	"understudy/xmlservice"
)

func newConnectorCommand(a *app) *cobra.Command {
	return newServiceCommand(a, "connector --config FILE", "Run a connector: relay in normal times, broker in an outage",
		"Runs the connector of a host until it is stopped (SIGINT or SIGTERM): an orderly stop hands the office over.\n"+
			"examples/zone holds files to begin with.",
		func(ctx context.Context, file string) (runner, error) {
			c, err := loaded(config.LoadConnector, file)
			if err != nil {
				return nil, err
			}
			keeper, err := a.keeper(ctx, c.PKI, c.TLS, c.FQDN, c.Log)
			if err != nil {
				return nil, err
			}
			o, err := a.connectorOptions(c)
			if err != nil {
				return nil, err
			}
			s, err := agent.New(ctx, o)
			if err != nil {
				return nil, err
			}
			return keeping(newBallasted(s), keeper), nil
		})
}

func (a *app) connectorOptions(c *config.Connector) (agent.Options, error) {
	logger, err := a.logger(c.Log)
	if err != nil {
		return agent.Options{}, err
	}
	o := agent.Options{
		Env: a.env, Version: a.release.Version, Protocol: a.release.Protocol, Site: c.Site, FQDN: c.FQDN, Zone: c.Zone, Data: c.Data,
		Cloud:    agent.Cloud{URL: c.Cloud.URL, Timeout: c.Cloud.Timeout.D()},
		Listen:   agent.Listen{Client: c.Listen.Client, Peer: c.Listen.Peer, Admin: c.Listen.Admin},
		Insecure: c.Insecure, STA: c.STAID, SyncInterval: c.Sync.Interval.D(), Settings: c.Settings(), Peers: c.Connectors(),
		PeerRelay: *c.PeerRelay, JournalLimit: c.Journal.Limit, Logger: logger, Trust: trust.New(a.env.Now), FrontEnds: c.FrontEndNames(),
		Exposed: exposedFiles(c.Exposed()), Limits: agent.Limits{Connections: c.Limits.Connections, OfSource: c.Limits.ConnectionsPerSource},
	}
	if c.Upstream == config.UpstreamXMLService {
		if err := a.besideControllers(c, &o); err != nil {
			return o, &configError{err}
		}
	}
	if err := connectorSecrets(c, &o); err != nil {
		return o, &configError{err}
	}
	if c.AdminUsersFile != "" {
		if o.Accounts, err = openAccounts(c.AdminUsersFile, logger); err != nil {
			return o, &configError{err}
		}
	}
	if o.Files, err = c.Launch.Maker(); err != nil {
		return o, &configError{err}
	}
	o.Commands = c.Hooks.Commands()
	if o.DNS, err = c.DNS.Options(); err != nil {
		return o, &configError{err}
	}
	if o.XML, err = a.xml(&c.Credentials, &c.XML, logger); err != nil {
		return o, err
	}
	return o, connectorTLS(c, &o)
}

// xml is the XML Service of a broker, with the users that its file names; whoever was
// not let in is logged.
func (a *app) xml(users *config.Credentials, x *config.XML, logger *logrus.Logger) (storefront.XML, error) {
	checker, err := users.Checker(a.env, func(err error) { logger.WithError(err).Error("the file of users is not read; those read before count") })
	if err != nil {
		return storefront.XML{}, &configError{err}
	}
	service := x.Service(checker)
	service.OnRefused = func(c xmlservice.Claim, why error) {
		refusal, ok := errors.AsType[*xmlservice.Refusal](why)
		if ok && refusal.ID == xmlservice.AccountLockedOut {
			return // each try of a guesser would be a line
		}
		logger.WithFields(logrus.Fields{"user": wire.Clip(c.String()), "source": c.Source, "reason": wire.Clip(why.Error())}).Warn("a user was not let in")
	}
	return service, nil
}

// connectorSecrets are the token and the keys that may change while the connector runs.
func connectorSecrets(c *config.Connector, o *agent.Options) error {
	if c.Cloud.TokenFile != "" {
		token, err := trust.Follow(o.Trust, "token", c.Cloud.TokenFile, trust.Secret)
		if err != nil {
			return err
		}
		o.Cloud.Token = token.Now
	}
	if c.StorefrontKeysFile != "" {
		keys, err := trust.Follow(o.Trust, "keys of front ends", c.StorefrontKeysFile, trust.ParseKeys)
		if err != nil {
			return err
		}
		o.FrontKeys = keys.Now
	}
	return nil
}

// connectorTLS: desktops and peers show certificates; StoreFronts show one or a
// key, so the client listener verifies what it is shown.
func connectorTLS(c *config.Connector, o *agent.Options) error {
	var err error
	if o.Cloud.TLS, err = c.CloudTLS(o.Trust); err != nil {
		return &configError{err}
	}
	if o.TLS.Client, err = c.TLS.Server(o.Trust, false); err != nil {
		return &configError{err}
	}
	if o.TLS.Peer, err = c.TLS.Server(o.Trust, true); err != nil {
		return &configError{err}
	}
	if o.TLS.PeerClient, err = c.TLS.Client(o.Trust); err != nil {
		return &configError{err}
	}
	o.TLS.Callbacks = o.TLS.PeerClient
	return nil
}
