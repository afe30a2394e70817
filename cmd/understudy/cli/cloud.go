package cli

import (
	"bytes"
	"context"

	"github.com/spf13/cobra"

	"understudy/cloud/server"
	"understudy/config"
	"understudy/trust"
)

func newCloudCommand(a *app) *cobra.Command {
	var restored bool
	cmd := newServiceCommand(a, "cloud --config FILE", "Run the reference cloud broker",
		"Runs a cloud broker of one site over a store of its own, until it is stopped (SIGINT or SIGTERM).\n"+
			"Give it a site with `understudy site apply`.",
		func(_ context.Context, file string) (runner, error) {
			c, err := loaded(config.LoadCloud, file)
			if err != nil {
				return nil, err
			}
			o, err := a.cloudOptions(c)
			if err != nil {
				return nil, err
			}
			o.Restored = restored
			return server.New(o)
		})
	cmd.Flags().BoolVar(&restored, "restored", false, "the store was put back from a backup: begin a new history of versions (once)")
	cmd.AddCommand(newTokensCommand(a))
	return cmd
}

func (a *app) cloudOptions(c *config.Cloud) (server.Options, error) {
	logger, err := a.logger(c.Log)
	if err != nil {
		return server.Options{}, err
	}
	o := server.Options{
		Env: a.env, Data: c.Data, Site: c.Site, Listen: c.Listen, Insecure: c.Insecure, RegistrationRate: c.RegistrationRate, Logger: logger, Trust: trust.New(a.env.Now),
		Exposed: exposedFiles(c.Exposed()), Connections: c.Limits.Connections, OfSource: c.Limits.ConnectionsPerSource,
	}
	tokens, err := trust.Follow(o.Trust, "tokens", c.TokensFile, func(text []byte) ([]server.Token, error) {
		return server.ReadTokens(bytes.NewReader(text))
	})
	if err != nil {
		return o, &configError{err}
	}
	o.Tokens = tokens.Now
	if c.AdminUsersFile != "" {
		if o.Accounts, err = openAccounts(c.AdminUsersFile, logger); err != nil {
			return o, &configError{err}
		}
	}
	if o.Files, err = c.Launch.Maker(); err != nil {
		return o, &configError{err}
	}
	if o.XML, err = a.xml(&c.Credentials, &c.XML, logger); err != nil {
		return o, err
	}
	if o.TLS, err = c.TLS.Server(o.Trust, false); err != nil {
		return o, &configError{err}
	}
	return o, nil
}
