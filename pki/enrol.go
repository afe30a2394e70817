package pki

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/subtle"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"understudy/env"
	"understudy/site"
	"understudy/wire"
)

// Lives of tokens.
const (
	DefaultTokenLife = time.Hour
	MaxTokenLife     = 31 * 24 * time.Hour
)

// NewToken returns a token with which a host may get the first certificate of these
// names, once. Only its digest is kept.
func (a *Authority) NewToken(ctx context.Context, names []site.FQDN, life time.Duration) (string, Record, error) {
	if err := a.checkNames(names); err != nil {
		return "", Record{}, err
	}
	if life < time.Second || life > MaxTokenLife {
		return "", Record{}, fmt.Errorf("a life of %s is not within 1s to %s", life, MaxTokenLife)
	}
	secret := env.Token(a.env.Rand("pki tokens"))
	now := a.env.Now().UTC()
	r := Record{Kind: Token, At: now, Name: names[0], Names: names, Token: digest(secret), Until: now.Add(life)}
	return secret, r, a.locked(ctx, func() error {
		for _, name := range names {
			if a.book.denied[name] {
				return fmt.Errorf("%s gets no certificates: allow it again with understudy pki revoke --undo %s", name, name)
			}
		}
		return a.book.append(r)
	})
}

// Enrol issues the first certificate of a host that has a token. Whoever repeats a
// request with the same key gets a certificate again: its answer may have been lost.
// Its refusals are problems.
func (a *Authority) Enrol(ctx context.Context, secret, csr string, life time.Duration, from string) (cert *x509.Certificate, err error) {
	request, problem := parseRequest(csr)
	if problem != nil {
		return nil, problem
	}
	err = a.locked(ctx, func() error {
		t, problem := a.book.ticket(secret, request, a.env.Now())
		if problem != nil {
			return problem
		}
		if problem := a.covers(t.Names, request); problem != nil {
			return problem
		}
		cert, err = a.issue(Order{Names: t.Names, Life: life, Key: request.PublicKey, How: ByToken, From: from, token: t.Token})
		return err
	})
	return cert, err
}

// ticket returns the token, if it may be used by the request's key. That it is known is only
// told to who has it.
func (b *book) ticket(secret string, r *x509.CertificateRequest, now time.Time) (ticket, *wire.Problem) {
	given := digest(secret)
	t, known := b.tokens[given]
	key := digest(string(r.RawSubjectPublicKeyInfo))
	switch {
	case !known || subtle.ConstantTimeCompare([]byte(t.Token), []byte(given)) != 1:
		return t, wire.NewProblem(http.StatusUnauthorized, wire.CodeUnauthorized, "the token is not known: ask for one, made with understudy pki token --name NAME")
	case t.usedBy != "" && t.usedBy != key:
		return t, wire.Problemf(http.StatusUnauthorized, wire.CodeUnauthorized, "the token for %s is used: a token counts once, ask for another", t.Name)
	case !now.Before(t.Until):
		return t, wire.Problemf(http.StatusUnauthorized, wire.CodeUnauthorized, "the token for %s ended at %s: ask for another", t.Name, t.Until.Format(time.RFC3339))
	}
	return t, nil
}

// Renew issues the next certificate to who shows the present one, with a new key. Its
// refusals are problems.
func (a *Authority) Renew(ctx context.Context, shown *x509.Certificate, csr string, life time.Duration, from string) (cert *x509.Certificate, err error) {
	names, problem := a.known(shown)
	if problem != nil {
		return nil, problem
	}
	request, problem := parseRequest(csr)
	switch {
	case problem != nil:
		return nil, problem
	case digest(string(request.RawSubjectPublicKeyInfo)) == keyDigest(shown):
		return nil, wire.NewProblem(http.StatusBadRequest, wire.CodeBadRequest, "the request has the key of the present certificate: make a new one for each")
	}
	err = a.locked(ctx, func() error {
		if problem := a.covers(names, request); problem != nil {
			return problem
		}
		cert, err = a.issue(Order{Names: names, Life: life, Key: request.PublicKey, How: ByRenewal, From: from})
		return err
	})
	return cert, err
}

