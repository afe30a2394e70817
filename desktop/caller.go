package desktop

import (
	"crypto/x509"
	"net/http"
	"net/url"
	"slices"

	"understudy/site"
	"understudy/wire"
)

// connectorsOnly refuses whoever does not show a connector's certificate. Without
// TLS, on loopback, there is nothing to go by.
func (m *machine) connectorsOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS != nil && !m.isConnector(r.TLS.PeerCertificates) {
			wire.WriteError(w, wire.NewProblem(http.StatusForbidden, wire.CodeForbidden, "the certificate is not that of a connector that the desktop knows"))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isConnector reports whether a certificate names the host of a connector that the
// machine's file or its latest lease names.
func (m *machine) isConnector(shown []*x509.Certificate) bool {
	if len(shown) == 0 {
		return false
	}
	known := append(slices.Concat(m.connectors...), m.now().Connectors...)
	return slices.ContainsFunc(known, func(address string) bool {
		u, err := url.Parse(address)
		return err == nil && names(shown[0], site.Canonical(u.Hostname()))
	})
}

func names(c *x509.Certificate, host site.FQDN) bool {
	return host != "" && slices.ContainsFunc(c.DNSNames, func(name string) bool { return site.Canonical(name) == host })
}
