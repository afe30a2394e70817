package broker

import (
	"cmp"
	"slices"

	"understudy/site"
)

// seatKey names a dynamic resource in a zone: a delivery group, or an application.
type seatKey struct{ kind, name, zone string }

// seat is the one host of a zone on which a dynamic resource is (VPN-03). A new engine
// knows only what hosts report: the resource is where most of its sessions are. Once
// it has moved, because its host failed, it stays where it went, also when another
// broker takes over.
type seat struct {
	stamp
	key      seatKey
	host     site.FQDN
	moved    bool
	sessions map[site.FQDN]int
}

// Seat names a dynamic resource of a zone as others keep a copy of it, and says whether
// it has moved.
type Seat struct {
	Kind, Name, Zone string
	Moved            bool
}

func groupSeat(group, zone string) seatKey { return seatKey{"group", group, zone} }

func (e *Engine) seat(key seatKey) *seat {
	if e.seats[key] == nil {
		e.seats[key] = &seat{key: key, sessions: map[site.FQDN]int{}}
	}
	return e.seats[key]
}

// seatsOf are those that a session of the resource on the host counts for.
func (e *Engine) seatsOf(h *host, resource string) []seatKey {
	var keys []seatKey
	if e.group(h).Dynamic {
		keys = append(keys, groupSeat(e.machine(h).Group, e.machine(h).Zone))
	}
	if r, ok := e.index.Resource(resource); ok && r.Dynamic && r.Kind == site.ApplicationResource {
		keys = append(keys, seatKey{r.Kind, r.ID, e.machine(h).Zone})
	}
	return keys
}

// count makes the session count for its seats, and for no others.
func (e *Engine) count(s *session) {
	e.uncount(s)
	s.seats = e.seatsOf(s.host, s.Resource)
	for _, key := range s.seats {
		e.seat(key).sessions[e.machine(s.host).Name]++
	}
}

func (e *Engine) uncount(s *session) {
	name := e.machine(s.host).Name
	for _, key := range s.seats {
		st := e.seat(key)
		if st.sessions[name]--; st.sessions[name] <= 0 {
			delete(st.sessions, name)
		}
	}
	s.seats = nil
}

// sit notes where a new session of a dynamic resource is.
func (e *Engine) sit(h *host, resource string) {
	for _, key := range e.seatsOf(h, resource) {
		if st := e.seat(key); st.host != e.machine(h).Name {
			st.moved, st.host = st.host != "", e.machine(h).Name
			e.changes.note(st)
		}
	}
}

// item is the seat on a host of which others get what is so.
func (st *seat) item(e *Engine, _ instant, i *Item) bool {
	*i = Item{Kind: ItemSeat, Machine: st.host, Seat: &Seat{Kind: st.key.kind, Name: st.key.name, Zone: st.key.zone, Moved: st.moved}}
	m, ok := e.index.Machine(st.host)
	g, known := e.index.Group(m.Group)
	return ok && known && g.FailoverMode() == site.Stateful
}

func (e *Engine) importSeat(host site.FQDN, s Seat) {
	if m, ok := e.index.Machine(host); !ok || m.Zone != e.o.Zone || s.Zone != e.o.Zone {
		return
	}
	st := e.seat(seatKey{s.Kind, s.Name, s.Zone})
	st.host, st.moved = host, s.Moved
	e.changes.note(st)
}

// seated is the host of a dynamic resource for a launch; nil where it has no room, its
// group, which is not among those below their limits, included, or where no host can
// take the resource.
func (e *Engine) seated(r LaunchRequest, key seatKey, below []string) *host {
	h := e.sitting(r, key)
	switch {
	case h == nil:
		return e.freshSeat(r, key, below)
	case !e.room(h), !slices.Contains(below, e.machine(h).Group):
		return nil
	}
	return h
}

// groupsOf are those on whose hosts a dynamic resource can be.
func (e *Engine) groupsOf(key seatKey) []string {
	if r, ok := e.index.Resource(key.name); ok && key.kind == site.ApplicationResource {
		return r.Groups
	}
	return []string{key.name}
}

// sitting is the host on which the resource is now, as far as that can serve.
func (e *Engine) sitting(r LaunchRequest, key seatKey) *host {
	st := e.seats[key]
	if st == nil {
		return nil
	}
	groups := e.groupsOf(key)
	serves := func(name site.FQDN) bool {
		h := e.host(name)
		return h != nil && h.aside().why == "" && !e.maintenance(h) && !r.Exclude[name] &&
			e.machine(h).Zone == key.zone && slices.Contains(groups, e.machine(h).Group)
	}
	best := st.host
	if !serves(best) {
		best = ""
	}
	if best == "" || !st.moved {
		for name, n := range st.sessions {
			if serves(name) && (best == "" || cmp.Or(-cmp.Compare(n, st.sessions[best]), compareBool(best == st.host, name == st.host), cmp.Compare(name, best)) < 0) {
				best = name
			}
		}
	}
	return e.host(best)
}

// freshSeat is the host that the policies say.
func (e *Engine) freshSeat(r LaunchRequest, key seatKey, groups []string) *host {
	var offers []*host
	for _, group := range groups {
		if h := e.pooled(r, poolKey{group, key.zone}); h != nil {
			offers = append(offers, h)
		}
	}
	return e.best(offers)
}

// elsewhere reports whether a session of another resource is not on the host of a
// dynamic application, which must not be started beside it.
func (e *Engine) elsewhere(s *session, resource site.Resource) bool {
	if !resource.Dynamic || resource.Kind != site.ApplicationResource || s.Resource == resource.ID {
		return false
	}
	st := e.seats[seatKey{resource.Kind, resource.ID, e.machine(s.host).Zone}]
	return st == nil || st.host != e.machine(s.host).Name
}
