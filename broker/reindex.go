package broker

import (
	"cmp"
	"slices"

	"understudy/site"
)

// SetIndex goes on with another version of the site. Machines that are no longer
// in it, or moved, lose their registration; Expire returns the records.
func (e *Engine) SetIndex(index *site.Index) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for name := range e.owners {
		if m, ok := index.Machine(name); !ok || m.AssignedUser != "" {
			e.disown(name)
		}
	}
	staying := e.dropMoved(index)
	e.leaveGroups(staying)
	e.renumber(staying, index)
	e.index = index
	e.keepPools()
	for _, h := range staying {
		e.reindex(h)
	}
}

// dropMoved returns the hosts that stay in their zones, by name, and drops the others.
func (e *Engine) dropMoved(index *site.Index) []*host {
	list := slices.SortedFunc(e.hosts.all(), func(a, b *host) int { return cmp.Compare(e.machine(a).Name, e.machine(b).Name) })
	return slices.DeleteFunc(list, func(h *host) bool {
		m, ok := index.Machine(e.machine(h).Name)
		gone := !ok || m.Zone != e.machine(h).Zone
		if gone {
			e.pending = append(e.pending, e.drop(h, "the machine is no longer in this zone of the site"))
		}
		return gone
	})
}

// leaveGroups takes the hosts out of their pools, and their sessions out of the counts
// of their groups.
func (e *Engine) leaveGroups(list []*host) {
	for _, p := range e.pools {
		p.hosts.clear()
		p.registered = 0
	}
	for _, h := range list {
		e.counted(e.machine(h).Group, -len(h.sessions()))
	}
}

// renumber makes the hosts those of their machines in another index.
func (e *Engine) renumber(list []*host, index *site.Index) {
	ofMachine := make([]hostNo, index.Machines())
	for _, h := range list {
		machine, _ := index.Number(e.machine(h).Name)
		ofMachine[machine], h.machine = e.number(h), machine
	}
	e.hosts.ofMachine = ofMachine
}

// keepPools keeps those whose policy is still the same; the hosts of the others go
// into new ones as each is placed.
func (e *Engine) keepPools() {
	old := e.pools
	e.pools, e.poolOf = nil, map[poolKey]int32{}
	for _, p := range old {
		if g, ok := e.index.Group(p.key.group); ok && g.Balancing() == p.balance {
			p.group, p.interval, p.lifetime = g, e.interval(p.key.zone), e.lifetime(p.key.zone)
			e.addPool(p)
		}
	}
}

func (e *Engine) reindex(h *host) {
	m := e.machine(h)
	e.counted(m.Group, len(h.sessions()))
	h.pool = e.poolFor(m)
	e.pools[h.pool].registered++
	for _, s := range h.sessions() {
		e.count(s)
	}
	if d := h.details; d != nil && e.group(h).FailoverMode() == site.Stateless {
		d.turn = 0
	}
	e.place(h)
}
