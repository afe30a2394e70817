package config_test

import (
	"strings"
	"testing"

	"understudy/config"
	"understudy/credentials"
	"understudy/env"
	"understudy/xmlservice"
)

// Issue 5, 3: every fault of both sections is named, in a connector's file and in the
// cloud broker's.
func TestFaultsOfCredentials(t *testing.T) {
	const sections = `xml: {expose: [servers, everything]}
credentials:
  timeout: 1ms
  local_file: nowhere
  ldap:
    - {servers: ["http://a"], base: "", bind_dn: cn=a, filter: "(uid=x)", group_filter: "member", timeout: 1s}
    - {servers: ["ldap://a"], base: dc=a, bind_password_file: nowhere, password: x}
`
	want := []string{
		`f:9: credentials.ldap[1].password: unknown key`,
		`f:5: credentials.timeout: 1ms is less than 100ms`,
		`f:8: credentials.ldap[0].servers[0]: "http://a" is not ldaps://HOST or ldap://HOST`,
		`f:8: credentials.ldap[0].base: is missing`,
		`f:8: credentials.ldap[0].bind_password_file: is missing`,
		`f:8: credentials.ldap[0].filter: "(uid=x)" has no {user}`,
		`f:8: credentials.ldap[0].group_filter: "member" is no LDAP filter`,
		`f:9: credentials.ldap[1].bind_dn: is missing`,
		`xml.expose[1]: "everything" is neither access-lists nor servers`,
		`credentials.local_file: open `,
		`credentials.ldap[1].bind_password_file: open `,
	}
	file := write(t, [2]string{"connector.yaml", insecureConnector + sections})
	_, err := config.LoadConnector(file)
	if err == nil {
		t.Fatal("got no error")
	}
	checkParts(t, err, want)
	file = write(t, [2]string{"cloud.yaml", "site: s\ndata: d\ninsecure: true\nlisten: 127.0.0.1:0\ntokens_file: cloud.yaml\n" + sections})
	if _, err = config.LoadCloud(file); err == nil {
		t.Fatal("got no error")
	}
	checkParts(t, err, want)
}

// checkParts wants each fault, on whatever line.
func checkParts(t *testing.T, err error, want []string) {
	t.Helper()
	for _, fault := range want {
		if i := strings.Index(fault, "credentials."); i > 0 {
			fault = fault[i:]
		}
		if !strings.Contains(err.Error(), fault) {
			t.Errorf("got %v\nwant %s in it", err, fault)
		}
	}
}

// The users of a file and what is exposed reach the handlers; without any users there
// is nobody.
func TestCheckerOfAFile(t *testing.T) {
	hash, err := credentials.Hash("secret", env.Real().Rand("test"))
	if err != nil {
		t.Fatal(err)
	}
	file := write(t, [2]string{"connector.yaml", insecureConnector + "credentials: {local_file: users}\nxml: {expose: [access-lists], open_sta: true}\n"},
		[2]string{"users", "alice " + hash + " staff\n"})
	c, err := config.LoadConnector(file)
	if err != nil {
		t.Fatal(err)
	}
	checker, err := c.Credentials.Checker(env.Real(), nil)
	if err != nil {
		t.Fatal(err)
	}
	x := c.XML.Service(checker)
	if x.Off || !x.AccessLists || x.Servers || !x.OpenSTA {
		t.Errorf("got %+v", x)
	}
	claim := xmlservice.Claim{Credentials: xmlservice.Credentials{Given: true, User: "alice", Password: "secret"}}
	if u, err := x.Users.Check(t.Context(), claim); err != nil || u.Name != "alice" || len(u.Groups) != 1 {
		t.Errorf("got %+v, %v", u, err)
	}
	file = write(t, [2]string{"connector.yaml", insecureConnector + "xml: {enabled: false}\n"})
	if c, err = config.LoadConnector(file); err != nil {
		t.Fatal(err)
	}
	if checker, err = c.Credentials.Checker(env.Real(), nil); err != nil || checker != nil {
		t.Errorf("got %v, %v; want nobody", checker, err)
	}
	if x = c.XML.Service(checker); !x.Off || x.Users != nil {
		t.Errorf("got %+v, want it off", x)
	}
}
