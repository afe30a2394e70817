package desktop

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/env"
	"understudy/site"
	"understudy/trust"
)

// Machine is one desktop host that the process is the agent of.
type Machine struct {
	Name site.FQDN
	// Capacity is how many sessions it takes; 0 means 1.
	Capacity int
}

// Options say what an Agent is the agent of, and what it takes from the world.
type Options struct {
	Env env.Env
	// Machines is one, or any number of simulated ones.
	Machines []Machine
	Zone     string
	// Data is the folder in which the machines remember; several each have a folder
	// of their own in it.
	Data string
	// Connectors are base URLs in groups: one group after the other, at random
	// within each.
	Connectors [][]string
	// Listen is the address that brokers call.
	Listen string
	// Callback is the base URL under which they reach it. Empty means the machine's
	// own name, or the listener's address where machines are simulated.
	Callback string
	// Simulate gives every machine a path of its own and the simulation paths.
	Simulate bool
	// Connect lets simulated users connect so long after a prepare; zero leaves it
	// to the simulation paths.
	Connect time.Duration
	// Provider makes a machine's provider; nil means simulated ones.
	Provider func(site.FQDN) Provider
	Version  string
	// Timeout bounds one request to a connector.
	Timeout time.Duration
	// NoSync leaves out the fsyncs of the state.
	NoSync bool
	// Trust holds what of the two below comes from files that may change; nil where
	// nothing does.
	Trust     *trust.Store
	ServerTLS *tls.Config
	ClientTLS env.TLS
	// Transport replaces the one made of Env and ClientTLS.
	Transport http.RoundTripper
	Logger    logrus.FieldLogger
}

// DefaultTimeout is longer than a connector waits for the cloud broker.
const DefaultTimeout = 12 * time.Second

func (o Options) validate() error {
	errs := []error{o.Env.Validate()}
	for name, missing := range map[string]bool{
		"Machines": len(o.Machines) == 0, "Zone": o.Zone == "", "Data": o.Data == "", "Listen": o.Listen == "",
		"Logger": o.Logger == nil,
	} {
		if missing {
			errs = append(errs, fmt.Errorf("desktop: %s is missing", name))
		}
	}
	if len(o.Machines) > 1 && !o.Simulate {
		errs = append(errs, errors.New("desktop: Machines: only simulated machines can share a process"))
	}
	return errors.Join(append(errs, o.validateMachines(), o.validateConnectors())...)
}

func (o Options) validateMachines() error {
	var errs []error
	seen := map[site.FQDN]bool{}
	for i, m := range o.Machines {
		if _, err := site.ParseFQDN(string(m.Name)); err != nil {
			errs = append(errs, fmt.Errorf("desktop: Machines[%d]: %w", i, err))
		}
		if seen[m.Name] {
			errs = append(errs, fmt.Errorf("desktop: Machines[%d]: %s is there twice", i, m.Name))
		}
		seen[m.Name] = true
	}
	return errors.Join(errs...)
}

func (o Options) validateConnectors() error {
	var errs []error
	count := 0
	for i, group := range o.Connectors {
		for j, address := range group {
			count++
			if scheme(address) == "" {
				errs = append(errs, fmt.Errorf("desktop: Connectors[%d][%d]: %q is not an http or https URL", i, j, address))
			}
		}
	}
	if count == 0 {
		errs = append(errs, errors.New("desktop: Connectors is missing"))
	}
	return errors.Join(errs...)
}

func (o Options) withDefaults() Options {
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Provider == nil {
		o.Provider = func(name site.FQDN) Provider {
			return &Simulated{Machine: name, Connect: o.Connect, Rand: o.Env.Rand("desktop boot " + string(name))}
		}
	}
	if o.Transport == nil {
		o.Transport = env.Alive(o.Env.Transport(o.ClientTLS))
	}
	return o
}
