//go:build linux

package e2e_test

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"understudy/events"
	"understudy/wire"
)

const pkiName = "pki.example.test"

// pkiLife is that of the certificates: each is renewed once and ends within the test.
const pkiLife = 36 * time.Second

// issued is a stand whose zone has its certificates from understudy's own authority.
type issued struct {
	*secured
	dir, fingerprint string
	service          *process
}

func newIssuedStand(t *testing.T) *issued {
	t.Helper()
	s := &issued{secured: newSecured(t, 2, 2, pkiName)}
	s.dir = filepath.Join(s.stand.dir, "pki")
	made := understudy(t, "pki", "init", "--dir", s.dir, "--domain", "example.test", "-o", "json")
	if err := made.failure(); err != nil {
		t.Fatal(err)
	}
	var authority struct{ Fingerprint string }
	if err := json.Unmarshal([]byte(made.Out), &authority); err != nil {
		t.Fatal(err)
	}
	s.fingerprint = authority.Fingerprint
	at := s.net.Host(pkiName)
	s.service = start(t, command{Name: "pki", Host: at, Args: []string{
		"pki", "serve", "--dir", s.dir, "--name", pkiName, "--listen", at.Address + ":7446", "--life", pkiLife.String(),
	}})
	for _, u := range s.all() {
		u.guard = s.enrols(u.name, "")
	}
	last := s.zone[1]
	last.guard = s.enrols(last.name, s.fingerprint)
	front := s.file(frontName)
	if err := understudy(t, "pki", "issue", "--dir", s.dir, "--name", frontName, "--out", front).failure(); err != nil {
		t.Fatal(err)
	}
	s.frontFlags = []string{"--ca-file", s.ca(), "--cert-file", front + ".pem", "--cert-key-file", front + ".key"}
	return s
}

func (s *issued) ca() string              { return filepath.Join(s.dir, "ca.pem") }
func (s *issued) file(name string) string { return filepath.Join(s.stand.dir, name) }

// token writes a one-time token for the host and returns its file.
func (s *issued) token(name string) string {
	s.t.Helper()
	made := understudy(s.t, "pki", "token", "--dir", s.dir, "--name", name)
	if err := made.failure(); err != nil {
		s.t.Fatal(err)
	}
	return s.write(name+".token", made.Out)
}

// enrols is what the file of a host says that has nothing but a token, and the authority's
// certificate or its fingerprint.
func (s *issued) enrols(name, fingerprint string) string {
	s.t.Helper()
	ca := s.ca()
	if fingerprint != "" {
		ca, fingerprint = s.file(name)+"-ca.pem", ", fingerprint: "+fingerprint
	}
	return fmt.Sprintf("tls: {cert_file: %q, key_file: %q, ca_file: %q}\n", s.file(name)+".pem", s.file(name)+".key", ca) +
		fmt.Sprintf("pki: {url: \"https://%s:7446\", token_file: %q%s}", pkiName, s.token(name), fingerprint)
}

// cert is the certificate that a host has in its file now.
func (s *issued) cert(name string) (*x509.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(s.file(name)+".pem", s.file(name)+".key")
	return pair.Leaf, err
}

// Issue 6, 2: "a small CA for sites that have none (ECDSA, name constraints, short-lived leaf
// certificates, renewed by the agents themselves) … Enrolment of a new desktop with a
// one-time token": a zone starts with tokens alone, a new desktop comes later, all of them
// renew, and what desktops and users have outlives the first certificates.
func TestPKI(t *testing.T) {
	t.Parallel()
	s := newIssuedStand(t)
	old, fresh := s.desktops[0], s.desktops[1]
	s.desktops = []*unit{old}
	s.up()
	for _, u := range s.zone {
		u.raised(events.CertificateRenewed, "enrolled with a one-time token") // before it ran
	}
	session := s.launches("alice", "desktop:office")
	fresh.start()
	fresh.Says(step, "enrolled with a one-time token, which is used now")
	fresh.Says(step, `"msg":"registered"`)
	s.desktops = append(s.desktops, fresh)
	s.usesATokenOnce(t)

	ends := s.renewsAll(t)
	s.zone[0].raised(events.CertificateRenewed, "renewed by the certificate before")
	s.outlives(t, ends, session)
}

func (s *issued) all() []*unit { return slices.Concat(s.zone, s.desktops) }

// renewsAll waits until each host has its next certificate, and returns when the last of the
// first ones ends.
func (s *issued) renewsAll(t *testing.T) time.Time {
	t.Helper()
	var ends time.Time
	first := map[string]*x509.Certificate{}
	for _, u := range s.all() {
		cert, err := s.cert(u.name)
		if err != nil {
			t.Fatal(err)
		}
		if first[u.name] = cert; cert.NotAfter.After(ends) {
			ends = cert.NotAfter
		}
	}
	for _, u := range s.all() {
		u.Says(pkiLife, "renewed by the certificate before")
		next, err := s.cert(u.name)
		if err != nil || next.SerialNumber.Cmp(first[u.name].SerialNumber) == 0 || next.PublicKey.(*ecdsa.PublicKey).Equal(first[u.name].PublicKey) {
			t.Errorf("%s has its first certificate or key still (%v)", u.name, err)
		}
	}
	return ends
}

// usesATokenOnce: whoever finds a token that is used gets nothing for it.
func (s *issued) usesATokenOnce(t *testing.T) {
	t.Helper()
	again := s.run(s.front, "pki", "enrol", "--url", "https://"+pkiName+":7446", "--name", "ws001.example.test", "--out", s.file("thief"),
		"--ca-file", s.ca(), "--token-file", s.file("ws001.example.test.token"))
	if again.Code == 0 || !strings.Contains(again.Stderr, "a token counts once") {
		t.Errorf("a second host with the token of ws001: exit %d, %s", again.Code, again.Stderr)
	}
	if _, err := os.Stat(s.file("thief") + ".pem"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it has a certificate: %v", err)
	}
}

// outlives waits for the end of the last first certificate: new connections use the next ones,
// no desktop has registered anew, and the session is there.
func (s *issued) outlives(t *testing.T, ends time.Time, session wire.LaunchAnswer) {
	t.Helper()
	eventually(t, pkiLife, "the first certificates end", func() error {
		if left := time.Until(ends); left > -time.Second {
			return fmt.Errorf("in %s", left)
		}
		return nil
	})
	for _, u := range s.desktops {
		if n := strings.Count(u.Log(), `"msg":"registered"`); n != 1 {
			t.Errorf("%s registered %d times, want once", u.name, n)
		}
	}
	s.isNormal()
	if again := s.launches("alice", "desktop:office"); again.Session != session.Session {
		t.Errorf("alice got session %s, want %s again", again.Session, session.Session)
	}
	s.launches("bob", "desktop:pool")
}
