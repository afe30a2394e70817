package cli

import (
	"context"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"understudy/config"
	"understudy/datadir"
	"understudy/desktop"
	"understudy/site"
	"understudy/trust"
)

func newDesktopCommand(a *app) *cobra.Command {
	return newServiceCommand(a, "desktop --config FILE", "Run the desktop agent of a host, or simulated ones",
		"Runs the agent of a desktop host until it is stopped (SIGINT or SIGTERM): it registers with a connector of\n"+
			"the zone, keeps its lease and decides who may use the desktop. With `simulate: N` it plays N hosts.",
		func(ctx context.Context, file string) (runner, error) {
			c, err := loaded(config.LoadDesktop, file)
			if err != nil {
				return nil, err
			}
			keeper, err := a.keeper(ctx, c.PKI, c.TLS, c.Hosts()[0].Name, c.Log)
			if err != nil {
				return nil, err
			}
			o, err := a.desktopOptions(c)
			if err != nil {
				return nil, err
			}
			s, err := desktop.New(o)
			if err != nil {
				return nil, err
			}
			return keeping(s, keeper), nil
		})
}

func (a *app) desktopOptions(c *config.Desktop) (desktop.Options, error) {
	logger, err := a.logger(c.Log)
	if err != nil {
		return desktop.Options{}, err
	}
	o := desktop.Options{
		Env: a.env, Zone: c.Zone, Data: c.Data, Connectors: c.Connectors, Listen: c.Listen, Callback: c.Callback,
		Simulate: c.Simulate > 0, Connect: c.Provider.Connect.D(), Version: Version(), Logger: logger, Trust: trust.New(a.env.Now),
	}
	for _, m := range c.Hosts() {
		o.Machines = append(o.Machines, desktop.Machine{Name: m.Name, Capacity: m.Capacity})
	}
	if o.Provider, err = provider(c.Provider, logger); err != nil {
		return o, err
	}
	for _, file := range exposedFiles(c.Exposed()) {
		logger.Warn(datadir.ExposedSecret(file))
	}
	if o.ServerTLS, err = c.TLS.Server(o.Trust, true); err != nil {
		return o, &configError{err}
	}
	if o.ClientTLS, err = c.TLS.Client(o.Trust); err != nil {
		return o, &configError{err}
	}
	return o, nil
}

// provider makes the provider of the kind that is named; none stands for simulated ones.
func provider(p config.Provider, logger logrus.FieldLogger) (func(site.FQDN) desktop.Provider, error) {
	o := desktop.CommandOptions{
		List: p.List, End: p.End, Disconnect: p.Disconnect, Prepare: p.Prepare, Reset: p.Reset, Every: p.Interval.D(), Timeout: p.Timeout.D(),
		Address: p.Address, Port: p.Port, Protocol: p.Protocol, Ignore: p.Ignore, Logger: logger,
	}
	switch p.Kind {
	case config.CommandProvider:
		return func(name site.FQDN) desktop.Provider { return desktop.NewCommand(name, o) }, nil
	case config.WindowsProvider:
		open, err := desktop.NewTerminals(o)
		if err != nil {
			return nil, &configError{err}
		}
		return func(name site.FQDN) desktop.Provider { return open(name) }, nil
	}
	return nil, nil
}
