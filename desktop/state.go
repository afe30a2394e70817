package desktop

import (
	"crypto/subtle"
	"net/http"
	"reflect"
	"slices"
	"time"

	"understudy/site"
	"understudy/wire"
)

// State is what one desktop host must never forget. It is a value: a change
// makes a new one, which is saved before anything is answered.
type State struct {
	Machine site.FQDN `json:"machine"`
	// Term is the highest that the host has ever seen; it never goes back.
	Term uint64 `json:"term"`
	// Lease is the current one. It stays until another one replaces it.
	Lease string `json:"lease"`
	// Used says that somebody has used the desktop since its last reset.
	Used bool `json:"used"`
	// AssignedUser is the owner whom a launch in an outage made (LHC-36).
	AssignedUser string `json:"assigned_user,omitempty"`
	Boot         string `json:"boot,omitempty"`
	// Seq is the number of the latest report.
	Seq      uint64 `json:"seq"`
	Sessions []Held `json:"sessions"`
	// Reports are those that no broker has accepted yet, at most one a session.
	Reports []wire.SessionReport `json:"reports,omitempty"`
	// Connectors are those that the latest lease named.
	Connectors []string `json:"connectors,omitempty"`

	resetting bool
	// resync goes up when brokers must hear of all sessions at once.
	resync int
}

// Held is a session that the host holds: reserved, active or disconnected.
type Held struct {
	wire.Session
	// Life is how long a reservation lives without its user.
	Life site.Duration `json:"life,omitempty"`
	// Assigned says that the reservation made its user the desktop's owner.
	Assigned bool `json:"assigned,omitempty"`

	expires time.Time
}

// sameOnDisk reports whether nothing that is saved differs.
func (s State) sameOnDisk(t State) bool {
	t.resetting, t.resync = s.resetting, s.resync
	return reflect.DeepEqual(s, t)
}

// Restored prepares a state that was read from disk: its reservations live anew,
// since nobody knows how long the process was away.
func (s State) Restored(now time.Time) State {
	s.Sessions = slices.Clone(s.Sessions)
	for i := range s.Sessions {
		s.Sessions[i].expires = now.Add(s.Sessions[i].Life.D())
	}
	return s
}

// Leased takes over a lease answer. A lower term than the host has seen changes
// the lease, never the term. Once the broker names the machine's owner, the host
// forgets its own mark.
func (s State) Leased(l wire.Lease) State {
	s.Lease, s.Term = l.Lease, max(s.Term, l.Term)
	if len(l.Connectors) > 0 {
		s.Connectors = slices.Clone(l.Connectors)
	}
	if l.AssignedUser != "" {
		s.AssignedUser = ""
	}
	return s
}

// Happened takes over what a session did, and queues its report. A connected
// session makes the desktop used. The problem is not_found for a session that the
// host does not hold.
func (s State) Happened(session string, event wire.SessionEvent) (State, error) {
	i := s.find(session)
	if i < 0 {
		return s, wire.Problemf(404, wire.CodeNotFound, "session %s is not on this host", session)
	}
	s.Sessions = slices.Clone(s.Sessions)
	held := &s.Sessions[i]
	switch event {
	case wire.SessionStarted, wire.SessionConnected:
		event = arrival(held.State)
		held.State, held.Life, held.Assigned, s.Used = wire.Active, 0, false, true
	case wire.SessionDisconnected:
		if held.State == wire.Reserved {
			return s, wire.Problemf(409, wire.CodeConflict, "nobody has connected to session %s", session)
		}
		held.State = wire.Disconnected
	case wire.SessionEnded:
		return s.without(i), nil
	}
	return s.report(event, held.Session), nil
}

func arrival(before wire.SessionState) wire.SessionEvent {
	if before == wire.Reserved {
		return wire.SessionStarted
	}
	return wire.SessionConnected
}

// Withdrawn ends a reservation that its broker has given up, with the ownership
// that came of it: the broker has gone on to another desktop. One that lapses by
// itself leaves its owner, of whom the broker has a record.
func (s State) Withdrawn(session string) (State, error) {
	i := s.find(session)
	if i >= 0 && s.Sessions[i].State != wire.Reserved {
		return s, wire.NewProblem(http.StatusConflict, wire.CodeBusy, "the user has connected to the session")
	}
	if i >= 0 && s.Sessions[i].Assigned {
		s.AssignedUser = ""
	}
	return s.Happened(session, wire.SessionEnded)
}

