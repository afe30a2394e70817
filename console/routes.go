package console

import (
	"context"
	"net/http"

	"github.com/go-chi/chi/v5"

	"understudy/roles"
	"understudy/wire"
)

// route is one request of the API, with what decides who may make it.
type route struct {
	method, path string
	action       roles.Action
	target       roles.Target
	serve        http.HandlerFunc
}

// routes are the whole API. What one account may see of an answer and another may
// not is cut by serve.
func (c *Console) routes() []route {
	zone := roles.Target{Zone: c.o.Zone}
	return []route{
		{"GET", "/whoami", roles.Greet, zone, c.whoami},
		{"GET", "/status", roles.See, zone, get(c.o.Status, c.cutStatus)},
		{"GET", "/peers", roles.See, zone, get(c.o.Peers, whole)},
		{"GET", "/snapshots", roles.See, zone, get(c.o.Snapshots, c.cutSnapshots)},
		{"GET", "/snapshots/diff", roles.SeeWhole, zone, find(c.o.SnapshotDiff)},
		{"POST", "/snapshots", roles.Change, zone, obey(c, c.o.SnapshotOrder)},
		{"GET", "/registrations", roles.See, zone, get(c.o.Registrations, c.cutRegistrations)},
		{"GET", "/sessions", roles.See, zone, get(c.o.Sessions, c.cutSessions)},
		{"GET", "/groups", roles.See, zone, get(c.o.Groups, c.cutGroups)},
		{"GET", "/sessions/peaks", roles.See, zone, c.peaks},
		{"GET", "/events", roles.See, zone, c.events},
		{"GET", "/journal", roles.See, zone, c.journal},
		{"GET", "/goroutines", roles.SeeWhole, zone, c.goroutines},
		{"POST", "/outage", roles.Change, zone, obey(c, c.o.Outage)},
		{"POST", "/reload", roles.Change, zone, obey(c, c.o.Reload)},
		{"POST", "/election", roles.Change, zone, obey(c, c.o.Election)},
	}
}

// Routes adds the API to a router.
func (c *Console) Routes(r chi.Router) {
	r.Route("/admin/v1", func(r chi.Router) {
		r.Use(c.identify)
		r.NotFound(notFound)
		r.MethodNotAllowed(notAllowed)
		for _, rt := range c.routes() {
			r.Method(rt.method, rt.path, c.permit(rt))
		}
	})
}

// get answers what is always known, cut to what the account may see.
func get[T any](answer func() T, cut func(roles.Who, T) T) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		wire.WriteJSON(w, http.StatusOK, cut(whoOf(r), answer()))
	}
}

// find answers what may be refused.
func find[T any](answer func(context.Context) (T, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		found, err := answer(r.Context())
		if err != nil {
			wire.WriteError(w, err)
			return
		}
		wire.WriteJSON(w, http.StatusOK, found)
	}
}

// obey reads an order, has it carried out in the name of who gives it, and tells what
// became of it.
func obey[O, A any, P order[O]](c *Console, carryOut func(context.Context, O) (A, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var o O
		var answer A
		err := wire.Read(w, r, wire.MaxBody, wire.Refuse, &o)
		said := P(&o).Deed()
		if err == nil {
			P(&o).Sign(signed(whoOf(r), said))
			answer, err = carryOut(r.Context(), o)
		}
		c.account(r, said, err)
		if err != nil {
			wire.WriteError(w, err)
			return
		}
		wire.WriteJSON(w, http.StatusOK, answer)
	}
}

func notFound(w http.ResponseWriter, r *http.Request) {
	wire.WriteError(w, wire.Problemf(http.StatusNotFound, wire.CodeNotFound, "there is no %s", r.URL.Path))
}

func notAllowed(w http.ResponseWriter, r *http.Request) {
	wire.WriteError(w, wire.Problemf(http.StatusMethodNotAllowed, wire.CodeMethod, "%s does not take %s", r.URL.Path, r.Method))
}
