//go:build linux

package e2e_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// people are those of the directory: alice, who is in staff.
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

dn: cn=staff,dc=example,dc=test
objectClass: groupOfNames
cn: staff
member: uid=alice,dc=example,dc=test
`

// directory is a real slapd, and what a broker's file says of it.
type directory struct {
	*process
	section string
	ip      string
	program command
}

// startDirectory runs slapd at an address of this test, with StartTLS.
func startDirectory(t testing.TB) directory {
	t.Helper()
	path := slapdTool(t, "slapd")
	dir, ca := t.TempDir(), newAuthority(t)
	ip := loopback(t, 17389)
	cert := ca.Issue("ldap.example.test", ip)
	for name, text := range map[string]string{
		"people.ldif": people, "reader": "reader-secret\n",
		"slapd.conf": strings.NewReplacer("DIR", dir, "CERT", cert.CertFile, "KEY", cert.KeyFile).Replace(`
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile DIR/pid
TLSCertificateFile CERT
TLSCertificateKeyFile KEY
security simple_bind=128
database mdb
suffix "dc=example,dc=test"
directory DIR
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=reader,dc=example,dc=test" read by * none
`),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if r := execute(t, command{Name: "slapadd", Path: slapdTool(t, "slapadd"), Args: []string{"-f", dir + "/slapd.conf", "-l", dir + "/people.ldif"}}); r.Code != 0 {
		t.Fatalf("slapadd: %s", r.Stderr)
	}
	url := fmt.Sprintf("ldap://%s:17389", ip)
	d := directory{ip: ip, program: command{Name: "slapd", Path: path, Args: []string{"-d", "0", "-f", dir + "/slapd.conf", "-h", url + "/"}}}
	d.section = fmt.Sprintf("credentials:\n  ldap:\n    - {servers: [%q], ca_file: %q, bind_dn: %q, bind_password_file: %q, base: %q}\n",
		url, ca.File, "cn=reader,dc=example,dc=test", dir+"/reader", "dc=example,dc=test")
	d.run(t)
	return d
}

// run starts it, also when it was there before.
func (d *directory) run(t testing.TB) {
	t.Helper()
	d.process = start(t, d.program)
	eventually(t, act, "slapd listens", func() error {
		conn, err := net.Dial("tcp", d.ip+":17389")
		if err == nil {
			err = conn.Close()
		}
		return err
	})
}

// slapdTool finds a program of the Debian package slapd, which is in no user's PATH.
func slapdTool(t testing.TB, name string) string {
	t.Helper()
	if path, err := exec.LookPath("/usr/sbin/" + name); err == nil {
		return path
	}
	needTool(t, name, "slapd")
	return name
}
