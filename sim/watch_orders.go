package sim

import (
	"fmt"
	"time"

	"understudy/site"
)

// standing is the last order of a zone that was answered as carried out.
type standing struct {
	forced bool
	number uint64
	at     time.Time
}

// gaveOrder takes in that an operator has given an order: what stood before it need
// not stand any more.
func (w *watch) gaveOrder(zone string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.orders, zone)
	w.underWay[zone]++
}

// orderDone takes in the answer to one; done says that it was carried out.
func (w *watch) orderDone(zone string, forced, done bool, number uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.underWay[zone]--
	if delete(w.orders, zone); done && w.underWay[zone] == 0 {
		w.orders[zone] = standing{forced, number, time.Now()}
	}
}

// ordersStand (LHC-18): an order that was answered is not lost while no more than
// one connector at a time goes away and the zone is not split.
func (w *watch) ordersStand(v *view) {
	for _, z := range w.run.world.Zones() {
		w.mu.Lock()
		o, given := w.orders[z]
		w.mu.Unlock()
		s := w.zones[z]
		if !given || !w.whole(z, v) || v.now.Sub(o.at) < w.slack() {
			continue
		}
		if since := o.at.Add(-w.slack()); s.split.After(since) || s.double.After(since) {
			w.dropOrder(z)
			continue
		}
		for _, name := range s.up {
			w.orderStands(z, name, o, v)
		}
	}
}

func (w *watch) orderStands(z string, name site.FQDN, o standing, v *view) {
	r := v.connectors[name].Record
	switch {
	case r.Number < o.number:
		w.broken(ruleOrders, fmt.Sprintf("%s is at record %d in the steady zone %s, before the order that was answered with %d", name, r.Number, z, o.number))
	case r.Forced() != o.forced:
		w.broken(ruleOrders, fmt.Sprintf("forced is %t at %s in the steady zone %s, though the last order that was answered made it %t", r.Forced(), name, z, o.forced))
	}
}

func (w *watch) dropOrder(z string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.orders, z)
}
