package world

import (
	"context"
	"fmt"
	"time"

	"understudy/desktop"
	"understudy/site"
)

// connectAfter is when a simulated user's client has connected after a launch.
const connectAfter = 200 * time.Millisecond

// DesktopProcesses are the names of the processes in which desktops run.
func (w *World) DesktopProcesses() []string {
	if w.o.Desktop == nil {
		return []string{Desktops}
	}
	var names []string
	for _, zone := range w.Zones() {
		for _, m := range w.o.Site.Machines {
			if m.Zone == zone {
				names = append(names, string(m.Name))
			}
		}
	}
	return names
}

// StartDesktop starts one of the processes of desktops, with the folder that it had.
func (w *World) StartDesktop(ctx context.Context, name string) error {
	zone, machines := w.machinesOf(name)
	place := w.o.Place(name)
	o := desktop.Options{
		Env: place.Env(), Machines: machines, Zone: zone, Data: w.Dir(name), Connectors: [][]string{w.zoneURLs(zone)},
		Listen: "127.0.0.1:0", Simulate: true, Connect: connectAfter, Version: w.o.Version, Logger: w.o.Logger(name), NoSync: w.o.NoSync,
	}
	if w.o.Desktop != nil {
		address, provider := w.o.Desktop(site.FQDN(name))
		o.Listen, o.Provider = address, func(site.FQDN) desktop.Provider { return provider }
	}
	d, err := desktop.New(o)
	if err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	w.mu.Lock()
	w.desktops[name] = d
	w.mu.Unlock()
	w.run(ctx, name, place, d.Run)
	return nil
}

// KillDesktop ends a process of desktops as kill -9 does.
func (w *World) KillDesktop(name string) { w.kill(name) }

// machinesOf are the desktops of a process, all of one zone.
func (w *World) machinesOf(process string) (string, []desktop.Machine) {
	zone, alone := w.Zones()[0], w.o.Desktop != nil
	var machines []desktop.Machine
	for _, m := range w.o.Site.Machines {
		if alone && string(m.Name) != process || !alone && m.Zone != zone {
			continue
		}
		full, _ := w.index.Machine(m.Name)
		zone = m.Zone
		machines = append(machines, desktop.Machine{Name: m.Name, Capacity: full.Capacity})
	}
	return zone, machines
}

func (w *World) zoneURLs(zone string) []string {
	var urls []string
	for _, c := range w.index.Connectors(zone) {
		urls = append(urls, c.ClientURL)
	}
	return urls
}

// Desktop is a process of desktops that was started.
func (w *World) Desktop(name string) *desktop.Agent {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.desktops[name]
}
