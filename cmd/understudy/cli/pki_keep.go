package cli

import (
	"context"

	"github.com/sirupsen/logrus"

	"understudy/config"
	"understudy/events"
	"understudy/pki"
	"understudy/service"
	"understudy/site"
)

// keeper gets a service its certificate, if it has none, from the authority that its file
// names; nil if that names none.
func (a *app) keeper(ctx context.Context, c config.PKI, files config.TLS, name site.FQDN, l config.Log) (*pki.Keeper, error) {
	if !c.Enabled() {
		return nil, nil
	}
	logger, err := a.logger(l)
	if err != nil {
		return nil, err
	}
	k := pki.NewKeeper(c.Keeper(a.env, name, files, certificates(logger)))
	return k, k.Ready(ctx)
}

// certificates logs what becomes of a certificate.
func certificates(logger logrus.FieldLogger) func(events.Name, string) {
	return func(name events.Name, reason string) {
		kind := events.Lookup(name)
		line := logger.WithFields(logrus.Fields{"event": string(name), "code": kind.Code, "reason": reason})
		if kind.Severity == events.Info {
			line.Info(kind.Meaning)
			return
		}
		line.Warn(kind.Meaning)
	}
}

// keeping returns the service with a Keeper beside it, if there is one. The service takes new
// files into use at once, and what becomes of the certificate is among its events, if it
// keeps any.
func keeping(s runner, k *pki.Keeper) runner {
	if k == nil {
		return s
	}
	if teller, ok := s.(interface{ Tell(events.Name, string) }); ok {
		k.Report = teller.Tell
	}
	k.Renewed = func(ctx context.Context) { _ = s.Reload(ctx) } // the service tells how that went
	return kept{runner: s, keeper: k}
}

// kept is a service beside which a Keeper runs.
type kept struct {
	runner
	keeper *pki.Keeper
}

// process is what the service manager is to watch: whether it has bound its listeners and
// its loops go on, the service says, and not what keeps its certificate.
func process(s runner) service.Process {
	if k, ok := s.(kept); ok {
		return k.runner
	}
	return s
}

// Run runs both until ctx ends or the service does.
func (k kept) Run(ctx context.Context) error {
	around, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		k.keeper.Run(around)
	}()
	err := k.runner.Run(ctx)
	cancel()
	<-done
	return err
}
