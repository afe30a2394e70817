package server

import (
	"net/http"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/events"
	"understudy/roles"
	"understudy/wire"
)

// permit lets through who may do that to the whole site; connectors have their own
// rules.
func (s *Server) permit(action roles.Action) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if holder(r.Context()).Role == Admin {
				if ok, reason := roles.May(whoOf(r), action, roles.Target{}); !ok {
					err := wire.NewProblem(http.StatusForbidden, wire.CodeForbidden, reason)
					if action.Changes() {
						s.account(r, nil, err)
					}
					wire.WriteError(w, err)
					return
				}
			}
			next.ServeHTTP(w, r)
		})
	}
}

// account tells of a change of the site that an administrator asked for.
func (s *Server) account(r *http.Request, p *published, err error) {
	who := whoOf(r)
	fields := logrus.Fields{
		"who": who.Name, "role": string(who.Role), "from": who.From, "what": wire.Clip(r.Method + " " + r.URL.Path), "result": "done",
	}
	name := events.AdminOrder
	switch problem, _ := asProblem(err); {
	case problem != nil:
		fields["result"], fields["reason"] = problem.Code, problem.Detail
		if problem.Code == wire.CodeForbidden {
			name = events.AdminRefused
		}
	case err != nil:
		fields["result"] = wire.CodeInternal
	default:
		fields["version"] = p.version.String()
	}
	s.tell(name, fields)
}

// unidentified tells of a change of the site that somebody asked for without a token
// for it.
func (s *Server) unidentified(r *http.Request, err error) {
	if problem, _ := asProblem(err); problem != nil && r.Method == http.MethodPut {
		s.tell(events.AdminRefused, logrus.Fields{
			"who": roles.Unknown, "from": r.RemoteAddr, "what": wire.Clip(r.Method + " " + r.URL.Path), "result": problem.Code, "reason": problem.Detail,
		})
	}
}

// tell bounds what is refused: who is not let in could fill the log else.
func (s *Server) tell(name events.Name, fields logrus.Fields) {
	if name == events.AdminRefused {
		bound := &s.denied
		if fields["who"] == roles.Unknown {
			bound = &s.barred
		}
		untold, ok := bound.Next(time.Now())
		if !ok {
			return
		}
		if untold > 0 {
			fields["untold"] = untold
		}
	}
	s.event(name, fields)
}
