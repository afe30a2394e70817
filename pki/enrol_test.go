package pki_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"understudy/env"
	"understudy/pki"
	"understudy/site"
	"understudy/wire"
)

// csr is a signing request for names.
func csr(t testing.TB, key crypto.Signer, names ...string) string {
	t.Helper()
	return csrOf(t, key, &x509.CertificateRequest{DNSNames: names})
}

func csrOf(t testing.TB, key crypto.Signer, template *x509.CertificateRequest) string {
	t.Helper()
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
}

func token(t testing.TB, a *pki.Authority, life time.Duration, names ...site.FQDN) string {
	t.Helper()
	secret, _, err := a.NewToken(t.Context(), names, life)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// refused wants a problem with that code whose detail has the words.
func refused(t testing.TB, err error, code, words string) {
	t.Helper()
	if !wire.IsCode(err, code) || !strings.Contains(err.Error(), words) {
		t.Errorf("got %v, want %s with %q", err, code, words)
	}
}

// "Enrolment of a new desktop with a one-time token": one-time, bound to one name, with
// an end, stored hashed.
func TestEnrol(t *testing.T) {
	e, now := clocked()
	dir := filepath.Join(t.TempDir(), "ca")
	if err := pki.Init(e, dir, []string{"example.test"}); err != nil {
		t.Fatal(err)
	}
	a := open(t, e, dir)
	key, thief := newKey(t), newKey(t)
	secret := token(t, a, time.Hour, "ws01.example.test", "vip.example.test")
	late := token(t, a, time.Hour, "ws02.example.test")

	_, err := a.Enrol(t.Context(), secret, csr(t, thief, "ws02.example.test"), time.Hour, "")
	refused(t, err, wire.CodeForbidden, "ws02.example.test, but its sender may only be ws01.example.test, vip.example.test")
	_, err = a.Enrol(t.Context(), "not-a-token", csr(t, thief, "ws01.example.test"), time.Hour, "")
	refused(t, err, wire.CodeUnauthorized, "not known")
	cert, err := a.Enrol(t.Context(), secret, csr(t, key, "ws01.example.test"), time.Hour, "10.0.0.1")
	if err != nil || strings.Join(cert.DNSNames, " ") != "ws01.example.test vip.example.test" {
		t.Fatalf("got %v and %v, want both names of the token", cert, err)
	}
	_, err = a.Enrol(t.Context(), secret, csr(t, thief, "ws01.example.test"), time.Hour, "")
	refused(t, err, wire.CodeUnauthorized, "a token counts once")
	// Another process knows it too.
	_, err = open(t, e, dir).Enrol(t.Context(), secret, csr(t, thief, "ws01.example.test"), time.Hour, "")
	refused(t, err, wire.CodeUnauthorized, "a token counts once")
	if _, err := a.Enrol(t.Context(), secret, csr(t, key, "ws01.example.test"), time.Hour, ""); err != nil {
		t.Errorf("the same host whose answer was lost: %v", err)
	}
	*now = now.Add(time.Hour)
	_, err = a.Enrol(t.Context(), late, csr(t, key, "ws02.example.test"), time.Hour, "")
	refused(t, err, wire.CodeUnauthorized, "ended at")
	ledger, err := os.ReadFile(filepath.Join(dir, "ledger.jsonl"))
	if err != nil || strings.Contains(string(ledger), secret) || strings.Contains(string(ledger), late) {
		t.Errorf("the ledger holds a token (%v)", err)
	}
}

// clocked is a world whose wall clock the test sets.
func clocked() (env.Env, *time.Time) {
	e, now := env.Real(), time.Now()
	e.Now = func() time.Time { return now }
	return e, &now
}

// "Renewal with a certificate that is expired / of another CA / for other names refused";
// "new key each time".
func TestRenew(t *testing.T) {
	e, now := clocked()
	dir := filepath.Join(t.TempDir(), "ca")
	if err := pki.Init(e, dir, []string{"example.test"}); err != nil {
		t.Fatal(err)
	}
	a := open(t, e, dir)
	other, _ := authority(t, e)
	key, next := newKey(t), newKey(t)
	order := pki.Order{Names: []site.FQDN{"ws01.example.test", "vip.example.test"}, Life: time.Hour, Key: key.Public()}
	cert, err := a.Issue(t.Context(), order)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := other.Issue(t.Context(), order)
	if err != nil {
		t.Fatal(err)
	}
	renew := func(shown *x509.Certificate, request string) error {
		got, err := a.Renew(t.Context(), shown, request, time.Hour, "")
		if err == nil && strings.Join(got.DNSNames, " ") != "ws01.example.test vip.example.test" {
			t.Errorf("renewed for %v", got.DNSNames)
		}
		return err
	}
	good := csr(t, next, "ws01.example.test")
	refused(t, renew(nil, good), wire.CodeUnauthorized, "no certificate was shown")
	refused(t, renew(foreign, good), wire.CodeUnauthorized, "not of this authority")
	refused(t, renew(parsePEM(t, a.CA()), good), wire.CodeUnauthorized, "not of this authority")
	refused(t, renew(cert, csr(t, next, "ws02.example.test")), wire.CodeForbidden, "may only be")
	refused(t, renew(cert, csr(t, next, "ws01.example.test", "ws02.example.test")), wire.CodeForbidden, "may only be")
	refused(t, renew(cert, csr(t, key, "ws01.example.test")), wire.CodeBadRequest, "a new one for each")
	if err := renew(cert, good); err != nil {
		t.Errorf("renewal: %v", err)
	}
	if err := a.Deny(t.Context(), "ws01.example.test", false); err != nil {
		t.Fatal(err)
	}
	refused(t, renew(cert, good), wire.CodeForbidden, "revoke --undo ws01.example.test")
	if _, _, err := a.NewToken(t.Context(), []site.FQDN{"ws01.example.test"}, time.Hour); err == nil {
		t.Error("a denied name got a token")
	}
	if err := a.Deny(t.Context(), "ws01.example.test", true); err != nil {
		t.Fatal(err)
	}
	if err := renew(cert, good); err != nil {
		t.Errorf("allowed again: %v", err)
	}
	*now = now.Add(time.Hour + time.Second)
	refused(t, renew(cert, good), wire.CodeUnauthorized, "enrol again with a token")
}

func TestRequestsAreJudged(t *testing.T) {
	a, _ := authority(t, env.Real())
	key := newKey(t)
	weak, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := csr(t, key, "ws01.example.test")
	block, _ := pem.Decode([]byte(good))
	block.Bytes[len(block.Bytes)-1] ^= 1
	for name, c := range map[string]struct{ request, want string }{
		"no PEM":      {"hello", "not one PEM block"},
		"two":         {good + good, "not one PEM block"},
		"a key":       {strings.ReplaceAll(good, "CERTIFICATE REQUEST", "PRIVATE KEY"), "not one PEM block"},
		"no DER":      {"-----BEGIN CERTIFICATE REQUEST-----\naGVsbG8=\n-----END CERTIFICATE REQUEST-----\n", "asn1"},
		"no names":    {csr(t, key), "DNS names"},
		"an address":  {csrOf(t, key, &x509.CertificateRequest{DNSNames: []string{"ws01.example.test"}, IPAddresses: []net.IP{{10, 0, 0, 1}}}), "no other ones"},
		"weak curve":  {csr(t, weak, "ws01.example.test"), "too weak"},
		"foreign key": {string(pem.EncodeToMemory(block)), "not signed by its own key"},
		"short RSA":   {csr(t, shortRSA(t), "ws01.example.test"), "not within 2048 to 8192"},
	} {
		_, err := a.Enrol(t.Context(), token(t, a, time.Hour, "ws01.example.test"), c.request, time.Hour, "")
		if !wire.IsCode(err, wire.CodeBadRequest) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func shortRSA(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	t.Setenv("GODEBUG", "rsa1024min=0")
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
