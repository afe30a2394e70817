package broker

import (
	"math"
	"strings"
	"time"

	"understudy/site"
)

// fullLoad is the load of a machine that takes no more.
const fullLoad = 10000

// host is a registered machine. There may be a hundred thousand, so it has only what
// each of them needs, and numbers instead of what the site says.
type host struct {
	key     LeaseKey
	seen    uint32 // the moment of its last sign of life, as moment.seen keeps it
	machine int32  // in the index
	pool    int32

	// What a pool is ordered by is as of the latest place.
	index int32 // the load index
	slot  int32 // in its pool
	due   int32 // in the queue of leases

	load     uint16
	capacity uint16 // what the host itself takes
	expires  moment
	checked  moment // when to look at expires: not after it
	pass     uint64 // how far it is in its turns, by round-robin
	stamp
	callback callback
	details  *details
}

// details are what a host has once something has happened on it.
type details struct {
	// lease is its text, where the key does not tell it.
	lease    string
	sessions map[string]*session
	atLoad   int       // sessions when the load was reported
	count    int       // of sessions, as of the latest place
	turn     uint64    // when it was last chosen, so that ties rotate
	asked    time.Time // for a reset
	// nextReport is the lowest number of a session report that is not a repetition.
	nextReport uint64
	reported   []Record // of the latest report
	// aside is set after a prepare that failed.
	aside aside
}

// own are the host's details, to be changed.
func (h *host) own() *details {
	if h.details == nil {
		h.details = &details{}
	}
	return h.details
}

// seldom are the host's details, to be read.
func (h *host) seldom() details {
	if h.details == nil {
		return details{}
	}
	return *h.details
}

func (h *host) sessions() map[string]*session {
	if h.details == nil {
		return nil
	}
	return h.details.sessions
}

// keep adds a session to those of the host.
func (h *host) keep(s *session) {
	d := h.own()
	if d.sessions == nil {
		d.sessions = map[string]*session{}
	}
	d.sessions[s.ID] = s
}

func (h *host) aside() aside {
	if h.details == nil {
		return aside{}
	}
	return h.details.aside
}

func (h *host) turn() uint64 {
	if h.details == nil {
		return 0
	}
	return h.details.turn
}

func (h *host) count() int {
	if h.details == nil {
		return 0
	}
	return h.details.count
}

// setLease takes the lease's text where its key does not tell it.
func (h *host) setLease(key LeaseKey, text string) {
	h.key = key
	if text != "" || h.details != nil {
		h.own().lease = strings.Clone(text)
	}
}

func (h *host) lease() string {
	if h.details != nil && h.details.lease != "" {
		return h.details.lease
	}
	return h.key.text()
}

func (h *host) setLoad(load, sessions int) {
	h.load = within16(load)
	if sessions != 0 || h.details != nil {
		h.own().atLoad = sessions
	}
}

// importSeldom takes over what a copy has of the details.
func (h *host) importSeldom(i *Item) {
	if h.details == nil && i.NextReport == 0 && i.Turn == 0 && i.Reported == nil {
		return
	}
	d := h.own()
	d.nextReport, d.reported, d.turn = i.NextReport, i.Reported, i.Turn
}

// within16 bounds what is never more than fullLoad, where nobody errs.
func within16(n int) uint16 { return uint16(min(max(0, n), math.MaxUint16)) }

// limit is how many sessions the host takes: one, unless its group shares hosts.
func (e *Engine) limit(h *host) int {
	if e.group(h).Kind != site.MultiSession {
		return 1
	}
	return min(e.machine(h).Capacity, int(h.capacity))
}

// live reports whether a user has a session there, beyond mere reservations.
func (h *host) live() bool { return h.user().ID != "" }

// user returns a session that somebody has connected to, if there is one; a pooled
// desktop has no second one.
func (h *host) user() Session {
	for _, s := range h.sessions() {
		if s.State != Reserved {
			return s.Session
		}
	}
	return Session{}
}

// loadIndex is the share of sessions or the reported load with what came since,
// whichever is more; a machine of twice the weight counts half as loaded.
func (e *Engine) loadIndex(h *host) int32 {
	n, limit := len(h.sessions()), e.limit(h)
	more := 0
	if n > 0 {
		more = max(0, n-h.details.atLoad)
	}
	most := max(n*fullLoad/limit, int(h.load)+more*fullLoad/limit)
	return int32(min(most*100/e.machine(h).Weight, math.MaxInt32))
}

// place queues the host where its load belongs, or takes it out of its pool when
// it is not to be given to just anybody. Every change of a host ends here.
func (e *Engine) place(h *host) {
	p := e.pools[h.pool]
	e.touched(h)
	h.index = e.loadIndex(h)
	if h.details != nil {
		h.details.count = len(h.details.sessions)
	}
	if e.room(h) && e.owner(e.machine(h)) == "" && !h.aside().now() {
		e.queue(p, h)
	} else {
		p.hosts.drop(e.number(h))
	}
	if e.awaitsReset(h) {
		e.unclean[h] = true
	} else {
		delete(e.unclean, h)
	}
}

// room reports whether the host takes one more session of anybody who may have it.
func (e *Engine) room(h *host) bool {
	return !e.maintenance(h) && len(h.sessions()) < e.limit(h) && (h.load < fullLoad || e.group(h).Kind != site.MultiSession)
}

// maintenance reports whether the host takes no new session: an administrator
// said so, or it is a used desktop that may not be handed out again (LHC-34).
func (e *Engine) maintenance(h *host) bool {
	m, g := e.machine(h), e.group(h)
	return m.Maintenance || g.Kind == site.Pooled && e.used[m.Name] && !e.reuse(g)
}

// reuse reports whether used desktops of the group may be handed out: in HA mode,
// when both the site and the group allow it (LHC-34).
func (e *Engine) reuse(g *site.DeliveryGroup) bool {
	return g.Kind != site.Pooled || e.o.HA && e.index.Site().ReuseInOutage && g.ReuseInOutage
}

// awaitsReset reports whether only a reset makes the host useful again.
func (e *Engine) awaitsReset(h *host) bool {
	return !e.o.HA && e.group(h).Kind == site.Pooled && e.used[e.machine(h).Name] && len(h.sessions()) == 0
}

// drop forgets a registration and its sessions.
func (e *Engine) drop(h *host, reason string) Record {
	r := e.record(h, Dropped)
	r.Reason = reason
	for _, s := range h.sessions() {
		e.end(s)
	}
	e.changes.gone(h, &ended{what: Item{Kind: ItemHostEnded, Machine: r.Machine}})
	e.leavePool(h)
	e.pools[h.pool].registered--
	e.leases.drop(e.number(h))
	if h.aside().slot > 0 {
		e.asides.drop(e.number(h))
	}
	delete(e.unclean, h)
	e.byLease.remove(e.number(h))
	e.hosts.remove(h)
	return r
}

func (e *Engine) record(h *host, kind RecordKind) Record {
	m := e.machine(h)
	return Record{Kind: kind, Machine: m.Name, Zone: m.Zone, Group: m.Group}
}
