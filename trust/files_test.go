package trust_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"understudy/trust"
)

// authority makes certificates that end when the test says.
type authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

func newAuthority(t testing.TB, name string) *authority {
	t.Helper()
	a := &authority{t: t, key: newKey(t)}
	template := template(name, time.Now().Add(10*365*24*time.Hour))
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	a.pem = encode("CERTIFICATE", der)
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return a
}

// issue returns a certificate and its key.
func (a *authority) issue(name string, until time.Time) (cert, key string) {
	a.t.Helper()
	template := template(name, until)
	template.DNSNames = []string{name}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	own := newKey(a.t)
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, own.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		a.t.Fatal(err)
	}
	return encode("CERTIFICATE", der), encode("PRIVATE KEY", private)
}

func template(name string, until time.Time) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	if err != nil {
		panic(err)
	}
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: until,
	}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func encode(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// folder is a process's files.
type folder struct {
	t   testing.TB
	dir string
}

func (f folder) files() trust.Files {
	return trust.Files{Cert: f.path("cert.pem"), Key: f.path("key.pem"), CA: f.path("ca.pem")}
}

func (f folder) path(name string) string { return filepath.Join(f.dir, name) }

// put replaces a file as a person does: another time, and often another file.
func (f folder) put(name, text string) {
	f.t.Helper()
	fresh := f.path(name + ".fresh")
	if err := os.WriteFile(fresh, []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Rename(fresh, f.path(name)); err != nil {
		f.t.Fatal(err)
	}
}

// write changes a file in place.
func (f folder) write(name, text string) {
	f.t.Helper()
	if err := os.WriteFile(f.path(name), []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// newFolder has a certificate of an authority.
func newFolder(t testing.TB, a *authority, name string, until time.Time) folder {
	t.Helper()
	f := folder{t, t.TempDir()}
	cert, key := a.issue(name, until)
	f.put("cert.pem", cert)
	f.put("key.pem", key)
	f.put("ca.pem", a.pem)
	return f
}
