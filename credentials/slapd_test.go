package credentials

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// slapd is a real directory of example.test, for one test.
type slapd struct {
	plain, secure string // URLs
	roots         *x509.CertPool
	stop          func()
}

// people of the directory: alice is in staff, which is in everybody, which is in staff;
// a comma and stars are in names to see them escaped.
const people = `dn: dc=example,dc=test
objectClass: dcObject
objectClass: organization
o: example
dc: example

dn: cn=reader,dc=example,dc=test
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: reader-secret

dn: uid=alice,dc=example,dc=test
objectClass: inetOrgPerson
uid: alice
cn: Alice
sn: A
userPassword: alice-secret

dn: uid=b\2Cob (x)*,dc=example,dc=test
objectClass: inetOrgPerson
uid: b,ob (x)*
cn: Bob
sn: B
userPassword: bob-secret

dn: uid=carol,dc=example,dc=test
objectClass: inetOrgPerson
uid: carol
uid: caroline
cn: Carol
sn: C

dn: cn=staff,dc=example,dc=test
objectClass: groupOfNames
cn: staff
member: uid=alice,dc=example,dc=test
member: uid=b\2Cob (x)*,dc=example,dc=test
member: cn=everybody,dc=example,dc=test

dn: cn=everybody,dc=example,dc=test
objectClass: groupOfNames
cn: everybody
member: cn=staff,dc=example,dc=test
`

// startSlapd needs the Debian package slapd.
func startSlapd(t *testing.T) slapd {
	t.Helper()
	path := need(t, "slapd")
	dir := t.TempDir()
	roots := certificate(t, dir)
	write(t, dir, "people.ldif", people)
	write(t, dir, "slapd.conf", strings.NewReplacer("DIR", dir).Replace(`
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile DIR/pid
TLSCertificateFile DIR/cert.pem
TLSCertificateKeyFile DIR/key.pem
security simple_bind=128
database mdb
suffix "dc=example,dc=test"
directory DIR
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=reader,dc=example,dc=test" read by * none
`))
	if out, err := exec.CommandContext(t.Context(), need(t, "slapadd"), "-f", dir+"/slapd.conf", "-l", dir+"/people.ldif").CombinedOutput(); err != nil {
		t.Fatalf("slapadd: %v\n%s", err, out)
	}
	plain, secure := free(t), free(t)
	cmd := exec.Command(path, "-d", "0", "-f", dir+"/slapd.conf", "-h", "ldap://"+plain+"/ ldaps://"+secure+"/")
	cmd.Dir = dir
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop := func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	t.Cleanup(stop)
	for _, at := range []string{plain, secure} {
		listening(t, at)
	}
	return slapd{"ldap://" + plain, "ldaps://" + secure, roots, stop}
}

func need(t *testing.T, command string) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin") {
		if path, err := exec.LookPath(filepath.Join(dir, command)); err == nil {
			return path
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatalf("%s is missing: install the Debian package slapd", command)
	}
	t.Skipf("%s is missing: install the Debian package slapd", command)
	return ""
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// free is an address that nobody listens at.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func listening(t *testing.T, at string) {
	t.Helper()
	for began := time.Now(); ; {
		conn, err := net.Dial("tcp", at)
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Since(began) > 20*time.Second {
			t.Fatalf("slapd does not listen: %v", err)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// certificate writes one for 127.0.0.1 and returns what trusts it.
func certificate(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	write(t, dir, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
	pool := x509.NewCertPool()
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(made)
	return pool
}

// options ask the directory.
func (s slapd) options(servers ...string) LDAPOptions {
	return LDAPOptions{
		Dial: (&net.Dialer{}).DialContext, Servers: servers, TLS: &tls.Config{RootCAs: s.roots, MinVersion: tls.VersionTLS12},
		BindDN: "cn=reader,dc=example,dc=test", BindPassword: "reader-secret", Base: "dc=example,dc=test", Nested: true,
	}
}
