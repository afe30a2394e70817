package sim

import (
	"fmt"
	"time"

	"understudy/site"
	"understudy/wire"
)

// shrink publishes a site that lacks most of its machines, as a mistake does.
func (r *run) shrink(f Fault) error {
	return r.publish(func(s *site.Site) {
		s.Machines = r.first.Machines
		if f.N == 1 {
			s.Machines = s.Machines[:max(1, len(s.Machines)/3)]
		}
	})
}

// snapshotOrder gives an order about snapshots on a connector.
func (r *run) snapshotOrder(f Fault) error {
	if r.isDown(f.Who) {
		return errNotRunning
	}
	a, z := r.world.Agent(site.FQDN(f.Who)), r.watch.zoneOf(site.FQDN(f.Who))
	order := wire.SnapshotOrder{Action: wire.AcceptSnapshot, By: "plan"}
	if f.Kind == Rollback {
		order.Action = wire.RollbackSnapshot
	}
	if f.Kind == Accept {
		r.watch.lets(z)
	}
	r.task(func() {
		answer, err := a.OrderSnapshots(r.ctx, order)
		r.trace.add(f.Who, fmt.Sprintf("%s: version %s: %v", f.Kind, answer.Version, err))
	})
	return nil
}

// restoreEvery is how often an administrator tries to publish the whole site in the end.
const restoreEvery = 5 * time.Second

// restore publishes the whole site again where the plan has left it small.
func (r *run) restore() {
	server := r.world.Server()
	if r.isDown(cloudName) || len(server.Site().Machines) == len(r.first.Machines) || time.Since(r.restored) < restoreEvery {
		return
	}
	r.restored = time.Now()
	_ = r.shrink(Fault{}) // it says how that went
}

// lets takes in that an operator of a zone lets through what may be held back there.
func (w *watch) lets(zone string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for version := range w.shrunken {
		w.accepted[zone+" "+version] = true
	}
}
