package desktop

import (
	"net/http"
	"slices"
	"time"

	"understudy/site"
	"understudy/wire"
)

// Arbiter decides every prepare, whoever asks. It, not the election, is what
// makes a broken zone harmless: two connectors that both think they are elected
// can never give one single-session desktop to two users (LHC-25).
type Arbiter struct {
	// Capacity is how many sessions the host takes.
	Capacity int
}

// Ask is a prepare with the wall-clock time that its session will show.
type Ask struct {
	wire.Prepare
	Wall time.Time
}

// Verdict says what the arbiter allowed, and why in a sentence.
type Verdict struct {
	Session wire.Session
	Reason  string
}

// Prepare allows a request and returns the state in which its session is
// reserved, or refuses it with a *wire.Problem and the state unchanged. The caller
// saves the state before it answers.
func (a Arbiter) Prepare(now time.Time, s State, ask Ask) (State, Verdict, error) {
	if p := entitled(s, ask); p != nil {
		return s, Verdict{}, p
	}
	own := s.findUser(ask.User)
	if p := a.room(s, ask, own); p != nil {
		return s, Verdict{}, p
	}
	s.Term = max(s.Term, ask.Term)
	assigns := ask.Assign && s.AssignedUser == ""
	if assigns {
		s.AssignedUser = ask.User
	}
	if own >= 0 {
		s, v := reconnect(now, s, ask, own)
		return s, v, nil
	}
	s, v := reserve(now, s, ask)
	s.Sessions[len(s.Sessions)-1].Assigned = assigns
	return s, v, nil
}

// entitled refuses who may not ask, and whom the desktop does not belong to.
func entitled(s State, ask Ask) *wire.Problem {
	if p := s.stale(ask.Lease, ask.Term); p != nil {
		return p
	}
	if s.AssignedUser != "" && site.UserKey(s.AssignedUser) != site.UserKey(ask.User) {
		return wire.NewProblem(http.StatusConflict, wire.CodeAssigned, "the desktop is assigned to another user")
	}
	return nil
}

// room refuses where the desktop cannot take the user now. The user's own session
// needs no room and no reuse.
func (a Arbiter) room(s State, ask Ask, own int) *wire.Problem {
	other := s.find(ask.Session)
	switch {
	case s.resetting:
		return wire.NewProblem(http.StatusConflict, wire.CodeBusy, "the desktop is being reset")
	case other >= 0 && site.UserKey(s.Sessions[other].User) != site.UserKey(ask.User):
		return wire.NewProblem(http.StatusConflict, wire.CodeBusy, "the session is another user's")
	case own >= 0:
		return nil
	case ask.Single && len(s.Sessions) > 0:
		return wire.NewProblem(http.StatusConflict, wire.CodeBusy, "the desktop is for one user at a time and has one")
	case len(s.Sessions) >= max(1, a.Capacity):
		return wire.NewProblem(http.StatusConflict, wire.CodeBusy, "the host has no room for another session")
	case s.Used && !ask.Reuse:
		return wire.NewProblem(http.StatusConflict, wire.CodeUsed, "the desktop was used since its last reset")
	}
	return nil
}

// reconnect gives a user the session that is theirs. It takes the name in the
// request, because that is the one the broker will know.
func reconnect(now time.Time, s State, ask Ask, own int) (State, Verdict) {
	s.Sessions = slices.Clone(s.Sessions)
	held := &s.Sessions[own]
	if held.ID != ask.Session {
		s.Reports = rename(s.Reports, held.ID, ask.Session)
		held.ID = ask.Session
		s.resync++
	}
	if held.State == wire.Reserved {
		held.Resource, held.Life = ask.Resource, life(ask)
		held.expires = now.Add(held.Life.D())
		return s, Verdict{Session: held.Session, Reason: "the user's reservation is renewed"}
	}
	return s, Verdict{Session: held.Session, Reason: "the user reconnects to their own session"}
}

func reserve(now time.Time, s State, ask Ask) (State, Verdict) {
	held := Held{Life: life(ask), Session: wire.Session{
		ID: ask.Session, User: ask.User, Resource: ask.Resource, State: wire.Reserved, Started: ask.Wall.UTC(),
	}}
	held.expires = now.Add(held.Life.D())
	s.Sessions = append(slices.Clone(s.Sessions), held)
	return s, Verdict{Session: held.Session, Reason: "reserved until the user connects, for " + held.Life.String()}
}

// rename keeps the reports that are still to be sent about a session under the
// name that its broker now knows.
func rename(reports []wire.SessionReport, from, to string) []wire.SessionReport {
	reports = slices.Clone(reports)
	for i := range reports {
		if reports[i].Session.ID == from {
			reports[i].Session.ID = to
		}
	}
	return reports
}

func life(ask Ask) site.Duration {
	if ask.Life <= 0 {
		return site.DefaultSettings().ReservationLife
	}
	return ask.Life
}
