package broker

import (
	"crypto/subtle"
	"slices"
	"time"

	"understudy/site"
)

// Register gives a machine a lease with the given id, and takes over its sessions
// (LHC-31). A lease that the machine had before is gone.
func (e *Engine) Register(now time.Time, lease string, r Registration) (Lease, []Record, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sweep(now)
	number, err := e.admit(r)
	if err != nil {
		return Lease{}, nil, err
	}
	m := e.index.MachineAt(number)
	e.observe(m.Zone, r.Term)
	key, text := keyOf(lease)
	h := e.enrol(number, key, text)
	h.callback, h.capacity = e.callbackOf(r.Callback, m.Name), within16(max(1, r.Capacity))
	e.comeBack(h)
	e.replace(now, h, e.handedOver(h, r.Sessions), false)
	records := append([]Record{e.record(h, Registered)}, e.told(now, h, r.Load, r.Used, r.AssignedUser)...)
	return e.grant(h, lease), records, nil
}

// handedOver are the sessions that a host brings along. With failover disabled
// another broker's reservations are not among them (ADC-01).
func (e *Engine) handedOver(h *host, list []Session) []Session {
	if e.group(h).FailoverMode() != site.Disabled {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(s Session) bool { return s.State == Reserved && h.sessions()[s.ID] == nil })
}

// admit checks a registration against the site (LHC-33); it returns the machine's number.
func (e *Engine) admit(r Registration) (int32, error) {
	number, ok := e.index.Number(r.Machine)
	if !ok {
		return 0, refuse(CodeUnknownMachine, "machine %s is not in the site", r.Machine)
	}
	if m := e.index.MachineAt(number); m.Zone != r.Zone || e.o.Zone != "" && m.Zone != e.o.Zone {
		err := refuse(CodeNotInZone, "machine %s belongs to zone %s", r.Machine, m.Zone)
		err.Zones = []string{m.Zone}
		return 0, err
	}
	return number, nil
}

// enrol finds or makes the host and gives it the new lease.
func (e *Engine) enrol(machine int32, key LeaseKey, text string) *host {
	h := e.hosts.of(machine)
	if h == nil {
		h = e.hosts.add(machine)
		h.pool = e.poolFor(e.machine(h))
		e.pools[h.pool].registered++
	} else {
		e.byLease.remove(e.number(h))
	}
	h.setLease(key, text)
	e.byLease.put(e.number(h))
	if d := h.details; d != nil {
		d.nextReport, d.asked = 0, time.Time{}
	}
	return h
}

// Heartbeat keeps a lease.
func (e *Engine) Heartbeat(now time.Time, lease string, b Heartbeat) (Lease, []Record, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sweep(now)
	h, err := e.holder(lease)
	if err != nil {
		return Lease{}, nil, err
	}
	e.observe(e.machine(h).Zone, b.Term)
	if b.Sessions != nil {
		e.replace(now, h, e.handedOver(h, *b.Sessions), true)
	}
	e.alive(h)
	records := e.told(now, h, b.Load, b.Used, b.AssignedUser)
	return e.grant(h, lease), records, nil
}

// told takes over what registrations and heartbeats have in common, and keeps the
// lease for another lifetime.
func (e *Engine) told(now time.Time, h *host, load int, used bool, assigned string) []Record {
	h.setLoad(load, len(h.sessions()))
	h.seen = e.at(now).seen()
	e.lease(h, e.at(now)+moment(e.pools[h.pool].lifetime))
	records := append(e.mark(h, used, h.user()), e.claimed(h, assigned)...)
	e.place(h)
	return records
}

// Lookup returns a lease without keeping it alive.
func (e *Engine) Lookup(now time.Time, lease string) (Lease, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sweep(now)
	h, err := e.holder(lease)
	if err != nil {
		return Lease{}, err
	}
	return e.grant(h, lease), nil
}

// Unregister ends a lease.
func (e *Engine) Unregister(now time.Time, lease string) ([]Record, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sweep(now)
	h, err := e.holder(lease)
	if err != nil {
		return nil, err
	}
	return []Record{e.drop(h, "the machine unregistered")}, nil
}

func (e *Engine) holder(lease string) (*host, error) {
	key, _ := keyOf(lease)
	n := e.byLease.host(&key)
	if n == 0 || subtle.ConstantTimeCompare([]byte(e.hosts.at(n).lease()), []byte(lease)) == 0 {
		return nil, refuse(CodeLeaseUnknown, "this broker has no such lease")
	}
	return e.hosts.at(n), nil
}

// grant says what the lease of that text holds. Only the site's owner is named: whom a machine
// got in an outage is for the machine to remember until the site says so, or a
// zone that was split could give it away twice (LHC-25).
func (e *Engine) grant(h *host, lease string) Lease {
	m, p := e.machine(h), e.pools[h.pool]
	return Lease{
		ID: lease, Machine: m.Name, Zone: m.Zone, Broker: e.o.Broker, Term: e.terms[m.Zone],
		Interval: p.interval, Lifetime: p.lifetime, AssignedUser: m.AssignedUser,
	}
}
