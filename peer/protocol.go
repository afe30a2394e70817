package peer

import (
	"net/http"

	"understudy/site"
	"understudy/wire"
)

// Differs says why nothing but facts, lists of connectors and orders passes between this
// connector and a peer: another major version of the peer channel. Empty: it does not
// differ, or the peer has not been heard.
func (m *Mesh) Differs(name site.FQDN) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.book[name]
	if e == nil {
		return ""
	}
	return wire.ProtocolsDiffer(m.o.Protocol, e.facts.Protocol)
}

// Alike passes on requests of peers of the same major version only (ADC-04).
func (m *Mesh) Alike(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if why := m.Differs(site.Canonical(r.Header.Get(wire.HeaderConnector))); why != "" {
			wire.WriteError(w, wire.NewProblem(http.StatusConflict, wire.CodeVersion, "the peer asks for what its version does not understand: "+why))
			return
		}
		next.ServeHTTP(w, r)
	})
}
