package broker

import (
	"time"

	"understudy/site"
)

// session is a user's session on a host, or a reservation for one.
type session struct {
	Session
	stamp
	host *host
	// until is when a reservation ends that the user did not take up.
	until time.Time
	// claims are the launches that hold the reservation: true once committed.
	claims map[uint64]bool
	// launched says that a record of the launch exists, or that it is not ours.
	launched bool
	// foreign says that the launch was another broker's: its record may be missing.
	foreign bool
	slot    int32 // in the queue of reservations
	seats   []seatKey
}

// committed reports whether a launch that holds the session has been committed.
func (s *session) committed() bool {
	for _, committed := range s.claims {
		if committed {
			return true
		}
	}
	return false
}

// begin adds a session to its host.
func (e *Engine) begin(h *host, s Session, until time.Time) *session {
	n := &session{Session: s, host: h, until: until, claims: map[uint64]bool{}}
	if h.sessions()[s.ID] == nil {
		e.counted(e.machine(h).Group, 1)
	}
	h.keep(n)
	e.count(n)
	key := site.UserKey(s.User)
	if e.byUser[key] == nil {
		e.byUser[key] = map[*session]bool{}
	}
	e.byUser[key][n] = true
	e.watch(n)
	return n
}

// end takes a session away. The caller places the host.
func (e *Engine) end(s *session) {
	m := e.machine(s.host)
	e.changes.gone(s, &ended{what: Item{Kind: ItemSessionEnded, Machine: m.Name, Session: &Session{ID: s.ID}}})
	if sessions := s.host.sessions(); sessions[s.ID] == s {
		e.uncount(s)
		delete(sessions, s.ID)
		e.counted(m.Group, -1)
	}
	key := site.UserKey(s.User)
	delete(e.byUser[key], s)
	if len(e.byUser[key]) == 0 {
		delete(e.byUser, key)
	}
	e.reserved.drop(s)
}

// watch keeps reservations, and only them, in the queue of what can lapse.
func (e *Engine) watch(s *session) {
	if s.State == Reserved {
		e.reserved.put(s)
	} else {
		e.reserved.drop(s)
	}
}

// update takes over what the host says of a session.
func (e *Engine) update(now time.Time, h *host, said Session) {
	s := h.sessions()[said.ID]
	if s != nil && site.UserKey(s.User) != site.UserKey(said.User) {
		e.end(s)
		s = nil
	}
	if s == nil {
		s = e.begin(h, said, now.Add(e.reservationLife(e.machine(h).Zone)))
		s.launched, s.foreign = true, said.State == Reserved // another broker may have died before its record
		e.touchedSession(s)
		return
	}
	if s.Session != said {
		s.Session = said
		e.count(s)
		e.touchedSession(s)
	}
	e.watch(s)
}

// replace takes over the host's list of sessions. Reservations that it does not
// name stay while a launch is under way; with keep, which a heartbeat sets because
// it may have crossed a prepare, until their life ends.
func (e *Engine) replace(now time.Time, h *host, list []Session, keep bool) {
	if len(list)+len(h.sessions()) == 0 {
		return
	}
	named := make(map[string]bool, len(list))
	for _, s := range list {
		named[s.ID] = true
	}
	for id, s := range h.sessions() {
		if !named[id] && !(s.State == Reserved && (keep || s.pending())) {
			e.end(s)
		}
	}
	for _, s := range list {
		e.update(now, h, s)
	}
}

// pending reports whether a launch holds the reservation and is not finished.
func (s *session) pending() bool {
	for _, committed := range s.claims {
		if !committed {
			return true
		}
	}
	return false
}

func (e *Engine) recordOf(s *session, kind RecordKind) Record {
	r := e.record(s.host, kind)
	r.User, r.Session, r.Resource = s.User, s.ID, s.Resource
	return r
}
