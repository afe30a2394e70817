// Package load puts a real zone under load: thousands of desktops and users in one
// process, which speak to real connectors as real ones do. It tells how fast
// desktops register and launches are answered, phase by phase of an outage, and
// writes that down as JSON and as a chart. It starts and stops nothing of the zone.
package load

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"understudy/env"
	"understudy/site"
)

// Options say who is simulated, and how much they do.
type Options struct {
	Env env.Env
	// Connectors are the client URLs of the zone.
	Connectors []string
	Zone       string
	// Machines are the desktops; each must be one of the zone's in the site.
	Machines []Machine
	// Users take turns at launching.
	Users []string
	// Rate is how many users arrive in a second, at random moments.
	Rate float64
	// Think is how long a user stays on average.
	Think time.Duration
	// Disconnects is the share of users, 0 to 1, who leave without logging off.
	Disconnects float64
	// Mix weighs resources by their ids; one that it does not name has weight 1
	// where the mix is empty, else none.
	Mix map[string]float64
	// Duration ends the run; 0 means until the context ends.
	Duration time.Duration
	// Ramp spreads the first registrations.
	Ramp time.Duration
	Seed uint64
	// Listen is where the desktops are called; Callback the base URL that they say,
	// where it is another.
	Listen, Callback string
	// Workers bounds the requests of desktops that are in flight.
	Workers int
	// Key, when set, is shown by the users' front end.
	Key string
	// TLS is for connections to the connectors; with a certificate, desktops are
	// called by TLS too.
	TLS *tls.Config
	// Identity, if set, gives each desktop a certificate of its own, which it shows in
	// connections of its own, and by which it is called at its own name.
	Identity func(site.FQDN) *tls.Certificate
	// KeepLeases leaves the desktops registered at the end.
	KeepLeases bool
	// Progress gets a line each Every.
	Progress io.Writer
	Every    time.Duration
	// OnEpoch hears of each change of who serves. It must not block.
	OnEpoch func(Epoch)
}

// Machine is one desktop to simulate.
type Machine struct {
	Name     site.FQDN
	Capacity int
}

// Defaults of a run.
const (
	DefaultRate    = 10.0
	DefaultThink   = 30 * time.Second
	DefaultEvery   = 2 * time.Second
	DefaultWorkers = 128
	DefaultListen  = "127.0.0.1:0"
)

func (o Options) validate() error {
	errs := []error{o.Env.Validate()}
	for _, c := range []struct {
		wrong bool
		text  string
	}{
		{len(o.Connectors) == 0, "load: Connectors names none"},
		{o.Zone == "", "load: Zone is missing"},
		{len(o.Machines) == 0, "load: Machines names none"},
		{o.Rate < 0, "load: Rate is less than nothing"},
		{o.Rate > 0 && len(o.Users) == 0, "load: Users names none, and somebody is to arrive"},
		{o.Disconnects < 0 || o.Disconnects > 1, "load: Disconnects is not within 0 to 1"},
		{o.Think < 0 || o.Duration < 0 || o.Ramp < 0 || o.Every < 0, "load: a duration is less than nothing"},
		{o.Workers < 0, "load: Workers is less than nothing"},
	} {
		if c.wrong {
			errs = append(errs, errors.New(c.text))
		}
	}
	if fault := site.URLFault(o.Callback); o.Callback != "" && fault != "" {
		errs = append(errs, fmt.Errorf("load: Callback: %s", fault))
	}
	for _, c := range o.Connectors {
		if fault := site.URLFault(c); fault != "" {
			errs = append(errs, fmt.Errorf("load: Connectors: %s", fault))
		}
	}
	return errors.Join(errs...)
}

func (o Options) withDefaults() Options {
	o.Every = or(o.Every, DefaultEvery)
	o.Workers = or(o.Workers, DefaultWorkers)
	o.Listen = or(o.Listen, DefaultListen)
	o.Think = or(o.Think, DefaultThink)
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	if o.OnEpoch == nil {
		o.OnEpoch = func(Epoch) {}
	}
	return o
}

func or[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}

// callbackBase is the base URL under which desktops are called.
func (o Options) callbackBase(bound string) string {
	if o.Callback != "" {
		return o.Callback
	}
	u := url.URL{Scheme: "http", Host: bound}
	if o.servesTLS() {
		u.Scheme = "https"
	}
	return u.String()
}

func (o Options) servesTLS() bool {
	return o.TLS != nil && (len(o.TLS.Certificates) > 0 || o.Identity != nil)
}
