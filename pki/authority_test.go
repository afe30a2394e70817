package pki_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"understudy/env"
	"understudy/pki"
	"understudy/site"
)

// authority makes one in a folder of the test's, for example.test.
func authority(t testing.TB, e env.Env) (*pki.Authority, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "ca")
	if err := pki.Init(e, dir, []string{"example.test"}); err != nil {
		t.Fatal(err)
	}
	return open(t, e, dir), dir
}

func open(t testing.TB, e env.Env, dir string) *pki.Authority {
	t.Helper()
	a, err := pki.Open(e, dir)
	if err != nil {
		t.Fatal(err)
	}
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

func roots(t testing.TB, a *pki.Authority) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(a.CA())) {
		t.Fatal("the authority has no PEM certificate")
	}
	return pool
}

func parsePEM(t testing.TB, text string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		t.Fatalf("no PEM: %q", text)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// "ECDSA P-256 root, 10 years, critical name constraints of the domains given,
// MaxPathLen, key 0600, refuses to overwrite."
func TestInit(t *testing.T) {
	e := env.Real()
	a, dir := authority(t, e)
	ca := parsePEM(t, a.CA())
	key, ok := ca.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		t.Errorf("the key is %T, want ECDSA P-256", ca.PublicKey)
	}
	if years := time.Until(ca.NotAfter).Hours() / 24 / 365; years < 9.9 || years > 10.1 {
		t.Errorf("it lives %.1f years, want 10", years)
	}
	if !ca.PermittedDNSDomainsCritical || len(ca.PermittedDNSDomains) != 1 || ca.PermittedDNSDomains[0] != "example.test" || len(ca.ExcludedIPRanges) != 2 {
		t.Errorf("constraints: %v (critical %t), excluded %v", ca.PermittedDNSDomains, ca.PermittedDNSDomainsCritical, ca.ExcludedIPRanges)
	}
	if ca.MaxPathLen != 0 || !ca.MaxPathLenZero || !ca.IsCA {
		t.Errorf("it is a CA: %t, with paths of up to %d", ca.IsCA, ca.MaxPathLen)
	}
	info, err := os.Stat(filepath.Join(dir, "ca.key"))
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("ca.key: mode %v (%v), want 0600", info.Mode(), err)
	}
	for _, name := range []string{"ca.pem", "ca.key"} {
		if err := pki.Init(e, dir, []string{"example.test"}); err == nil || !strings.Contains(err.Error(), "not overwritten") {
			t.Errorf("a second init: %v, want refused", err)
		}
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestInitWantsDomains(t *testing.T) {
	for _, domains := range [][]string{nil, {""}, {"*.example.test"}, {"a..b"}, {"exa mple"}} {
		dir := filepath.Join(t.TempDir(), "ca")
		if err := pki.Init(env.Real(), dir, domains); err == nil {
			t.Errorf("%q: taken, want refused", domains)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%q: the folder was made", domains)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	_, dir := authority(t, env.Real())
	if err := os.Chmod(filepath.Join(dir, "ca.key"), 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := pki.Open(env.Real(), dir); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that others may read: %v, want chmod 600", err)
	}
	if _, err := pki.Open(env.Real(), t.TempDir()); err == nil || !strings.Contains(err.Error(), "understudy pki init") {
		t.Errorf("an empty folder: %v, want pki init", err)
	}
}

// "DNS SANs, server+client auth, serial 128-bit random, a minute's backdating."
func TestIssue(t *testing.T) {
	a, _ := authority(t, env.Real())
	key := newKey(t)
	cert, err := a.Issue(t.Context(), pki.Order{Names: []site.FQDN{"cc01.example.test", "vip.example.test"}, Life: pki.DefaultLife, Key: key.Public()})
	if err != nil {
		t.Fatal(err)
	}
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		for _, name := range []string{"cc01.example.test", "vip.example.test"} {
			if _, err := cert.Verify(x509.VerifyOptions{Roots: roots(t, a), DNSName: name, KeyUsages: []x509.ExtKeyUsage{usage}}); err != nil {
				t.Errorf("%s for %v: %v", name, usage, err)
			}
		}
	}
	if bits := cert.SerialNumber.BitLen(); bits < 121 || bits > 128 {
		t.Errorf("a serial of %d bits, want 128", bits)
	}
	if back := time.Since(cert.NotBefore); back < time.Minute || back > 2*time.Minute {
		t.Errorf("backdated by %s, want a minute", back)
	}
	if life := time.Until(cert.NotAfter); life > pki.DefaultLife || life < pki.DefaultLife-time.Minute {
		t.Errorf("a life of %s", life)
	}
	if !key.PublicKey.Equal(cert.PublicKey) || cert.IsCA {
		t.Error("not the key that was ordered, or an authority")
	}
}

func TestIssueRefuses(t *testing.T) {
	a, _ := authority(t, env.Real())
	for name, c := range map[string]struct {
		names []site.FQDN
		life  time.Duration
		want  string
	}{
		"no name":        {nil, time.Hour, "1 to 32 names"},
		"outside":        {[]site.FQDN{"cc01.example.org"}, time.Hour, "outside of what this authority may sign for"},
		"one outside":    {[]site.FQDN{"cc01.example.test", "cc01.example.org"}, time.Hour, "cc01.example.org is outside"},
		"only alike":     {[]site.FQDN{"badexample.test"}, time.Hour, "outside"},
		"wildcard":       {[]site.FQDN{"*.example.test"}, time.Hour, `contains '*'`},
		"too short":      {[]site.FQDN{"a.example.test"}, time.Second, "not within"},
		"too long":       {[]site.FQDN{"a.example.test"}, 2 * pki.MaxLife, "not within"},
		"an IP's digits": {[]site.FQDN{"10.0.0.1"}, time.Hour, "outside"},
	} {
		_, err := a.Issue(t.Context(), pki.Order{Names: c.names, Life: c.life, Key: newKey(t).Public()})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	entries, err := a.List(t.Context(), true)
	if err != nil || len(entries) != 0 {
		t.Errorf("the ledger has %v (%v), want nothing", entries, err)
	}
}

// The certificate of a new desktop must not outlive its authority.
func TestIssueNearTheEndOfTheAuthority(t *testing.T) {
	e := env.Real()
	_, dir := authority(t, e)
	e.Now = func() time.Time { return time.Now().Add(pki.AuthorityLife - time.Hour) }
	_, err := open(t, e, dir).Issue(t.Context(), pki.Order{Names: []site.FQDN{"a.example.test"}, Life: 2 * time.Hour, Key: newKey(t).Public()})
	if err == nil || !strings.Contains(err.Error(), "the authority itself ends") {
		t.Errorf("%v, want that the authority ends before", err)
	}
}

// "A leaf for a name outside is refused by pki and by crypto/x509 verification."
func TestConstraintsHold(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	domains := []string{"example.test", "b.corp.test"}
	if err := pki.Init(env.Real(), dir, domains); err != nil {
		t.Fatal(err)
	}
	a := open(t, env.Real(), dir)
	key, caKey := newKey(t), readKey(t, filepath.Join(dir, "ca.key"))
	label := rapid.StringMatching(`[a-z0-9]([a-z0-9_-]{0,6}[a-z0-9])?`)
	rapid.Check(t, func(r *rapid.T) {
		name := strings.Join(rapid.SliceOfN(label, 1, 3).Draw(r, "labels"), ".") +
			rapid.SampledFrom([]string{"", ".example.test", "example.test", ".b.corp.test", ".corp.test", ".test", ".example.test.org"}).Draw(r, "end")
		within := false
		for _, d := range domains {
			within = within || name == d || strings.HasSuffix(name, "."+d)
		}
		_, err := a.Issue(t.Context(), pki.Order{Names: []site.FQDN{site.FQDN(name)}, Life: time.Hour, Key: key.Public()})
		if (err == nil) != within {
			r.Errorf("pki issues %s: %v, want %t", name, err, within)
		}
		forged := forge(t, a, caKey, key, &x509.Certificate{DNSNames: []string{name}})
		_, err = forged.Verify(x509.VerifyOptions{Roots: roots(t, a)})
		if (err == nil) != within {
			r.Errorf("x509 takes %s: %v, want %t", name, err, within)
		}
	})
}

// forge signs with the authority's key what the authority would not.
func forge(t testing.TB, a *pki.Authority, caKey, key *ecdsa.PrivateKey, template *x509.Certificate) *x509.Certificate {
	t.Helper()
	template.SerialNumber, template.Subject = big.NewInt(time.Now().UnixNano()), pkix.Name{CommonName: "forged"}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, template, parsePEM(t, a.CA()), key.Public(), caKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func readKey(t testing.TB, file string) *ecdsa.PrivateKey {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(data)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key.(*ecdsa.PrivateKey)
}

// "openssl verifies chain and constraints": what we sign counts, and what a thief of the
// key signs outside of the domains does not, not for addresses and not by a further authority.
func TestOpenSSLAgrees(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("needs openssl: install the Debian package openssl")
		}
		t.Skip("needs openssl: install the Debian package openssl")
	}
	a, dir := authority(t, env.Real())
	key, caKey := newKey(t), readKey(t, filepath.Join(dir, "ca.key"))
	good, err := a.Issue(t.Context(), pki.Order{Names: []site.FQDN{"cc01.example.test"}, Life: time.Hour, Key: key.Public()})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		cert *x509.Certificate
		want string
	}{
		"ours":      {good, "OK"},
		"outside":   {forge(t, a, caKey, key, &x509.Certificate{DNSNames: []string{"bank.example.org"}}), "permitted subtree violation"},
		"address":   {forge(t, a, caKey, key, &x509.Certificate{IPAddresses: []net.IP{{10, 0, 0, 1}}}), "excluded subtree violation"},
		"a further": {furtherLeaf(t, a, caKey, key), "unable to get local issuer certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			out := openssl(t, dir, c.cert)
			if !strings.Contains(out, c.want) {
				t.Errorf("openssl says %q, want %q", out, c.want)
			}
		})
	}
	t.Run("path length", func(t *testing.T) {
		further := forge(t, a, caKey, key, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
		chain := filepath.Join(t.TempDir(), "further.pem")
		writePEM(t, chain, further)
		if out := openssl(t, dir, furtherLeaf(t, a, caKey, key), "-untrusted", chain); !strings.Contains(out, "path length constraint exceeded") {
			t.Errorf("openssl says %q, want that a further authority is not taken", out)
		}
	})
}

// furtherLeaf is signed by an authority that the authority's key would have signed.
func furtherLeaf(t testing.TB, a *pki.Authority, caKey, key *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	further := forge(t, a, caKey, key, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "leaf"}, DNSNames: []string{"cc01.example.test"},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, further, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

func writePEM(t testing.TB, file string, cert *x509.Certificate) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
}

func openssl(t testing.TB, dir string, cert *x509.Certificate, more ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "leaf.pem")
	writePEM(t, file, cert)
	args := append([]string{"verify", "-x509_strict", "-CAfile", filepath.Join(dir, "ca.pem")}, more...)
	out, _ := exec.CommandContext(t.Context(), "openssl", append(args, file)...).CombinedOutput()
	return string(out)
}
