package vda

import (
	"net"
	"net/http"
	"strings"

	"understudy/site"
	"understudy/wire"
)

// ClientCertificate lets a host speak only for the machine that its certificate
// names.
func ClientCertificate(r *http.Request, machine site.FQDN) error {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return wire.NewProblem(http.StatusForbidden, wire.CodeForbidden, "a desktop host must show its certificate")
	}
	for _, name := range r.TLS.PeerCertificates[0].DNSNames {
		if site.Canonical(name) == machine {
			return nil
		}
	}
	return wire.Problemf(http.StatusForbidden, wire.CodeForbidden, "the certificate does not name machine %s", machine)
}

// OwnCallback allows a callback at the machine's own name only.
func OwnCallback(_ *http.Request, r wire.Registration) error {
	if host, _, ok := site.HostAndPath(r.Callback); ok && site.Canonical(host) == r.Machine {
		return nil
	}
	return wire.Problemf(http.StatusForbidden, wire.CodeForbidden, "the callback is not at the machine's own name %s", r.Machine)
}

// LoopbackCallback allows, besides the machine's own name, a loopback address with
// a path per machine: for insecure set-ups on one computer.
func LoopbackCallback(r *http.Request, body wire.Registration) error {
	host, path, ok := site.HostAndPath(body.Callback)
	if ok && loopback(host) && strings.HasSuffix(path, "/"+string(body.Machine)) {
		return nil
	}
	return OwnCallback(r, body)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
