package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"understudy/cloud"
	"understudy/cloud/server"
	"understudy/env"
	"understudy/site"
	"understudy/wire"
)

// signer makes certificates for a test.
type signer struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newSigner(t testing.TB) *signer {
	t.Helper()
	a := &signer{t: t}
	pair := a.issue(&x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	a.cert, a.key = pair.Leaf, pair.PrivateKey.(*ecdsa.PrivateKey)
	return a
}

func (a *signer) host(name string) tls.Certificate {
	return a.issue(&x509.Certificate{DNSNames: []string{name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}})
}

func (a *signer) issue(c *x509.Certificate) tls.Certificate {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, by := a.cert, a.key
	if parent == nil {
		parent, by = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key.Public(), by)
	if err != nil {
		a.t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func (a *signer) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// refusedByTLS stands for the status of no answer.
const refusedByTLS = 0

// "the connector authenticates to it with a certificate or token": a certificate that
// names a connector of the site is good for that one alone, and for those for whom it
// passes on.
func TestConnectorByCertificate(t *testing.T) {
	ca, stranger := newSigner(t), newSigner(t)
	o := options(t, t.TempDir())
	o.TLS = &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{ca.host("cloud.example")}, ClientCAs: ca.pool(), ClientAuth: tls.VerifyClientCertIfGiven,
	}
	s := startWith(t, o)
	ask := func(pair *tls.Certificate, token string, as site.FQDN) *cloud.Client {
		t.Helper()
		config := &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: ca.pool(), ServerName: "cloud.example"}
		if pair != nil {
			config.Certificates = []tls.Certificate{*pair}
		}
		c, err := cloud.New(cloud.Options{Env: env.Real(), URL: "https://" + s.Addr().String(), Site: "example", Connector: as, Zone: "east", Token: env.Always(token), TLS: env.Fixed(config)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	if _, err := ask(nil, adminSecret, "").PutSite(t.Context(), exampleSite(), site.Version{}); err != nil {
		t.Fatal(err)
	}
	own, other, desktop, foreign := ca.host("CC1.example"), ca.host("cc2.example"), ca.host("ws1.example"), stranger.host("cc1.example")
	for name, c := range map[string]struct {
		pair    *tls.Certificate
		token   string
		as, via site.FQDN
		want    int
	}{
		"its own":                      {&own, "", "cc1.example", "", http.StatusNotFound},
		"another connector's":          {&other, "", "cc1.example", "", http.StatusForbidden},
		"for whom it passes on":        {&own, "", "cc2.example", "cc1.example", http.StatusNotFound},
		"another one says it passes":   {&own, "", "cc1.example", "cc2.example", http.StatusForbidden},
		"a desktop's":                  {&desktop, "", "cc1.example", "", http.StatusUnauthorized},
		"of another authority":         {&foreign, "", "cc1.example", "", refusedByTLS},
		"none":                         {nil, "", "cc1.example", "", http.StatusUnauthorized},
		"a wrong token beside its own": {&own, "wrong-token-0123456789", "cc1.example", "", http.StatusUnauthorized},
		"a token and a desktop's":      {&desktop, connectorSecret, "cc1.example", "", http.StatusNotFound},
	} {
		header := http.Header{}
		if c.via != "" {
			header.Set(wire.HeaderVia, string(c.via))
		}
		resp, err := ask(c.pair, c.token, c.as).Forward(t.Context(), http.MethodGet, "/vda/v1/registrations/x", header, nil)
		if err != nil {
			if c.want != refusedByTLS {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		resp.Body.Close()
		if resp.StatusCode != c.want {
			t.Errorf("%s: %d, want %d", name, resp.StatusCode, c.want)
		}
	}
	if _, err := ask(&own, "", "cc1.example").PutSite(t.Context(), exampleSite(), site.Version{}); !wire.IsCode(err, wire.CodeForbidden) {
		t.Errorf("a connector's certificate published a site: %v", err)
	}
}

// Tokens are those of the moment: one that is removed from the file is unknown.
func TestTokensOfTheMoment(t *testing.T) {
	o := options(t, t.TempDir())
	var now atomic.Pointer[[]server.Token]
	all := o.Tokens()
	now.Store(&all)
	o.Tokens = func() []server.Token { return *now.Load() }
	s := startWith(t, o)
	health := func() error { _, err := s.client(t, boundSecret, "cc1.example").Health(t.Context()); return err }
	if err := health(); err != nil {
		t.Fatal(err)
	}
	fewer := all[:1]
	now.Store(&fewer)
	if err := health(); !wire.IsCode(err, wire.CodeUnauthorized) {
		t.Errorf("got %v, want the token unknown", err)
	}
}

// A connector that is there before the site: what is missing is the site, not its name.
func TestNoSiteYet(t *testing.T) {
	s := start(t, t.TempDir())
	calls, err := s.client(t, connectorSecret, "cc1.example").Calls(t.Context())
	if err == nil {
		_ = calls.Close()
	}
	if !wire.IsCode(err, wire.CodeNotInZone) || !strings.Contains(err.Error(), "no site has been published yet") {
		t.Errorf("got %v, want that there is no site", err)
	}
}

// Bad input gets an error that names the remedy: here the token that would do.
func TestTokenOfTheOtherRole(t *testing.T) {
	s := start(t, t.TempDir())
	_, err := s.client(t, connectorSecret, "cc1.example").Site(t.Context())
	if !wire.IsCode(err, wire.CodeForbidden) || !strings.Contains(err.Error(), "one of role admin may") {
		t.Errorf("got %v, want which role may", err)
	}
}