// Expire withdraws the reservations whose users have not come in time, and says
// which.
func (s State) Expire(now time.Time) (State, []wire.Session) {
	var withdrawn []wire.Session
	for _, h := range s.Sessions {
		if h.State == wire.Reserved && !now.Before(h.expires) {
			withdrawn = append(withdrawn, h.Session)
			s = s.without(s.find(h.ID))
		}
	}
	return s, withdrawn
}

// NextExpiry is when the first reservation ends.
func (s State) NextExpiry() (time.Time, bool) {
	var first time.Time
	for _, h := range s.Sessions {
		if h.State == wire.Reserved && (first.IsZero() || h.expires.Before(first)) {
			first = h.expires
		}
	}
	return first, !first.IsZero()
}

// Reset allows one to whoever holds the lease now, unless somebody is on the
// desktop. From then on it takes nobody until it has booted.
func (s State) Reset(r wire.Reset) (State, error) {
	if p := s.stale(r.Lease, r.Term); p != nil {
		return s, p
	}
	if len(s.Sessions) > 0 {
		return s, wire.NewProblem(http.StatusConflict, wire.CodeBusy, "the desktop holds a session")
	}
	s.Term, s.resetting = max(s.Term, r.Term), true
	return s, nil
}

// stale refuses who is not the host's broker any more: without its current lease,
// or of a lower term than it has ever seen.
func (s State) stale(lease string, term uint64) *wire.Problem {
	switch {
	case s.Lease == "" || subtle.ConstantTimeCompare([]byte(lease), []byte(s.Lease)) != 1:
		return wire.NewProblem(http.StatusForbidden, wire.CodeLeaseStale, "the lease is not the host's current one")
	case term < s.Term:
		return wire.Problemf(http.StatusForbidden, wire.CodeLeaseStale,
			"term %d is lower than term %d, which the host has seen", term, s.Term)
	}
	return nil
}

// Booted takes over the name of the host's present boot. A new one clears the
// used mark and ends every session.
func (s State) Booted(boot string) State {
	if boot == s.Boot {
		return s
	}
	for len(s.Sessions) > 0 {
		s = s.without(0)
	}
	s.Boot, s.Used, s.resetting = boot, false, false
	s.resync++
	return s
}

// Reported drops the reports that a broker has accepted.
func (s State) Reported(seq uint64) State {
	s.Reports = slices.DeleteFunc(slices.Clone(s.Reports), func(r wire.SessionReport) bool { return r.Seq <= seq })
	return s
}

// report queues the latest word on a session in place of an earlier one.
func (s State) report(event wire.SessionEvent, session wire.Session) State {
	s.Seq++
	s.Reports = slices.DeleteFunc(slices.Clone(s.Reports), func(r wire.SessionReport) bool { return r.Session.ID == session.ID })
	s.Reports = append(s.Reports, wire.SessionReport{Seq: s.Seq, Event: event, Session: session, Used: s.Used})
	return s
}

func (s State) without(i int) State {
	gone := s.Sessions[i].Session
	s.Sessions = slices.Delete(slices.Clone(s.Sessions), i, i+1)
	return s.report(wire.SessionEnded, gone)
}

func (s State) find(session string) int {
	return slices.IndexFunc(s.Sessions, func(h Held) bool { return h.ID == session })
}

func (s State) findUser(user string) int {
	return slices.IndexFunc(s.Sessions, func(h Held) bool { return site.UserKey(h.User) == site.UserKey(user) })
}

// sessions lists them as the wire has them, never as null.
func (s State) sessions() []wire.Session {
	list := make([]wire.Session, 0, len(s.Sessions))
	for _, h := range s.Sessions {
		list = append(list, h.Session)
	}
	return list
}

// load is 0 for an idle host and 10000 for a full one.
func (s State) load(capacity int) int {
	return min(10000, len(s.Sessions)*10000/max(1, capacity))
}
