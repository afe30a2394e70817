package cli

import (
	"context"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/config"
	"understudy/env"
	"understudy/events"
	"understudy/pki"
	"understudy/service"
	"understudy/site"
)

// tended is a Keeper with what it reported before its service was there.
type tended struct {
	*pki.Keeper
	early []report
}

// report is one, when it was made.
type report struct {
	at     time.Time
	name   events.Name
	reason string
}

// mostEarly bounds the reports that wait for the service: an authority may be away for days.
const mostEarly = 100

// keeper gets a service its certificate, if it has none, from the authority that its file
// names; nil if that names none.
func (a *app) keeper(ctx context.Context, c config.PKI, files config.TLS, name site.FQDN, l config.Log) (*tended, error) {
	if !c.Enabled() {
		return nil, nil
	}
	logger, err := a.logger(l)
	if err != nil {
		return nil, err
	}
	t := &tended{}
	t.Keeper = pki.NewKeeper(c.Keeper(a.env, name, files, t.noting(a.env, certificates(logger))))
	return t, t.Ready(ctx)
}

// noting also keeps what is reported for the service to come.
func (t *tended) noting(e env.Env, tell func(events.Name, string)) func(events.Name, string) {
	return func(name events.Name, reason string) {
		tell(name, reason)
		t.early = append(t.early, report{e.Now().UTC(), name, reason})
		t.early = t.early[max(0, len(t.early)-mostEarly):]
	}
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
// keeps any, with what was reported before: how it got its first certificate.
func keeping(s runner, k *tended) runner {
	if k == nil {
		return s
	}
	if teller, ok := s.(interface {
		Tell(name events.Name, reason string)
		Keep(at time.Time, name events.Name, reason string)
	}); ok {
		for _, r := range k.early {
			teller.Keep(r.at, r.name, r.reason)
		}
		k.Report = teller.Tell
	}
	k.Renewed = func(ctx context.Context) { _ = s.Reload(ctx) } // the service tells how that went
	return kept{runner: s, keeper: k.Keeper}
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
