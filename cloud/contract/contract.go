// Package contract is the suite that any cloud broker must pass to stand behind
// connectors: each check holds one sentence of docs/cloud-contract.md against a
// running broker, over the network and with no knowledge of its inside. The
// command "understudy contract test" and the tests of our own broker run it.
package contract

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"understudy/cloud"
	"understudy/env"
	"understudy/site"
)

// checkTime bounds each check.
const checkTime = 20 * time.Second

// Options say which broker is tested, and how far the suite may go.
type Options struct {
	Env env.Env
	URL string
	// Site is the name of the site that the broker serves.
	Site string
	// Connector and Admin are tokens of these roles.
	Connector string
	Admin     string
	TLS       *tls.Config
	// Scratch allows the suite to replace the site by its own and to act as its
	// desktops and connectors. Without it nothing is changed, and the checks that
	// need it are skipped.
	Scratch bool
}

func (o Options) validate() error {
	switch {
	case o.URL == "":
		return errors.New("contract: URL is missing")
	case o.Site == "":
		return errors.New("contract: Site is missing")
	case o.Connector == "":
		return errors.New("contract: Connector token is missing")
	case o.Admin == "":
		return errors.New("contract: Admin token is missing")
	}
	return o.Env.Validate()
}

// Outcome is how a check ended.
type Outcome string

// The outcomes.
const (
	Passed  Outcome = "passed"
	Failed  Outcome = "failed"
	Skipped Outcome = "skipped"
)

// Check is one sentence of the contract and whether the broker keeps it.
type Check struct {
	Name    string  `json:"name"`
	Outcome Outcome `json:"outcome"`
	// Reason says what was wrong, or why the check was skipped.
	Reason string        `json:"reason,omitempty"`
	Took   site.Duration `json:"took"`
}

// Report is the outcome of all checks.
type Report struct {
	URL    string  `json:"url"`
	Site   string  `json:"site"`
	Checks []Check `json:"checks"`
}

// OK reports whether no check failed.
func (r Report) OK() bool { return r.Count(Failed) == 0 }

// Count returns how many checks ended so.
func (r Report) Count(o Outcome) int {
	n := 0
	for _, c := range r.Checks {
		if c.Outcome == o {
			n++
		}
	}
	return n
}

// check is one sentence and how it is tested.
type check struct {
	name    string
	scratch bool // it changes the site, or acts as a desktop or connector of it
	run     func(ctx context.Context, t *trial) error
}

// Run makes every check in turn. Its error says that the options are of no use;
// what the broker does wrong is in the report.
func Run(ctx context.Context, o Options) (Report, error) {
	if err := o.validate(); err != nil {
		return Report{}, err
	}
	t, err := newTrial(ctx, o)
	if err != nil {
		return Report{}, err
	}
	defer t.close()
	report := Report{URL: o.URL, Site: o.Site}
	for _, list := range [][]check{siteChecks(), relayChecks(), callChecks(), recordChecks()} {
		for _, c := range list {
			if ctx.Err() != nil {
				return report, ctx.Err()
			}
			report.Checks = append(report.Checks, t.try(ctx, c))
		}
	}
	return report, nil
}

func (t *trial) try(ctx context.Context, c check) Check {
	if c.scratch && !t.o.Scratch {
		return Check{Name: c.name, Outcome: Skipped, Reason: "it changes the site; allow that with --scratch"}
	}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	began := time.Now()
	err := c.run(ctx, t)
	done := Check{Name: c.name, Outcome: Passed, Took: site.Duration(time.Since(began).Round(time.Millisecond))}
	if err != nil {
		done.Outcome, done.Reason = Failed, err.Error()
	}
	return done
}

// trial is what the checks share.
type trial struct {
	o         Options
	admin     *cloud.Client
	nobody    *cloud.Client
	stranger  *cloud.Client
	connector *cloud.Client // as the first connector of the site
	second    *cloud.Client // as the second of the same zone; scratch only
	published cloud.Published
	self      site.Connector
}

// newTrial learns the site, or puts the suite's own in its place.
func newTrial(ctx context.Context, o Options) (*trial, error) {
	t := &trial{o: o}
	var err error
	if t.admin, err = t.client(o.Admin, site.Connector{}); err != nil {
		return nil, err
	}
	if o.Scratch {
		if _, err := t.admin.PutSite(ctx, scratchSite(o.Site), site.Version{}); err != nil {
			return nil, fmt.Errorf("contract: put the suite's own site in place: %w", err)
		}
	}
	if t.published, err = t.admin.Site(ctx); err != nil {
		return nil, fmt.Errorf("contract: %w", err)
	}
	if t.published.Site == nil || len(t.published.Site.Connectors) == 0 {
		return nil, errors.New("contract: the site has no connectors")
	}
	return t, t.clients()
}

func (t *trial) clients() (err error) {
	t.self = t.published.Site.Connectors[0]
	if t.connector, err = t.client(t.o.Connector, t.self); err != nil {
		return err
	}
	if t.second, err = t.client(t.o.Connector, t.published.Site.Connectors[len(t.published.Site.Connectors)-1]); err != nil {
		return err
	}
	if t.nobody, err = t.client("", t.self); err != nil {
		return err
	}
	t.stranger, err = t.client("not-a-token-of-this-broker", t.self)
	return err
}

func (t *trial) client(token string, as site.Connector) (*cloud.Client, error) {
	return cloud.New(cloud.Options{
		Env: t.o.Env, URL: t.o.URL, Site: t.o.Site, Connector: as.FQDN, Zone: as.Zone, Token: env.Always(token), TLS: env.Fixed(t.o.TLS),
	})
}

func (t *trial) close() {
	for _, c := range []*cloud.Client{t.admin, t.connector, t.second, t.nobody, t.stranger} {
		if c != nil {
			c.Close()
		}
	}
}
