package vda

import (
	"iter"
	"net"
	"net/http"
	"slices"
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
	return oneIs(slices.Values(r.TLS.PeerCertificates[0].DNSNames), machine)
}

func oneIs(names iter.Seq[string], machine site.FQDN) error {
	for name := range names {
		if site.Canonical(name) == machine {
			return nil
		}
	}
	return wire.Problemf(http.StatusForbidden, wire.CodeForbidden, "the certificate does not name machine %s", machine)
}

// mostNames is how many names of a certificate are passed on: more than a host has.
const mostNames = 64

// Vouch has a request that goes on to another broker say which machines its verified
// certificate names, whatever the host itself has said of that. That broker knows whose
// a lease is; this one does not.
func Vouch(r *http.Request) error {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return wire.NewProblem(http.StatusForbidden, wire.CodeForbidden, "a desktop host must show its certificate")
	}
	var names []string
	for _, name := range r.TLS.PeerCertificates[0].DNSNames {
		if machine, err := site.ParseFQDN(name); err == nil && len(names) < mostNames {
			names = append(names, string(machine))
		}
	}
	if len(names) == 0 {
		return wire.NewProblem(http.StatusForbidden, wire.CodeForbidden, "the certificate names no machine: issue one whose DNS name is the machine's")
	}
	r.Header.Set(wire.HeaderMachines, strings.Join(names, ","))
	return nil
}

// VouchedFor lets a host whose request was relayed speak only for the machines that its
// certificate names, as whoever relays has found it. Where that has no TLS it says
// nothing, and its lease is all that a host can show.
func VouchedFor(r *http.Request, machine site.FQDN) error {
	names := r.Header.Get(wire.HeaderMachines)
	if names == "" {
		return nil
	}
	return oneIs(strings.SplitSeq(names, ","), machine)
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