// known returns the names of a certificate that may be renewed.
func (a *Authority) known(shown *x509.Certificate) ([]site.FQDN, *wire.Problem) {
	now := a.env.Now()
	if shown == nil {
		return nil, wire.NewProblem(http.StatusUnauthorized, wire.CodeUnauthorized, "no certificate was shown: renewal is for who has one, use a token for the first")
	}
	if err := a.verify(shown, shown.NotAfter.Add(-time.Second)); err != nil || shown.IsCA {
		return nil, wire.NewProblem(http.StatusUnauthorized, wire.CodeUnauthorized, "the certificate shown is not of this authority: enrol with a token")
	}
	if now.After(shown.NotAfter) || now.Before(shown.NotBefore) {
		return nil, wire.Problemf(http.StatusUnauthorized, wire.CodeUnauthorized, "the certificate shown counts from %s to %s, and it is %s here: look at the clocks, or enrol again with a token",
			shown.NotBefore.UTC().Format(time.RFC3339), shown.NotAfter.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	var names []site.FQDN
	for _, name := range shown.DNSNames {
		names = append(names, site.Canonical(name))
	}
	return names, nil
}

// covers refuses a request for a name that its sender has not shown to be, and one for
// a name that gets no certificates.
func (a *Authority) covers(names []site.FQDN, r *x509.CertificateRequest) *wire.Problem {
	for _, name := range r.DNSNames {
		if !slices.Contains(names, site.Canonical(name)) {
			return wire.Problemf(http.StatusForbidden, wire.CodeForbidden, "the request is for %s, but its sender may only be %s", wire.Clip(name), joined(names))
		}
	}
	for _, name := range names {
		if a.book.denied[name] {
			return wire.Problemf(http.StatusForbidden, wire.CodeForbidden, "%s gets no more certificates: an operator has denied it, who can allow it again with understudy pki revoke --undo %s", name, name)
		}
	}
	return nil
}

func joined(names []site.FQDN) string {
	texts := make([]string, len(names))
	for i, name := range names {
		texts[i] = string(name)
	}
	return strings.Join(texts, ", ")
}

// parseRequest reads a signing request and checks that its sender has the key.
func parseRequest(text string) (*x509.CertificateRequest, *wire.Problem) {
	r, err := readRequest(text)
	if err != nil {
		return nil, wire.Problemf(http.StatusBadRequest, wire.CodeBadRequest, "the signing request: %v", err)
	}
	return r, nil
}

func readRequest(text string) (*x509.CertificateRequest, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != "CERTIFICATE REQUEST" || strings.TrimSpace(string(rest)) != "" {
		return nil, errors.New("it is not one PEM block CERTIFICATE REQUEST")
	}
	r, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, err
	}
	if err := strong(r.PublicKey); err != nil {
		return nil, err
	}
	if err := r.CheckSignature(); err != nil {
		return nil, fmt.Errorf("it is not signed by its own key: %w", err)
	}
	if len(r.DNSNames) == 0 || len(r.DNSNames) > maxNames || len(r.IPAddresses)+len(r.EmailAddresses)+len(r.URIs) > 0 {
		return nil, fmt.Errorf("it needs 1 to %d DNS names and no other ones", maxNames)
	}
	return r, nil
}

// Bounds of RSA keys: shorter ones are weak, longer ones cost more than they are worth.
const (
	minRSA = 2048
	maxRSA = 8192
)

func strong(key any) error {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		if k.Curve.Params().BitSize < 256 {
			return fmt.Errorf("a key on the curve %s is too weak", k.Curve.Params().Name)
		}
		return nil
	case ed25519.PublicKey:
		return nil
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < minRSA || bits > maxRSA {
			return fmt.Errorf("an RSA key of %d bits is not within %d to %d", bits, minRSA, maxRSA)
		}
		return nil
	}
	return errors.New("its key is neither ECDSA, Ed25519 nor RSA")
}
