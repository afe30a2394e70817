package sim

import (
	"fmt"
	"slices"
	"time"

	"understudy/broker"
	"understudy/env"
	"understudy/site"
	"understudy/wire"
	"understudy/zone"
)

// mend ends all faults and starts what is down, one after the other.
func (r *run) mend() {
	r.agenda.clear()
	r.trace.add("plan", "everything is mended")
	r.disturb(0)
	r.net.calm(func(way) bool { return true })
	r.cloud.set(func(m *misbehaviour) { m.slow, m.errors, m.garbage = 0, 0, 0 })
	const gap = 2 * time.Millisecond
	names, begin := r.names(), time.Now()
	for i, name := range names {
		at := begin.Add(time.Duration(i)*gap + r.odd("mend", uint64(i), gap))
		r.agenda.add(at, func() { r.mendOne(name) })
	}
	r.drive(time.Duration(len(names)+1) * gap)
}

func (r *run) mendOne(name string) {
	r.disturb(0)
	r.net.mu.Lock()
	l := r.hosts[name].life
	r.net.mu.Unlock()
	if l != nil {
		l.wake()
	}
	if name != cloudName || !r.plan.Shape.CloudAway {
		r.bringUp(name)
	} else {
		_ = r.leave(Fault{Who: name}) // nor does a restart that is under way bring it back
	}
}

// names are all hosts, in order.
func (r *run) names() []string {
	var names []string
	for name := range r.hosts {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// settle waits until the site is as it must be in the end.
func (r *run) settle() {
	why := r.whyNotNormal
	if r.plan.Shape.CloudAway {
		why = r.whyNotServing
	}
	began := time.Now()
	if err := r.await("liveness", r.bound(), func() string { r.clearForces(); r.restore(); return why() }); err != nil {
		r.watch.broken(ruleLiveness, err.Error())
		return
	}
	if err := r.await("hand-back", r.bound(), r.whyNotHandedBack); err != nil {
		r.watch.broken(ruleHandback, err.Error())
		return
	}
	r.trace.add("plan", fmt.Sprintf("the site is well after %s", time.Since(began)))
	r.lastLaunch()
	if r.plan.Seed%4 == 0 {
		r.drive(r.watch.settings().PreemptAfter.D() + 3*r.watch.slack()) // whoever ranks first comes back
	}
}

// bound is how long everything may take after the faults.
func (r *run) bound() time.Duration {
	s := r.plan.Shape.Settings.WithDefaults()
	away := 2*s.DetectionMax.D() + s.Detection.D() + 2*s.ReservationLife.D()
	if r.plan.Shape.CloudAway {
		return away + 2*s.VDAInterval.D() + time.Minute
	}
	return away + s.InitialHA.D() + 2*max(s.Recovery.D(), s.RecoveryMax.D()) + 3*s.VDAInterval.D() + 2*time.Minute
}

// clearForces gives an operator's last order.
func (r *run) clearForces() {
	for _, z := range r.world.Zones() {
		for _, c := range r.connectorsOf(z) {
			a := r.world.Agent(c)
			if a == nil || r.isDown(string(c)) || !a.Observe().Record.Forced() || !r.beginClear(z) {
				continue
			}
			r.watch.gaveOrder(z)
			r.task(func() {
				answer, err := a.Outage(r.ctx, wire.OutageOrder{Action: "clear", Reason: "the end", By: "plan"})
				r.watch.orderDone(z, false, err == nil, answer.Record.Number)
				r.trace.add(string(c), fmt.Sprintf("the last clear: %v", err))
				_ = env.Sleep(r.ctx, 5*time.Second)
				r.mu.Lock()
				defer r.mu.Unlock()
				r.clearing[z] = false
			})
			break
		}
	}
}

// beginClear reports whether no order is under way in the zone.
func (r *run) beginClear(zone string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	under := r.clearing[zone]
	r.clearing[zone] = true
	return !under
}

func (r *run) connectorsOf(zone string) []site.FQDN {
	var names []site.FQDN
	for _, c := range r.world.Connectors() {
		if c.Zone == zone {
			names = append(names, c.FQDN)
		}
	}
	return names
}

// whyNotNormal says what is missing from an ordinary day.
func (r *run) whyNotNormal() string {
	for _, c := range r.world.Connectors() {
		if r.isGone(c.FQDN) {
			continue
		}
		if r.isDown(string(c.FQDN)) {
			return string(c.FQDN) + " is down"
		}
		o := r.world.Agent(c.FQDN).Observe()
		st := r.world.Agent(c.FQDN).Status()
		switch {
		case o.Starting || o.State != zone.Normal:
			return fmt.Sprintf("%s is in %s (%s; %s)", c.FQDN, o.State, st.Reason, st.Waiting)
		case o.Snapshot.IsZero():
			return string(c.FQDN) + " has no snapshot"
		case !st.Health.Healthy:
			return fmt.Sprintf("%s is not healthy: %s", c.FQDN, st.Health.Reason)
		}
	}
	return r.whyNotRegistered()
}

// whyNotRegistered says which desktop the cloud broker does not have, by the lease that
// this holds. Where an answer was late it may have another one: what somebody had given
// up waiting for came after what was asked next. The next heartbeat mends that.
func (r *run) whyNotRegistered() string {
	if r.isDown(cloudName) {
		return "the cloud broker is down"
	}
	return r.otherLease("", "the cloud broker", leasesOf(r.world.Server().Registrations()))
}

func leasesOf(list []broker.RegistrationInfo) map[site.FQDN]string {
	leases := map[site.FQDN]string{}
	for _, r := range list {
		leases[r.Machine] = r.Lease
	}
	return leases
}

// otherLease says which desktop of a zone, or of any, has another lease than a broker has
// of it.
func (r *run) otherLease(zone, of string, leases map[site.FQDN]string) string {
	for _, m := range r.first.Machines {
		switch h, _ := r.world.Desktop(string(m.Name)).Holding(m.Name); {
		case zone != "" && m.Zone != zone:
		case r.isDown(string(m.Name)):
			return string(m.Name) + " is down"
		case leases[m.Name] == "" || leases[m.Name] != h.Lease:
			return fmt.Sprintf("%s has lease %.8s, and %s has %.8s of it", m.Name, h.Lease, of, leases[m.Name])
		}
	}
	return ""
}

// whyNotServing says what is missing from an ordinary outage. Desktops of the half of a
// split zone whose broker gave up come with their next heartbeat.
func (r *run) whyNotServing() string {
	for _, z := range r.world.Zones() {
		if why := r.whyNotServed(z); why != "" {
			return why
		}
	}
	return ""
}

func (r *run) whyNotServed(zone string) string {
	var serving []site.FQDN
	for _, c := range r.connectorsOf(zone) {
		if r.isGone(c) {
			continue
		}
		if r.isDown(string(c)) {
			return string(c) + " is down"
		}
		a := r.world.Agent(c)
		if o := a.Observe(); !o.State.HA() {
			return fmt.Sprintf("%s is in %s (%s)", c, o.State, a.Status().Waiting)
		} else if o.Accepts {
			serving = append(serving, c)
		}
	}
	if len(serving) != 1 {
		return fmt.Sprintf("in %s %d serve", zone, len(serving))
	}
	return r.otherLease(zone, string(serving[0]), leasesOf(r.world.Agent(serving[0]).Leased()))
}
