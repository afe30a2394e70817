package load

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"understudy/desktop"
	"understudy/site"
	"understudy/wire"
)

func machinePath(name site.FQDN) string { return "/m/" + string(name) }

// ServeHTTP is the callback API of every desktop.
func (f *fleet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/m/"), "/")
	m := f.machineOf(site.Canonical(name))
	session, named := strings.CutPrefix(path, "v1/sessions/")
	switch {
	case m == nil:
		wire.WriteError(w, wire.NewProblem(http.StatusNotFound, wire.CodeNotFound, "no such desktop"))
	case r.Method == http.MethodPost && path == "v1/sessions":
		f.takePrepare(w, r, m)
	case r.Method == http.MethodDelete && named:
		f.takeEnd(w, r, m, session)
	case r.Method == http.MethodPost && path == "v1/reset":
		f.takeReset(w, r, m)
	case r.Method == http.MethodPost && path == "v1/reregister":
		f.takeInvitation(w, r, m)
	default:
		wire.WriteError(w, wire.NewProblem(http.StatusNotFound, wire.CodeNotFound, "no such path"))
	}
}

func (f *fleet) takePrepare(w http.ResponseWriter, r *http.Request, m *machine) {
	began := time.Now()
	var p wire.Prepare
	err := wire.Read(w, r, wire.MaxRegistration, wire.Ignore, &p)
	var prepared wire.Prepared
	if err == nil {
		prepared, err = m.prepare(p)
	}
	f.tally.add(Prepare, time.Since(began), err)
	if err != nil {
		wire.WriteError(w, err)
		return
	}
	wire.WriteJSON(w, http.StatusCreated, prepared)
}

func (f *fleet) takeEnd(w http.ResponseWriter, r *http.Request, m *machine, session string) {
	if plain, err := url.PathUnescape(session); err == nil {
		session = plain
	}
	if err := m.end(session, r.URL.Query().Get("withdraw") == "true"); err != nil {
		wire.WriteError(w, err)
		return
	}
	f.news(m)
	w.WriteHeader(http.StatusNoContent)
}

// takeReset boots the desktop after a second, as a simulated one does.
func (f *fleet) takeReset(w http.ResponseWriter, r *http.Request, m *machine) {
	var reset wire.Reset
	err := wire.Read(w, r, wire.MaxRegistration, wire.Ignore, &reset)
	if err == nil {
		err = m.decide(func(s desktop.State) (desktop.State, error) { return s.Reset(reset) })
	}
	if err != nil {
		wire.WriteError(w, err)
		return
	}
	w.WriteHeader(http.StatusAccepted)
	time.AfterFunc(resetTime, func() { f.booted(m) })
}

const resetTime = time.Second

func (f *fleet) booted(m *machine) {
	boot := time.Now().String()
	_ = m.decide(func(s desktop.State) (desktop.State, error) { m.resync = true; return s.Booted(boot), nil }) // never refused
	f.news(m)
}

// takeInvitation ignores one that is not for a higher term.
func (f *fleet) takeInvitation(w http.ResponseWriter, r *http.Request, m *machine) {
	var call wire.Invitation
	if err := wire.Read(w, r, wire.MaxRegistration, wire.Ignore, &call); err != nil {
		wire.WriteError(w, err)
		return
	}
	m.mu.Lock()
	err := m.state.Invited(call)
	known := call.Term <= m.invited
	if err == nil && !known {
		m.follow(call)
	}
	m.mu.Unlock()
	if err != nil {
		wire.WriteError(w, err)
		return
	}
	w.WriteHeader(http.StatusAccepted)
	if !known {
		f.wake(m)
	}
}
