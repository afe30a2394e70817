package cli

import (
	"context"

	"github.com/spf13/cobra"

	"understudy/config"
	"understudy/desktop"
)

func newDesktopCommand(a *app) *cobra.Command {
	return newServiceCommand("desktop --config FILE", "Run the desktop agent of a host, or simulated ones",
		"Runs the agent of a desktop host until it is stopped (SIGINT or SIGTERM): it registers with a connector of\n"+
			"the zone, keeps its lease and decides who may use the desktop. With `simulate: N` it plays N hosts.",
		func(_ context.Context, file string) (service, error) {
			c, err := loaded(config.LoadDesktop, file)
			if err != nil {
				return nil, err
			}
			o, err := a.desktopOptions(c)
			if err != nil {
				return nil, err
			}
			return desktop.New(o)
		})
}

func (a *app) desktopOptions(c *config.Desktop) (desktop.Options, error) {
	logger, err := a.logger(c.Log)
	if err != nil {
		return desktop.Options{}, err
	}
	o := desktop.Options{
		Env: a.env, Zone: c.Zone, Data: c.Data, Connectors: c.Connectors, Listen: c.Listen, Callback: c.Callback,
		Simulate: c.Simulate > 0, Connect: c.Provider.Connect.D(), Version: Version(), Logger: logger,
	}
	for _, m := range c.Hosts() {
		o.Machines = append(o.Machines, desktop.Machine{Name: m.Name, Capacity: m.Capacity})
	}
	if o.ServerTLS, err = c.TLS.Server(true); err != nil {
		return o, &configError{err}
	}
	if o.ClientTLS, err = c.TLS.Client(); err != nil {
		return o, &configError{err}
	}
	return o, nil
}
