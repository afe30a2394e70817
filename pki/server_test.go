package pki_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"understudy/env"
	"understudy/pki"
	"understudy/site"
	"understudy/wire"
)

// served is an authority with its service on loopback.
type served struct {
	*pki.Authority
	dir, url string
	roots    *x509.CertPool
}

func serve(t testing.TB, e env.Env) *served {
	t.Helper()
	dir := t.TempDir() + "/ca"
	if err := pki.Init(e, dir, []string{"example.test", "localhost"}); err != nil {
		t.Fatal(err)
	}
	a := open(t, e, dir)
	ctx, cancel := context.WithCancel(context.Background())
	s, err := pki.NewServer(ctx, pki.ServerOptions{
		Env: e, Authority: a, Listen: "127.0.0.1:0", Names: []site.FQDN{"localhost"}, Life: time.Hour, Report: func(string, string, string, error) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the service ended with %v", err)
		}
	})
	_, port, _ := strings.Cut(s.Addr(), ":")
	return &served{Authority: a, dir: dir, url: "https://localhost:" + port, roots: roots(t, a)}
}

// post sends a body as it is.
func (s *served) post(t testing.TB, path, body string, show ...tls.Certificate) (int, wire.Problem) {
	t.Helper()
	transport := env.Real().Transport(env.Fixed(&tls.Config{MinVersion: tls.VersionTLS13, RootCAs: s.roots, Certificates: show}))
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Post(s.url+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var p wire.Problem
	if resp.StatusCode != http.StatusOK {
		if kind := resp.Header.Get("Content-Type"); kind != "application/problem+json" {
			t.Errorf("%s: a refusal as %s", path, kind)
		}
		if err := json.Unmarshal(text, &p); err != nil {
			t.Errorf("%s: %q is no problem document", path, text)
		}
	}
	return resp.StatusCode, p
}

// "A small HTTPS service (TLS 1.3, its own leaf) with enrol and renew."
func TestService(t *testing.T) {
	s := serve(t, env.Real())
	key, next := newKey(t), newKey(t)
	for name, c := range map[string]pki.Client{
		"by its CA":          {Env: env.Real(), URL: s.url, Roots: s.roots},
		"by its fingerprint": {Env: env.Real(), URL: s.url, Fingerprint: s.Fingerprint()},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.Enrol(t.Context(), token(t, s.Authority, time.Hour, "ws01.example.test"), csr(t, key, "ws01.example.test"))
			if err != nil || got.CA != s.CA() {
				t.Fatal(err)
			}
			pair := tls.Certificate{Certificate: [][]byte{parsePEM(t, got.Certificate).Raw}, PrivateKey: key}
			renewed, err := c.Renew(t.Context(), pair, csr(t, next, "ws01.example.test"))
			if err != nil || !next.PublicKey.Equal(parsePEM(t, renewed.Certificate).PublicKey) {
				t.Fatalf("renewal: %v", err)
			}
		})
	}
}

// A client that knows only a fingerprint talks to nobody else.
func TestFingerprintIsChecked(t *testing.T) {
	s, other := serve(t, env.Real()), serve(t, env.Real())
	for name, c := range map[string]struct {
		client pki.Client
		want   string
	}{
		"another authority": {pki.Client{URL: s.url, Fingerprint: other.Fingerprint()}, "no authority with the fingerprint"},
		"another host":      {pki.Client{URL: strings.Replace(s.url, "localhost", "127.0.0.1", 1), Fingerprint: s.Fingerprint()}, "127.0.0.1"},
		"neither":           {pki.Client{URL: s.url}, "neither"},
		"another CA":        {pki.Client{URL: s.url, Roots: other.roots}, "certificate"},
	} {
		c.client.Env = env.Real()
		_, err := c.client.Enrol(t.Context(), "token", "csr")
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestServiceRefuses(t *testing.T) {
	s := serve(t, env.Real())
	foreign, _ := authority(t, env.Real())
	stranger := pairOf(t, foreign, "ws01.example.test")
	request, err := json.Marshal(wire.Renewal{CSR: csr(t, newKey(t), "ws01.example.test")})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		path, body string
		show       []tls.Certificate
		status     int
		code       string
	}{
		"not found":     {"/", "{}", nil, 404, wire.CodeNotFound},
		"no JSON":       {"/pki/v1/enrol", "hello", nil, 400, wire.CodeBadRequest},
		"no token":      {"/pki/v1/enrol", `{"csr":"x"}`, nil, 400, wire.CodeBadRequest},
		"unknown field": {"/pki/v1/enrol", `{"token":"x","csr":"x","life":1}`, nil, 400, wire.CodeBadRequest},
		"too large":     {"/pki/v1/enrol", `{"token":"` + strings.Repeat("x", wire.MaxPKI) + `"}`, nil, 413, wire.CodeTooLarge},
		"no csr":        {"/pki/v1/renew", `{}`, nil, 400, wire.CodeBadRequest},
		"shows none":    {"/pki/v1/renew", string(request), nil, 401, wire.CodeUnauthorized},
		"another CA's":  {"/pki/v1/renew", string(request), []tls.Certificate{stranger}, 401, wire.CodeUnauthorized},
	} {
		if status, p := s.post(t, c.path, c.body, c.show...); status != c.status || p.Code != c.code {
			t.Errorf("%s: %d %s: %s; want %d %s", name, status, p.Code, p.Detail, c.status, c.code)
		}
	}
}

// pairOf is a certificate with its key.
func pairOf(t testing.TB, a *pki.Authority, name site.FQDN) tls.Certificate {
	t.Helper()
	key := newKey(t)
	cert, err := a.Issue(t.Context(), pki.Order{Names: []site.FQDN{name}, Life: time.Hour, Key: key.Public()})
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}
}

// "Rate limit per source": whoever asks without end is told to wait, before anything is read.
func TestServiceLimitsASource(t *testing.T) {
	s := serve(t, env.Real())
	for range 500 {
		if status, p := s.post(t, "/pki/v1/enrol", "hello"); status == http.StatusTooManyRequests {
			if p.Code != wire.CodeTooMany {
				t.Errorf("the code is %s", p.Code)
			}
			return
		}
	}
	t.Error("500 requests in a row were all served")
}

// Whatever is sent to enrol is a problem or a certificate, and never an internal error.
func FuzzEnrol(f *testing.F) {
	a, _ := authority(f, env.Real())
	secret := token(f, a, time.Hour, "ws01.example.test")
	for _, request := range []string{csr(f, newKey(f), "ws01.example.test"), "x", ""} {
		body, err := json.Marshal(wire.Enrolment{Token: secret, CSR: request})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		var asked wire.Enrolment
		if err := wire.Read(nil, r, wire.MaxPKI, wire.Refuse, &asked); err != nil {
			return
		}
		cert, err := a.Enrol(t.Context(), asked.Token, asked.CSR, time.Hour, "")
		if _, isProblem := err.(*wire.Problem); err != nil && !isProblem { //nolint:errorlint // it must be one, not wrap one
			t.Errorf("got %v, want a problem", err)
		}
		if err == nil && (asked.Token != secret || cert.DNSNames[0] != "ws01.example.test") {
			t.Errorf("%q got a certificate for %v", body, cert.DNSNames)
		}
	})
}
