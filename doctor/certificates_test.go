package doctor

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"understudy/config"
)

const day = 24 * time.Hour

// pki makes certificates of one authority.
type pki struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newPKI(t *testing.T, now time.Time) *pki {
	t.Helper()
	a := &pki{dir: t.TempDir(), key: newKey(t)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotBefore: now.Add(-1000 * day), NotAfter: now.Add(1000 * day),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.write(t, "ca.pem", "CERTIFICATE", der)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *pki) write(t *testing.T, name, kind string, der []byte) string {
	t.Helper()
	path := filepath.Join(a.dir, name)
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// issue makes the files of one that is good for two years, but for what change makes of it.
func (a *pki) issue(t *testing.T, now time.Time, change func(*x509.Certificate)) {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "cc01"}, DNSNames: []string{"cc01.example.test"}, NotBefore: now.Add(-700 * day), NotAfter: now.Add(700 * day),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	change(template)
	key := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	a.write(t, "cc01.pem", "CERTIFICATE", der)
	a.write(t, "cc01.key", "PRIVATE KEY", private)
}

// judge looks at the files as doctor does.
func (a *pki) judge(now time.Time) []Finding {
	t := config.TLS{CertFile: filepath.Join(a.dir, "cc01.pem"), KeyFile: filepath.Join(a.dir, "cc01.key"), CAFile: filepath.Join(a.dir, "ca.pem")}
	p := &patient{doctor: &doctor{Options: Options{Kind: Connector}, now: now}, name: "cc01.example.test", tls: t, files: []config.NamedFile{
		{Key: "tls.cert_file", Path: t.CertFile}, {Key: "tls.key_file", Path: t.KeyFile, Secret: true},
	}}
	return p.certificates(context.Background())
}

// spoilt are certificates with a fault each, and its name.
func spoilt(now time.Time) map[string]func(*x509.Certificate) {
	ends := func(in time.Duration) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.NotAfter = now.Add(in).UTC() }
	}
	return map[string]func(*x509.Certificate){
		"cert_expired":      ends(-time.Second),
		"cert_ends_at_once": ends(3*day - time.Minute),
		"cert_ends":         ends(30*day - time.Minute),
		"cert_early":        func(c *x509.Certificate) { c.NotBefore = now.Add(time.Minute) },
		"cert_name":         func(c *x509.Certificate) { c.DNSNames = []string{"cc02.example.test"} },
		"cert_usage":        func(c *x509.Certificate) { c.ExtKeyUsage = c.ExtKeyUsage[:1] },
	}
}

func certificateFindings(t *testing.T) []Finding {
	t.Helper()
	now := time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)
	var out []Finding
	for _, change := range spoilt(now) {
		a := newPKI(t, now)
		a.issue(t, now, change)
		out = append(out, a.judge(now)...)
	}
	return append(out, found("key_mismatch", "x", "y", places{"path": "a", "key_path": "b"}),
		found("cert_no_token", "x", "y", places{"host": "a", "token": "b"}))
}

// "certificates (files exist, key matches, chain to the CA, names the own FQDN, usages,
// not after < 30 days warning, < 3 days or expired error, not yet valid)".
func TestCertificates(t *testing.T) {
	now := time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)
	for name, change := range spoilt(now) {
		t.Run(name, func(t *testing.T) {
			a := newPKI(t, now)
			a.issue(t, now, change)
			if got := a.judge(now); len(got) != 1 || got[0].Name != name {
				t.Errorf("got %+v, want %s alone", got, name)
			}
		})
	}
	a, other := newPKI(t, now), newPKI(t, now)
	a.issue(t, now, func(c *x509.Certificate) { c.NotAfter = now.Add(30*day + time.Minute) })
	if got := a.judge(now); len(got) != 1 || got[0].Result != OK {
		t.Errorf("a good one: %+v", got)
	}
	spoil := func(name string, text []byte, want ...string) {
		t.Helper()
		file := filepath.Join(a.dir, name)
		good, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.WriteFile(file, good, 0o600) }()
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range a.judge(now) {
			got = append(got, f.Name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	foreign, _ := os.ReadFile(filepath.Join(other.dir, "ca.pem"))
	private, _ := x509.MarshalPKCS8PrivateKey(newKey(t))
	spoil("ca.pem", foreign, "cert_untrusted")
	spoil("cc01.pem", []byte("nothing"), "cert_unreadable")
	spoil("cc01.key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), "key_mismatch")
	spoil("cc01.key", []byte("nothing"), "cert_unreadable")
}

// "Certificates live 30 days", says docs/pki.md of understudy's own authority: such a life is no fault.
func TestNewCertificateOfAShortLife(t *testing.T) {
	now := time.Date(2030, 1, 2, 12, 0, 0, 0, time.UTC)
	for left, want := range map[time.Duration]string{29 * day: "", 7 * day: "cert_ends", 2 * day: "cert_ends_at_once"} {
		a := newPKI(t, now)
		a.issue(t, now, func(c *x509.Certificate) { c.NotAfter = now.Add(left); c.NotBefore = c.NotAfter.Add(-30 * day) })
		if got := a.judge(now); len(got) != 1 || got[0].Name != want {
			t.Errorf("%s before its end: got %+v, want %q", left, got, want)
		}
	}
}

// "With it tls.cert_file and tls.key_file need not exist yet": that is no fault while there is a token.
func TestCertificateThatIsNotThereYet(t *testing.T) {
	dir := t.TempDir()
	token := filepath.Join(dir, "token")
	p := &patient{doctor: &doctor{}, name: "cc01.example.test", files: []config.NamedFile{
		{Key: "tls.cert_file", Path: filepath.Join(dir, "cc01.pem"), Later: true},
		{Key: "tls.key_file", Path: filepath.Join(dir, "cc01.key"), Secret: true, Later: true},
		{Key: "pki.token_file", Path: token, Secret: true, Later: true},
	}}
	if got := p.certificates(t.Context()); len(got) != 1 || got[0].Name != "cert_no_token" {
		t.Errorf("without a token: %+v", got)
	}
	if err := os.WriteFile(token, []byte("abcdefghijklmnop\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := p.certificates(t.Context()); len(got) != 1 || got[0].Result != Skipped {
		t.Errorf("with a token: %+v", got)
	}
}
