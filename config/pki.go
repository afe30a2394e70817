package config

import (
	"strings"

	"understudy/env"
	"understudy/events"
	"understudy/pki"
	"understudy/site"
)

// PKI names the service of understudy's own authority, from which a process gets its
// certificate and the next ones.
type PKI struct {
	URL string `json:"url"`
	// CAFile verifies the service; empty means tls.ca_file.
	CAFile string `json:"ca_file"`
	// Fingerprint is that of the authority's certificate, for a host that does not have
	// it yet: the process then writes tls.ca_file itself.
	Fingerprint string `json:"fingerprint"`
	// TokenFile holds the one-time token for the first certificate.
	TokenFile string `json:"token_file"`
}

// Enabled reports whether the certificate comes from there.
func (p PKI) Enabled() bool { return p.URL != "" }

// Keeper returns what keeps the certificate of that name in the files of tls.
func (p PKI) Keeper(e env.Env, name site.FQDN, files TLS, report func(events.Name, string)) pki.KeeperOptions {
	fingerprint, _ := pki.ParseFingerprint(p.Fingerprint) // check has looked at it
	o := pki.KeeperOptions{
		Env: e, URL: p.URL, Name: name, Files: pki.Pair{Cert: files.CertFile, Key: files.KeyFile},
		CAFile: p.CAFile, Fingerprint: fingerprint, Report: report,
	}
	if o.CAFile == "" {
		o.CAFile = files.CAFile
	}
	if p.TokenFile != "" {
		o.Token = func() (string, error) { return ReadSecret(p.TokenFile) }
	}
	return o
}

// files of tls need not exist at the start where the authority issues them.
func (p *PKI) files(of []fileName) []fileName {
	if p.Enabled() {
		for i := range of {
			of[i].exist = of[i].exist && of[i].path == "tls.ca_file" && p.Fingerprint == ""
		}
	}
	return append(of, fileName{"pki.ca_file", &p.CAFile, true}, fileName{"pki.token_file", &p.TokenFile, strings.HasPrefix(p.TokenFile, credentialPrefix)})
}

func (p *PKI) check(c *checker, s security) {
	if !p.Enabled() {
		if *p != (PKI{}) {
			c.fault("pki.url", "is missing")
		}
		return
	}
	if s.insecure {
		c.fault("pki", "is there, but with insecure: true there is no certificate")
	}
	c.service("pki.url", p.URL, security{tls: s.tls})
	if p.CAFile != "" && p.Fingerprint != "" {
		c.fault("pki.fingerprint", "is there, but pki.ca_file is too")
	}
	if p.Fingerprint != "" {
		if _, err := pki.ParseFingerprint(p.Fingerprint); err != nil {
			c.fault("pki.fingerprint", "%v", err)
		}
	}
}
