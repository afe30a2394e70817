package credentials

import (
	"context"
	"errors"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"understudy/xmlservice"
)

func newLDAP(t *testing.T, o LDAPOptions) *LDAP {
	t.Helper()
	l, err := NewLDAP(o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Issue 5, 3: "bind and group look-up through go-ldap over LDAPS or StartTLS, several
// servers in order, nested groups", of a real slapd.
func TestRealDirectory(t *testing.T) {
	s := startSlapd(t)
	nobody := "ldaps://" + free(t)
	for name, servers := range map[string][]string{
		"LDAPS": {s.secure}, "StartTLS": {s.plain}, "the second of two": {nobody, s.plain},
	} {
		l := newLDAP(t, s.options(servers...))
		for user, want := range map[string]User{
			"ALICE":     {Name: "alice", Groups: []string{"everybody", "staff"}},
			"b,ob (x)*": {Name: "b,ob (x)*", Groups: []string{"everybody", "staff"}},
		} {
			password := map[string]string{"ALICE": "alice-secret", "b,ob (x)*": "bob-secret"}[user]
			if got, err := l.Check(t.Context(), user, "", password); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s, %s: got %+v, %v, want %+v", name, user, got, err, want)
			}
		}
		for user, want := range map[string]error{"nobody": ErrUnknown, "*": ErrUnknown, "a*": ErrUnknown, "alice)(uid=*": ErrUnknown} {
			if _, err := l.Check(t.Context(), user, "", "alice-secret"); !errors.Is(err, want) {
				t.Errorf("%s, %s: got %v, want %v", name, user, err, want)
			}
		}
		for user, entry := range map[string]string{"alice": "alice", "carol": "carol", " Alice  ": "alice", "\uff41lice": "alice"} {
			_, err := l.Check(t.Context(), user, "", "wrong")
			if r, refused := errors.AsType[*Refusal](err); !refused || r.ID != xmlservice.FailedCredentials || r.User != entry {
				t.Errorf("%s, %s: got %v, want failed-credentials of %s", name, user, err, entry)
			}
		}
	}
	flat := s.options(s.secure)
	flat.Nested = false
	if got, err := newLDAP(t, flat).Check(t.Context(), "alice", "", "alice-secret"); err != nil || !reflect.DeepEqual(got.Groups, []string{"staff"}) {
		t.Errorf("not nested: got %v, %v", got, err)
	}
}

// Issue 5, 3: what is wrong with a directory is said, is nobody's wrong password, and
// tells nothing to who listens.
func TestBrokenDirectory(t *testing.T) {
	s := startSlapd(t)
	wrongReader := s.options(s.secure)
	wrongReader.BindPassword = "wrong"
	untrusted := s.options(s.secure)
	untrusted.TLS.RootCAs = nil
	ambiguous := s.options(s.secure)
	ambiguous.Filter = "(objectClass=inetOrgPerson)"
	nameless := s.options(s.secure)
	nameless.NameAttribute = "mail"
	for name, c := range map[string]struct {
		o    LDAPOptions
		want string
	}{
		"the reader's password": {wrongReader, "bind as"}, "a foreign certificate": {untrusted, "certificate"},
		"two entries": {ambiguous, "more than one entry"}, "no name": {nameless, "has no mail"},
		"nobody listens": {s.options("ldaps://" + free(t)), "refused"},
	} {
		_, err := newLDAP(t, c.o).Check(t.Context(), "alice", "", "alice-secret")
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want one about %q", name, err, c.want)
		}
		if _, refused := errors.AsType[*Refusal](err); refused {
			t.Errorf("%s: the user was refused: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error tells a password: %v", name, err)
		}
	}
}

// Issue 5, 3: "timeouts": a server that accepts and is silent costs its time, not all.
func TestSilentServer(t *testing.T) {
	s := startSlapd(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for _, scheme := range []string{"ldap://", "ldaps://"} {
		o := s.options(scheme+silent.Addr().String(), s.secure)
		o.ServerPatience = 100 * time.Millisecond
		o2 := o
		o2.Servers = o.Servers[:1]
		if _, err := newLDAP(t, o2).Check(t.Context(), "alice", "", "alice-secret"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: got %v, want a deadline", scheme, err)
		}
		o.ServerPatience = 2 * time.Second
		if got, err := newLDAP(t, o).Check(t.Context(), "alice", "", "alice-secret"); err != nil || got.Name != "alice" {
			t.Errorf("%s: got %v, %v", scheme, got, err)
		}
	}
}

func TestLDAPOptions(t *testing.T) {
	s := slapd{}
	for _, servers := range [][]string{nil, {"http://x"}, {"ldaps://"}, {"x"}} {
		if _, err := NewLDAP(s.options(servers...)); err == nil {
			t.Errorf("%v: got no error", servers)
		}
	}
	for server, want := range map[string]string{"ldap://x": "x:389", "ldaps://x": "x:636", "ldaps://x:1": "x:1", "ldap://[::1]": "[::1]:389"} {
		if got, secure, err := address(server); err != nil || got != want || secure != strings.HasPrefix(server, "ldaps") {
			t.Errorf("%s: got %s, %t, %v, want %s", server, got, secure, err, want)
		}
	}
}
