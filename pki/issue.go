package pki

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"io"
	"math/big"
	"net"
	"time"

	"understudy/env"
	"understudy/site"
)

const (
	// backdated lets a certificate count at once on hosts whose clocks are a little behind;
	// lives that are shorter than ten times that are backdated by a tenth.
	backdated = time.Minute
	// maxCommon is the most that fits into a subject.
	maxCommon = 64
)

// Order is a certificate to be issued.
type Order struct {
	Names []site.FQDN
	Life  time.Duration
	Key   crypto.PublicKey
	// How and From say in the ledger why it was issued, and to which address.
	How, From string
	token     string // the digest of the token that is used up by it
}

// Ways in which certificates are issued.
const (
	ByHand    = "by hand"
	ByToken   = "token"
	ByRenewal = "renewal"
	Own       = "own"
)

// Issue signs a certificate, which is in the ledger before anybody has it.
func (a *Authority) Issue(ctx context.Context, o Order) (cert *x509.Certificate, err error) {
	err = a.locked(ctx, func() error {
		cert, err = a.issue(o)
		return err
	})
	return cert, err
}

// issue is Issue for who holds the lock.
func (a *Authority) issue(o Order) (*x509.Certificate, error) {
	if err := a.checkOrder(o); err != nil {
		return nil, err
	}
	template := leafTemplate(a.env, o)
	der, err := x509.CreateCertificate(a.env.Rand("pki signatures"), template, a.cert, o.Key, a.key)
	if err != nil {
		return nil, fmt.Errorf("sign the certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read the certificate again: %w", err)
	}
	if err := a.verify(cert, a.env.Now()); err != nil {
		return nil, fmt.Errorf("the certificate would not count: %w", err)
	}
	return cert, a.book.append(Record{
		Kind: Issued, At: a.env.Now().UTC(), Name: o.Names[0], Names: o.Names, Serial: serial(cert), NotBefore: cert.NotBefore, NotAfter: cert.NotAfter,
		Key: keyDigest(cert), How: o.How, From: o.From, Token: o.token,
	})
}

func (a *Authority) checkOrder(o Order) error {
	if err := a.checkNames(o.Names); err != nil {
		return err
	}
	for _, name := range o.Names {
		if a.book.denied[name] {
			return fmt.Errorf("%s gets no certificates: allow it again with understudy pki revoke --undo %s", name, name)
		}
	}
	if o.Life < MinLife || o.Life > MaxLife {
		return fmt.Errorf("a life of %s is not within %s to %s", o.Life, MinLife, MaxLife)
	}
	if a.env.Now().Add(o.Life).After(a.cert.NotAfter) {
		return fmt.Errorf("the authority itself ends on %s, before the certificate would: make a new one with understudy pki init", a.cert.NotAfter.Format(time.DateOnly))
	}
	return nil
}

// verify checks a certificate as any TLS peer does.
func (a *Authority) verify(cert *x509.Certificate, now time.Time) error {
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	_, err := cert.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	return err
}

func leafTemplate(e env.Env, o Order) *x509.Certificate {
	now := e.Now()
	t := &x509.Certificate{
		SerialNumber: newSerial(e.Rand("pki serials")),
		NotBefore:    now.Add(-min(backdated, o.Life/10)), NotAfter: now.Add(o.Life),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
	}
	for _, name := range o.Names {
		t.DNSNames = append(t.DNSNames, string(name))
	}
	if len(o.Names[0]) <= maxCommon {
		t.Subject = pkix.Name{CommonName: string(o.Names[0])}
	}
	return t
}

// authorityTemplate: one root without others below it, because an issuing authority
// whose key lies in the same folder would protect nothing. No IP address can be signed
// for, and mail and URI names only within the domains.
func authorityTemplate(e env.Env, domains []string) *x509.Certificate {
	now := e.Now()
	return &x509.Certificate{
		SerialNumber: newSerial(e.Rand("pki serials")),
		Subject:      pkix.Name{CommonName: "Understudy authority " + env.Short(e.Rand("pki serials"), 8), Organization: []string{domains[0]}},
		NotBefore:    now.Add(-backdated), NotAfter: now.Add(AuthorityLife),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         domains, PermittedEmailAddresses: domains, PermittedURIDomains: domains,
		ExcludedIPRanges: []*net.IPNet{
			{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)},
			{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)},
		},
	}
}

// newSerial returns 128 random bits, of which the first is no zero byte.
func newSerial(r io.Reader) *big.Int {
	var b [16]byte
	for b[0] == 0 {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			panic("pki: the random source failed: " + err.Error())
		}
	}
	return new(big.Int).SetBytes(b[:])
}

func serial(c *x509.Certificate) string { return hex.EncodeToString(c.SerialNumber.Bytes()) }

func keyDigest(c *x509.Certificate) string { return digest(string(c.RawSubjectPublicKeyInfo)) }

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
