package console

import (
	"context"
	"crypto/subtle"
	"net"
	"net/http"
	"strings"

	"understudy/env"
	"understudy/roles"
	"understudy/wire"
)

// Accounts knows whose token it is.
type Accounts interface {
	Who(token string) (roles.Who, bool)
}

type whoKey struct{}

// whoOf is who a request that was let in is of.
func whoOf(r *http.Request) roles.Who {
	who, _ := r.Context().Value(whoKey{}).(roles.Who)
	return who
}

// identify lets requests through of which it is known whose they are.
func (c *Console) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, err := c.judge(r)
		if err != nil {
			if r.Method != http.MethodGet && r.Method != http.MethodHead {
				c.refused(r, roles.Who{Name: roles.Unknown, From: r.RemoteAddr}, err.Error())
			}
			w.Header().Set("WWW-Authenticate", "Bearer")
			wire.WriteError(w, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), whoKey{}, who)))
	})
}

// judge says why a request is not let in: nobody knows whose its token is, or its
// source has shown too many that nobody knows.
func (c *Console) judge(r *http.Request) (who roles.Who, err error) {
	known := func() (ok bool) { who, ok = c.who(r); return ok }
	if _, bySocket := socketCaller(r); bySocket && known() {
		return who, nil
	}
	err = wire.Shown(r, r.Header.Get("Authorization") != "", known, wire.NewProblem(http.StatusUnauthorized, wire.CodeUnauthorized,
		"a token is needed: that of an account in admin_users_file, or that of this connector in admin.token in its data folder"))
	return who, err
}

// who finds out who asks: whose token it is, else who came by the Unix socket, whose
// file guards it.
func (c *Console) who(r *http.Request) (roles.Who, bool) {
	token, shown := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	caller, bySocket := socketCaller(r)
	from := r.RemoteAddr
	if bySocket {
		from = "unix socket, " + caller
	}
	if shown && c.o.Accounts != nil {
		if who, ok := c.o.Accounts.Who(token); ok {
			who.From = from
			return who, true
		}
	}
	switch {
	case bySocket:
		return roles.Who{Name: caller, Role: roles.Operator, From: from}, true
	case shown && c.o.Token != "" && subtle.ConstantTimeCompare([]byte(token), []byte(c.o.Token)) == 1:
		return roles.Who{Name: roles.Local, Role: roles.Operator, From: from}, true
	}
	return roles.Who{}, false
}

// socketCaller names the account of this host that came by the Unix socket.
func socketCaller(r *http.Request) (string, bool) {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok || local.Network() != "unix" {
		return "", false
	}
	if name, known := env.Caller(r.Context()); known {
		return name, true
	}
	return roles.Local, true
}

// permit lets through who may do what the route does.
func (c *Console) permit(rt route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		who := whoOf(r)
		ok, reason := roles.May(who, rt.action, rt.target)
		if !ok {
			if rt.action.Changes() {
				c.refused(r, who, reason)
			}
			wire.WriteError(w, wire.NewProblem(http.StatusForbidden, wire.CodeForbidden, reason))
			return
		}
		rt.serve(w, r)
	}
}

// whoami answers who asks.
func (c *Console) whoami(w http.ResponseWriter, r *http.Request) {
	who := whoOf(r)
	changes, _ := roles.May(who, roles.Change, roles.Target{Zone: c.o.Zone})
	wire.WriteJSON(w, http.StatusOK, wire.Account{
		Name: who.Name, Role: string(who.Role), Groups: who.Groups, Zones: who.Zones, From: who.From, Zone: c.o.Zone, Changes: changes,
	})
}
