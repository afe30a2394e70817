package desktop

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/go-chi/chi/v5"

	"understudy/site"
	"understudy/wire"
)

// routes are what brokers call on one machine.
func (m *machine) routes(r chi.Router) {
	r.Get("/healthz", healthz)
	r.Group(func(r chi.Router) {
		r.Use(m.connectorsOnly)
		r.Post("/v1/sessions", m.postSession)
		r.Delete("/v1/sessions/{session}", m.deleteSession)
		r.Post("/v1/sessions/{session}/disconnect", m.postDisconnect)
		r.Post("/v1/reset", m.postReset)
		r.Post("/v1/reregister", m.postReregister)
	})
}

// simulation are paths on which tests and the demo act as the user. They exist only
// where the desktops are simulated.
func (m *machine) simulation(r chi.Router) {
	r.Get("/sim/v1/sessions", func(w http.ResponseWriter, _ *http.Request) {
		wire.WriteJSON(w, http.StatusOK, wire.List[wire.Session]{Items: m.now().sessions()})
	})
	r.Post("/sim/v1/sessions/{session}/connect", m.act(wire.SessionConnected))
	r.Post("/sim/v1/sessions/{session}/disconnect", m.act(wire.SessionDisconnected))
	r.Post("/sim/v1/sessions/{session}/logoff", m.act(wire.SessionEnded))
}

func (m *machine) postSession(w http.ResponseWriter, r *http.Request) {
	var p wire.Prepare
	if err := wire.Read(w, r, wire.MaxRegistration, wire.Ignore, &p); err != nil {
		wire.WriteError(w, err)
		return
	}
	prepared, err := m.prepare(r.Context(), p)
	if err != nil {
		wire.WriteError(w, err)
		return
	}
	wire.WriteJSON(w, http.StatusCreated, prepared)
}

func (m *machine) deleteSession(w http.ResponseWriter, r *http.Request) {
	withdraw := r.URL.Query().Get("withdraw") == "true"
	answer(w, http.StatusNoContent, m.end(r.Context(), chi.URLParam(r, "session"), withdraw))
}

func (m *machine) postDisconnect(w http.ResponseWriter, r *http.Request) {
	answer(w, http.StatusNoContent, m.disconnect(r.Context(), chi.URLParam(r, "session")))
}

func (m *machine) postReset(w http.ResponseWriter, r *http.Request) {
	var reset wire.Reset
	if err := wire.Read(w, r, wire.MaxRegistration, wire.Ignore, &reset); err != nil {
		wire.WriteError(w, err)
		return
	}
	answer(w, http.StatusAccepted, m.askReset(r.Context(), reset))
}

func (m *machine) postReregister(w http.ResponseWriter, r *http.Request) {
	var i wire.Invitation
	if err := wire.Read(w, r, wire.MaxRegistration, wire.Ignore, &i); err != nil {
		wire.WriteError(w, err)
		return
	}
	answer(w, http.StatusAccepted, m.invite(i))
}

func (m *machine) act(event wire.SessionEvent) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusNoContent, m.happened(r.Context(), Event{Session: chi.URLParam(r, "session"), Event: event}))
	}
}

func healthz(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }

func answer(w http.ResponseWriter, status int, err error) {
	if err != nil {
		wire.WriteError(w, err)
		return
	}
	w.WriteHeader(status)
}

// router serves all machines of the process: simulated ones each under a path of
// its own, a real one at the root.
// The real one is also below the path of its callback, where that has one.
func router(machines []*machine, simulate bool, below string) http.Handler {
	r := chi.NewRouter()
	r.NotFound(func(w http.ResponseWriter, _ *http.Request) {
		wire.WriteError(w, wire.NewProblem(http.StatusNotFound, wire.CodeNotFound, "no such path"))
	})
	if !simulate {
		machines[0].routes(r)
		if below != "" {
			r.Route(below, machines[0].routes)
		}
		return r
	}
	r.Get("/healthz", healthz)
	for _, m := range machines {
		r.Route(machinePath(m.name), func(r chi.Router) {
			m.routes(r)
			m.simulation(r)
		})
	}
	return r
}

// below is the path of a callback, without what ends it.
func below(callback string) string {
	u, err := url.Parse(callback)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(u.Path, "/")
}

func machinePath(name site.FQDN) string { return "/m/" + string(name) }

// callback is the base URL that a machine registers.
func callback(base string, name site.FQDN, simulate bool) string {
	base = strings.TrimSuffix(base, "/")
	if simulate {
		return base + machinePath(name)
	}
	return base
}
