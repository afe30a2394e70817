package desktop_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"understudy/desktop"
	"understudy/wire"
)

// Design 6: only with the current lease and no lower term than it has seen does a
// broker do anything with a host; a reset is no exception.
func TestWhoMayReset(t *testing.T) {
	bubble(t, 30, plain, func(r *rig) {
		t := r.t
		for _, c := range []struct {
			name string
			body any
			want string
		}{
			{"another lease", wire.Reset{Lease: "lease0", Term: 1}, "403 lease_stale"},
			{"no lease", wire.Reset{Term: 9}, "403 lease_stale"},
			{"nothing named", nil, "403 lease_stale"},
			{"a lower term", wire.Reset{Lease: "lease1"}, "403 lease_stale"},
			{"no object", "text", "400 bad_request"},
		} {
			if got := r.call(t, http.MethodPost, "/v1/reset", c.body); got != c.want {
				t.Errorf("%s: got %s, want %s", c.name, got, c.want)
			}
		}
		if got := r.prepare(t, "alice", "s1"); got != "201" {
			t.Errorf("prepare: got %s, want 201: nothing was reset", got)
		}
		if got := r.call(t, http.MethodPost, "/v1/reset", wire.Reset{Lease: "lease1", Term: 7}); got != "409 busy" {
			t.Errorf("a reservation: got %s, want 409 busy", got)
		}
		r.call(t, http.MethodDelete, "/v1/sessions/s1", nil)
		if got := r.call(t, http.MethodPost, "/v1/reset", wire.Reset{Lease: "lease1", Term: 7}); got != "202" {
			t.Errorf("by right: got %s, want 202", got)
		}
		after(2 * time.Second)
		synctest.Wait()
		if got := r.prepare(t, "alice", "s2"); got != "403 lease_stale" {
			t.Errorf("term 1 after a reset of term 7: got %s, want 403 lease_stale", got)
		}
	})
}

// Design 9: with TLS only a connector calls a host: one that its file or its lease
// names. Any other certificate of the CA is refused.
func TestOnlyConnectorsCall(t *testing.T) {
	ca := newAuthority(t)
	z := &fakeZone{start: time.Now()}
	registered := make(chan struct{}, 10)
	z.answer = func(seen) (int, any, string) {
		l := z.lease()
		l.Connectors = []string{"https://CC02.example.test.:7480"}
		registered <- struct{}{}
		return http.StatusCreated, l, ""
	}
	o := options(t)
	o.Transport, o.Connectors = z, [][]string{{"https://cc01.example.test:7480"}}
	o.ServerTLS = ca.config(t, "d1.example.test")
	a, err := desktop.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	<-registered
	for name, want := range map[string]string{
		"cc01.example.test": "404 not_found", "cc02.example.test": "404 not_found",
		"cc03.example.test": "403 forbidden", "sf01.example.test": "403 forbidden", "d1.example.test": "403 forbidden",
	} {
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: ca.config(t, name)}}
		eventually(t, func() (string, string) {
			return asked(t, client, http.MethodDelete, "https://"+a.Addr().String()+"/v1/sessions/none", nil), want
		})
		client.CloseIdleConnections()
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: ca.config(t, "sf01.example.test")}}
	defer client.CloseIdleConnections()
	for path, body := range map[string]any{"/v1/sessions": wire.Prepare{}, "/v1/reset": wire.Reset{}} {
		if got := asked(t, client, http.MethodPost, "https://"+a.Addr().String()+path, body); got != "403 forbidden" {
			t.Errorf("%s: got %s, want 403 forbidden", path, got)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("run: %v", err)
	}
}

// eventually waits until the lease has been taken over.
func eventually(t testing.TB, compare func() (got, want string)) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; <-time.After(10 * time.Millisecond) {
		got, want := compare()
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			t.Errorf("got %s, want %s", got, want)
			return
		}
	}
}

// authority signs certificates of one test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{key: newKey(t), pool: x509.NewCertPool()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pool.AddCert(a.cert)
	return a
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// config is that of a host with a certificate of the name, for both sides.
func (a *authority) config(t testing.TB, name string) *tls.Config {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, RootCAs: a.pool, ServerName: "d1.example.test",
		ClientCAs: a.pool, ClientAuth: tls.RequireAndVerifyClientCert,
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
	}
}
