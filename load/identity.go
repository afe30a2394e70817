package load

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"

	"understudy/env"
	"understudy/site"
)

// ownClient is a desktop's client where it shows a certificate of its own. Real hosts
// are many: each request has a connection, and a handshake, of its own.
func (o Options) ownClient(name site.FQDN) *http.Client {
	config := o.TLS.Clone()
	own := o.Identity(name)
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return own, nil }
	transport := o.Env.Transport(env.Fixed(config))
	transport.DisableKeepAlives = true
	return &http.Client{Transport: transport, Timeout: requestTime}
}

// ownBase is the base URL of the callbacks at a desktop's own name.
func (o Options) ownBase(base string, name site.FQDN) string {
	u, err := url.Parse(base)
	if err != nil {
		return base
	}
	u.Host = net.JoinHostPort(string(name), u.Port())
	return u.String()
}

// serverTLS is for calls of the desktops: with certificates of their own, by the name
// that is called, and only by who shows one too.
func (o Options) serverTLS() *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS13, Certificates: o.TLS.Certificates}
	if o.Identity == nil {
		return config
	}
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, o.TLS.RootCAs
	config.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if own := o.Identity(site.Canonical(hello.ServerName)); own != nil {
			return own, nil
		}
		return nil, fmt.Errorf("no desktop is called %q", hello.ServerName)
	}
	return config
}
