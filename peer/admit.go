package peer

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"understudy/env"
	"understudy/site"
	"understudy/wire"
)

// Members passes on requests of the zone's other connectors only: with TLS by
// their certificate, else by the name that they give.
func (m *Mesh) Members(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := m.admits(r, site.Canonical(r.Header.Get(wire.HeaderConnector))); err != nil {
			wire.WriteError(w, err)
			return
		}
		stay(w, r)
		next.ServeHTTP(w, r)
	})
}

// stay has a peer keep its connection, and lets it take its time.
func stay(w http.ResponseWriter, r *http.Request) {
	env.Stays(r)
	if r.TLS != nil { // else there is no limit
		line := http.NewResponseController(w)
		_ = line.SetReadDeadline(time.Time{})
		_ = line.SetWriteDeadline(time.Time{})
	}
}

// welcomes says why a stream of facts is refused before anything of it is read.
func (m *Mesh) welcomes(r *http.Request) error {
	theirSite, theirZone := r.URL.Query().Get("site"), r.Header.Get(wire.HeaderZone)
	if err := m.belongs(cmp.Or(theirSite, m.o.Site), cmp.Or(theirZone, m.o.Zone)); err != nil {
		return err
	}
	return m.admits(r, site.Canonical(r.Header.Get(wire.HeaderConnector)))
}

func (m *Mesh) belongs(theirSite, theirZone string) error {
	if theirSite == m.o.Site && theirZone == m.o.Zone {
		return nil
	}
	return notInZone("this is zone %s of site %s, not zone %s of site %s", m.o.Zone, m.o.Site, theirZone, theirSite)
}

// admits says why a connector of that name may not talk to this one.
func (m *Mesh) admits(r *http.Request, name site.FQDN) error {
	if name == m.o.Self {
		return notInZone("%s is this connector's own name", name)
	}
	if m.link(name) == nil {
		return notInZone("%q is not a connector of zone %s in the list in use here", name, m.o.Zone)
	}
	if m.o.TLS != nil && !certifies(r, name) {
		return notInZone("the certificate is not that of %s", name)
	}
	return nil
}

func certifies(r *http.Request, name site.FQDN) bool {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return false
	}
	return slices.ContainsFunc(r.TLS.PeerCertificates[0].DNSNames, func(dns string) bool {
		return site.Canonical(dns) == name
	})
}

func notInZone(format string, args ...any) error {
	return wire.Problemf(http.StatusForbidden, wire.CodeNotInZone, format, args...)
}
