package console

import (
	"crypto/subtle"
	"net"
	"net/http"
	"strings"

	"understudy/wire"
)

// authorize lets requests through that came by the Unix socket, whose file guards
// it, or that carry the token.
func (c *Console) authorize(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !bySocket(r) && !c.knows(r) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			wire.WriteError(w, wire.NewProblem(http.StatusUnauthorized, wire.CodeUnauthorized,
				"the token of this connector is needed: it is in admin.token in its data folder"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func bySocket(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return ok && local.Network() == "unix"
}

func (c *Console) knows(r *http.Request) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return ok && c.o.Token != "" && subtle.ConstantTimeCompare([]byte(token), []byte(c.o.Token)) == 1
}
