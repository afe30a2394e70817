package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"understudy/config"
	"understudy/pki"
	"understudy/wire"
)

func newPKIServeCommand(a *app) *cobra.Command {
	var f authorityFlag
	var names []string
	var listen string
	var life time.Duration
	cmd := &cobra.Command{
		Use: "serve --dir DIR --name PKI.FQDN", Short: "Serve the authority: hosts enrol with a token, and renew by their certificate", Args: wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(names) == 0 {
				return &usageError{fmt.Errorf("%s needs --name FQDN, by which hosts reach it", cmd.CommandPath())}
			}
			own, err := hostNames(names)
			if err != nil {
				return err
			}
			authority, err := f.open(a, cmd)
			if err != nil {
				return err
			}
			logger, err := a.logger(config.Log{Level: "info", Format: "json"})
			if err != nil {
				return err
			}
			server, err := pki.NewServer(cmd.Context(), pki.ServerOptions{
				Env: a.env, Authority: authority, Listen: listen, Names: own, Life: life, Report: issues(logger),
			})
			if err != nil {
				return err
			}
			logger.WithFields(logrus.Fields{"address": server.Addr(), "fingerprint": authority.Fingerprint()}).Info("the authority is served")
			return a.told(cmd.Context(), authorityProcess{authority}, server.Run)
		},
	}
	f.add(cmd)
	cmd.Flags().StringSliceVar(&names, "name", nil, "a name by which hosts reach the service (required; several times for more)")
	cmd.Flags().StringVar(&listen, "listen", pki.DefaultAddress, "where to listen")
	cmd.Flags().DurationVar(&life, "life", pki.DefaultLife, "how long the certificates count")
	return cmd
}

// authorityProcess is an authority as the service manager shows it.
type authorityProcess struct{ *pki.Authority }

// Headline implements service.Process.
func (s authorityProcess) Headline() string {
	return "issues certificates for " + strings.Join(s.Domains(), ", ") + ", until " + s.NotAfter().Format(time.DateOnly)
}

// issues logs what an authority issues and whom it refuses.
func issues(logger logrus.FieldLogger) func(how, name, from string, err error) {
	return func(how, name, from string, err error) {
		line := logger.WithFields(logrus.Fields{"how": how, "name": name, "from": from})
		switch _, refused := errors.AsType[*wire.Problem](err); {
		case err == nil:
			line.Info("a certificate was issued")
		case refused:
			line.WithField("reason", err.Error()).Warn("a request was refused")
		default:
			line.WithError(err).Error("a certificate could not be issued")
		}
	}
}
