package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"understudy/config"
	"understudy/site"
	"understudy/trust"
)

// certFacts are a file with certificates and what belongs to it.
type certFacts struct {
	key, path, keyPath, ca string
	chain                  []*x509.Certificate
	err                    error // of reading
	pair                   error // of the private key
	roots                  *x509.CertPool
	// name is what the first certificate has to be for; used as server and client.
	name  string
	usage bool
}

// certificates looks at those of the host, and at the authorities that it trusts.
func (p *patient) certificates(context.Context) []Finding {
	var out []Finding
	for _, f := range p.files {
		switch {
		case f.Later && missing(f.Path):
			out = append(out, p.notYet(f)...)
		case strings.HasSuffix(f.Key, "ca_file"):
			out = append(out, judgeCertificates(authorities(f), p.now)...)
		case strings.HasSuffix(f.Key, "cert_file"):
			out = append(out, judgeCertificates(p.certificate(f), p.now)...)
		}
	}
	if len(out) == 0 {
		out = append(out, skipped(checkCerts, p.File, "the file names none"))
	}
	return out
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// notYet is what to say of a file that the process will get from its authority.
func (p *patient) notYet(f config.NamedFile) []Finding {
	about := f.Key + " " + f.Path
	switch f.Key {
	case "tls.ca_file":
		return []Finding{skipped(checkCerts, about, "it is not there yet: the process makes it, by pki.fingerprint")}
	case "tls.cert_file":
	default:
		return nil
	}
	token := "the file of `pki.token_file`"
	if i := slices.IndexFunc(p.files, func(n config.NamedFile) bool { return n.Key == "pki.token_file" }); i >= 0 {
		token = p.files[i].Path
		if _, err := config.ReadSecret(token); err == nil {
			return []Finding{skipped(checkCerts, about, "it is not there yet: the process gets it from pki.url, with the token in "+token)}
		}
	}
	return []Finding{found("cert_no_token", about, "it is not there yet, and there is no token to get it with", places{"token": token, "host": p.name})}
}

func authorities(f config.NamedFile) certFacts {
	c := certFacts{key: f.Key, path: f.Path}
	c.chain, c.err = readChain(f.Path)
	return c
}

func (p *patient) certificate(f config.NamedFile) certFacts {
	c := authorities(f)
	own := strings.TrimSuffix(f.Key, "cert_file") + "key_file"
	if i := slices.IndexFunc(p.files, func(k config.NamedFile) bool { return k.Key == own }); i >= 0 {
		c.keyPath = p.files[i].Path
		_, c.pair = tls.LoadX509KeyPair(f.Path, c.keyPath)
	}
	if f.Key != "tls.cert_file" {
		return c // it signs; nobody connects with it
	}
	c.name, c.usage, c.ca = p.name, p.Kind != Cloud, p.tls.CAFile
	if trusted, err := readChain(p.tls.CAFile); err == nil && p.Kind != Cloud {
		c.roots = x509.NewCertPool()
		for _, a := range trusted {
			c.roots.AddCert(a)
		}
	}
	return c
}

// readChain reads all certificates of a PEM file.
func readChain(path string) ([]*x509.Certificate, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var chain []*x509.Certificate
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", len(chain)+1, err)
		}
		chain = append(chain, c)
	}
	if len(chain) == 0 {
		return nil, errors.New("there is no PEM certificate in it")
	}
	return chain, nil
}

// judgeCertificates says everything that is wrong with a file, or that nothing is.
func judgeCertificates(c certFacts, now time.Time) []Finding {
	about := c.key + " " + c.path
	p := places{"path": c.path, "key_path": cmp.Or(c.keyPath, "the key's file"), "host": c.name, "ca": c.ca}
	if c.err != nil {
		return []Finding{found("cert_unreadable", about, c.err.Error(), p)}
	}
	var out []Finding
	if c.pair != nil {
		out = append(out, judgePair(c, about, p))
	}
	early := false
	for _, x := range c.chain {
		name, detail := validity(x, now)
		early = early || name == "cert_expired" || name == "cert_early"
		if name != "" {
			out = append(out, found(name, about, subject(x)+" "+detail, p))
		}
	}
	out = append(out, c.judgeUse(about, p, now, early)...)
	if len(out) == 0 {
		end := slices.MinFunc(c.chain, func(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) }).NotAfter
		out = append(out, fine(checkCerts, about, "good until %s", end.UTC().Format(time.DateOnly)))
	}
	return out
}

func judgePair(c certFacts, about string, p places) Finding {
	if strings.Contains(c.pair.Error(), "does not match") { // crypto/tls has no type for it
		return found("key_mismatch", about, c.pair.Error(), p)
	}
	p["path"] = c.keyPath
	return found("cert_unreadable", about, c.pair.Error(), p)
}

// validity judges by this host's clock, as TLS does.
func validity(x *x509.Certificate, now time.Time) (name, detail string) {
	left := x.NotAfter.Sub(now)
	end := x.NotAfter.UTC().Format(time.RFC3339)
	switch {
	case now.Before(x.NotBefore):
		return "cert_early", "is valid from " + x.NotBefore.UTC().Format(time.RFC3339) + " on"
	case left < 0:
		return "cert_expired", "expired on " + end
	case trust.About(x, now).Urgent():
		return "cert_ends_at_once", fmt.Sprintf("expires on %s, in %d hours", end, int(left.Hours()))
	case trust.About(x, now).Expires():
		return "cert_ends", fmt.Sprintf("expires on %s, in %d days", end, int(left.Hours()/24))
	}
	return "", ""
}

// judgeUse judges who the certificate is for. One that is out of date is not judged for
// its chain: that would say the same again.
func (c certFacts) judgeUse(about string, p places, now time.Time, outdated bool) []Finding {
	var out []Finding
	leaf := c.chain[0]
	if c.name != "" && !names(leaf, c.name) {
		out = append(out, found("cert_name", about, subject(leaf)+" is for "+orNothing(strings.Join(leaf.DNSNames, ", "))+", not for "+c.name, p))
	}
	if c.usage && !(allows(leaf, x509.ExtKeyUsageServerAuth) && allows(leaf, x509.ExtKeyUsageClientAuth)) {
		out = append(out, found("cert_usage", about, subject(leaf)+" lacks one of the usages server and client", p))
	}
	if c.roots == nil || outdated {
		return out
	}
	between := x509.NewCertPool()
	for _, x := range c.chain[1:] {
		between.AddCert(x)
	}
	o := x509.VerifyOptions{Roots: c.roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	if _, err := leaf.Verify(o); err != nil {
		out = append(out, found("cert_untrusted", about, err.Error(), p))
	}
	return out
}

func names(x *x509.Certificate, name string) bool {
	return slices.ContainsFunc(x.DNSNames, func(dns string) bool { return site.Canonical(dns) == site.Canonical(name) })
}

// allows: without extended usages a certificate may be used for everything.
func allows(x *x509.Certificate, u x509.ExtKeyUsage) bool {
	return len(x.ExtKeyUsage)+len(x.UnknownExtKeyUsage) == 0 || slices.Contains(x.ExtKeyUsage, u) || slices.Contains(x.ExtKeyUsage, x509.ExtKeyUsageAny)
}

func subject(x *x509.Certificate) string {
	return "the certificate of " + cmp.Or(x.Subject.CommonName, strings.Join(x.DNSNames, ", "), "nobody")
}

func orNothing(text string) string { return cmp.Or(text, "no DNS name") }
