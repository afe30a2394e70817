package broker

import (
	"time"

	"understudy/site"
)

// Reserve holds a machine for a launch until it is committed or released, or its
// life ends. A second launch of the same user meanwhile shares the reservation.
func (e *Engine) Reserve(now time.Time, r LaunchRequest) (Reservation, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sweep(now)
	resource, h, s, err := e.choose(r)
	if err != nil {
		return Reservation{}, err
	}
	until := now.Add(e.reservationLife(h.machine.Zone))
	if s == nil {
		s = e.begin(h, Session{ID: r.Session, User: r.User, Resource: r.Resource, State: Reserved}, until)
	}
	s.until = until
	e.watch(s)
	e.claims++
	s.claims[e.claims] = false
	e.turns++
	h.turn = e.turns
	e.place(h)
	held := e.reservation(r, resource, h, s)
	held.claim = e.claims
	return held, nil
}

// Probe answers as Reserve would, and holds nothing.
func (e *Engine) Probe(now time.Time, r LaunchRequest) (Reservation, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sweep(now)
	resource, h, s, err := e.choose(r)
	if err != nil {
		return Reservation{}, err
	}
	if s == nil {
		s = &session{Session: Session{ID: r.Session, User: r.User, State: Reserved}}
	}
	return e.reservation(r, resource, h, s), nil
}

func (e *Engine) reservation(r LaunchRequest, resource site.Resource, h *host, s *session) Reservation {
	zone := h.machine.Zone
	return Reservation{
		Machine: h.machine.Name, Zone: zone, Group: h.machine.Group,
		Callback: h.callback, Lease: h.lease, Term: e.terms[zone],
		Session: s.ID, User: r.User, Resource: r.Resource, Command: resource.Command,
		Reconnect: s.State != Reserved,
		Pinned:    s.State != Reserved && h.group.Kind != site.MultiSession,
		Reuse:     e.reuse(h.group),
		Assign:    h.group.Kind == site.Assigned && e.owner(h.machine) == "",
		Single:    h.group.Kind != site.MultiSession,
		Life:      e.reservationLife(zone),
	}
}

// Commit keeps what was reserved, once the machine has agreed, and returns the
// records of it: none for a reconnection.
func (e *Engine) Commit(now time.Time, r Reservation) []Record {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sweep(now)
	var records []Record
	if r.Reconnect {
		e.unclaim(r)
	} else {
		records = append(records, e.launched(now, r)...)
	}
	if r.Assign {
		records = append(records, e.assigned(r)...)
	}
	return records
}

// unclaim lets a reconnection hold nothing any more: a session has any number.
func (e *Engine) unclaim(r Reservation) {
	if h := e.hosts[r.Machine]; h != nil && h.sessions[r.Session] != nil {
		delete(h.sessions[r.Session].claims, r.claim)
	}
}

func (e *Engine) launched(now time.Time, r Reservation) []Record {
	if h := e.hosts[r.Machine]; h != nil {
		s := h.sessions[r.Session]
		if s == nil {
			s = e.begin(h, Session{ID: r.Session, User: r.User, Resource: r.Resource, State: Reserved}, now.Add(r.Life))
			e.place(h)
		}
		s.claims[r.claim] = true
		if s.launched {
			return nil
		}
		s.launched = true
	}
	return []Record{r.record(Launched)}
}

func (e *Engine) assigned(r Reservation) []Record {
	m, ok := e.index.Machine(r.Machine)
	if was := e.owner(m); !ok || was != "" {
		if !ok || site.UserKey(was) == site.UserKey(r.User) {
			return nil
		}
		conflict := r.record(Conflicting)
		conflict.Reason = "the machine was given to " + r.User + " while it became that of " + was
		return []Record{conflict}
	}
	e.own(r.Machine, r.User, r.Session)
	if h := e.hosts[r.Machine]; h != nil {
		e.place(h)
	}
	return []Record{r.record(Assignment)}
}

// Release gives up what was reserved, also after a commit that could not be made
// durable. It reports whether the reservation is gone, because no other launch
// holds it and the user has not arrived.
func (e *Engine) Release(now time.Time, r Reservation) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sweep(now)
	h := e.hosts[r.Machine]
	if h == nil {
		return false
	}
	s := h.sessions[r.Session]
	if s == nil {
		return false
	}
	committed := s.claims[r.claim]
	delete(s.claims, r.claim)
	last := s.State == Reserved && len(s.claims) == 0
	if undone := committed && !s.committed(); undone || last {
		s.launched = s.launched && !undone // whoever commits next gets the records that were not kept
		if e.owners[r.Machine] == (owner{r.User, r.Session}) {
			e.disown(r.Machine)
		}
	}
	if !last {
		return false
	}
	e.end(s)
	e.place(h)
	return true
}

func (r Reservation) record(kind RecordKind) Record {
	return Record{
		Kind: kind, Machine: r.Machine, Zone: r.Zone, Group: r.Group,
		User: r.User, Session: r.Session, Resource: r.Resource,
	}
}
