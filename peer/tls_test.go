package peer_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"understudy/env"
	"understudy/peer"
	"understudy/site"
	"understudy/wire"
)

// authority signs certificates of one test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{cert: cert, key: key, pool: x509.NewCertPool()}
	a.pool.AddCert(cert)
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
func (a *authority) config(t testing.TB, name site.FQDN) *tls.Config {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), DNSNames: []string{string(name)}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13, RootCAs: a.pool, ClientCAs: a.pool, ClientAuth: tls.RequireAndVerifyClientCert,
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
	}
}

func newSecureNode(t testing.TB, name site.FQDN, config *tls.Config) *node {
	t.Helper()
	l := listen(t)
	n := &node{name: name, url: "https://" + l.Addr().String()}
	mesh, err := peer.New(peer.Options{
		Env: env.Real(), Self: name, Site: "example", Zone: "west", TLS: env.Fixed(config.Clone()), Interval: 20 * time.Millisecond,
		Deadline: func() time.Duration { return time.Minute },
	})
	if err != nil {
		t.Fatal(err)
	}
	n.Mesh = mesh
	n.server = &http.Server{Handler: mesh.Members(mesh.Handler()), TLSConfig: config, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = n.server.ServeTLS(l, "", "") }()
	n.run(t)
	return n
}

// Design 9: mutual TLS on peer; the certificate's DNS name is the FQDN.
func TestPeersKnowEachOtherByTheirCertificates(t *testing.T) {
	a := newAuthority(t)
	cc01 := newSecureNode(t, "cc01", a.config(t, "cc01"))
	cc02 := newSecureNode(t, "cc02", a.config(t, "cc02"))
	liar := newSecureNode(t, "cc03", a.config(t, "somebody"))
	join(cc01, cc02, liar)
	for _, n := range []*node{cc01, cc02, liar} {
		n.say(nil)
	}
	eventually(t, "cc01 and cc02 hear each other", func() bool {
		return cc01.sight(t, "cc02").Heard && cc02.sight(t, "cc01").Heard
	})
	eventually(t, "the liar is refused", func() bool { return liar.sight(t, "cc01").Link == peer.LinkRefused })
	if s := cc01.sight(t, "cc03"); s.Heard {
		t.Error("cc01 hears somebody whose certificate is not that of cc03")
	}
	eventually(t, "cc01 says that the certificate of cc03 is wrong", func() bool {
		return strings.Contains(cc01.sight(t, "cc03").Reason, "certificate")
	})
	err := liar.Do(t.Context(), "cc01", http.MethodPost, "/peer/v1/facts", nil, nil)
	if !wire.IsCode(err, wire.CodeNotInZone) {
		t.Errorf("the liar's request came back with %v", err)
	}
}
