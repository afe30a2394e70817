package broker

import (
	"time"

	"understudy/site"
)

// fullLoad is the load of a machine that takes no more.
const fullLoad = 10000

// host is a registered machine.
type host struct {
	stamp
	machine  site.Machine
	group    site.DeliveryGroup
	lease    string
	callback string
	capacity int // what the host itself takes
	load     int
	atLoad   int // sessions when the load was reported
	sessions map[string]*session
	seen     time.Time
	expires  time.Time
	checked  time.Time // when to look at expires: not after it
	asked    time.Time // for a reset
	// nextReport is the lowest number of a session report that is not a repetition.
	nextReport uint64
	reported   []Record // of the latest report

	// aside is set after a prepare that failed.
	aside aside

	// What a pool is ordered by; index and count are as of the latest place.
	index int    // the load index
	count int    // of sessions
	turn  uint64 // when it was last chosen, so that ties rotate
	pass  uint64 // how far it is in its turns, by round-robin
	slot  int    // in its pool
	due   int    // in the queue of leases
}

func (h *host) pool() poolKey { return poolKey{h.machine.Group, h.machine.Zone} }

// limit is how many sessions the host takes: one, unless its group shares hosts.
func (h *host) limit() int {
	if h.group.Kind != site.MultiSession {
		return 1
	}
	return min(h.machine.Capacity, h.capacity)
}

// live reports whether a user has a session there, beyond mere reservations.
func (h *host) live() bool { return h.user().ID != "" }

// user returns a session that somebody has connected to, if there is one; a pooled
// desktop has no second one.
func (h *host) user() Session {
	for _, s := range h.sessions {
		if s.State != Reserved {
			return s.Session
		}
	}
	return Session{}
}

// loadIndex is the share of sessions or the reported load with what came since,
// whichever is more; a machine of twice the weight counts half as loaded.
func (h *host) loadIndex() int {
	share := len(h.sessions) * fullLoad / h.limit()
	reported := h.load + max(0, len(h.sessions)-h.atLoad)*fullLoad/h.limit()
	return max(share, reported) * 100 / h.machine.Weight
}

// place queues the host where its load belongs, or takes it out of its pool when
// it is not to be given to just anybody. Every change of a host ends here.
func (e *Engine) place(h *host) {
	p := e.pools[h.pool()]
	if p == nil {
		p = newPool(h.group.Balancing())
		e.pools[h.pool()] = p
	}
	e.touched(h)
	h.index, h.count = h.loadIndex(), len(h.sessions)
	if e.room(h) && e.owner(h.machine) == "" && !h.aside.now() {
		p.admit(h)
	} else {
		p.hosts.drop(h)
	}
	if e.awaitsReset(h) {
		e.unclean[h] = true
	} else {
		delete(e.unclean, h)
	}
}

// room reports whether the host takes one more session of anybody who may have it.
func (e *Engine) room(h *host) bool {
	return !e.maintenance(h) && len(h.sessions) < h.limit() && (h.load < fullLoad || h.group.Kind != site.MultiSession)
}

// maintenance reports whether the host takes no new session: an administrator
// said so, or it is a used desktop that may not be handed out again (LHC-34).
func (e *Engine) maintenance(h *host) bool {
	return h.machine.Maintenance || h.group.Kind == site.Pooled && e.used[h.machine.Name] && !e.reuse(h.group)
}

// reuse reports whether used desktops of the group may be handed out: in HA mode,
// when both the site and the group allow it (LHC-34).
func (e *Engine) reuse(g site.DeliveryGroup) bool {
	return g.Kind != site.Pooled || e.o.HA && e.index.Site().ReuseInOutage && g.ReuseInOutage
}

// awaitsReset reports whether only a reset makes the host useful again.
func (e *Engine) awaitsReset(h *host) bool {
	return !e.o.HA && h.group.Kind == site.Pooled && e.used[h.machine.Name] && len(h.sessions) == 0
}

// drop forgets a registration and its sessions.
func (e *Engine) drop(h *host, reason string) Record {
	for _, s := range h.sessions {
		e.end(s)
	}
	e.changes.gone(h, &ended{what: Item{Kind: ItemHostEnded, Machine: h.machine.Name}})
	e.leavePool(h)
	e.leases.drop(h)
	e.asides.drop(h)
	delete(e.unclean, h)
	delete(e.byLease, h.lease)
	delete(e.hosts, h.machine.Name)
	r := h.record(Dropped)
	r.Reason = reason
	return r
}

func (h *host) record(kind RecordKind) Record {
	return Record{Kind: kind, Machine: h.machine.Name, Zone: h.machine.Zone, Group: h.machine.Group}
}
