package service

import (
	"strings"
	"testing"
)

// The identity of a service is known before it is installed: Windows documents that of
// its own installer.
func TestIdentity(t *testing.T) {
	const want = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
	if got := identity("TrustedInstaller"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Issue 6: "ACLs on ProgramData": only the system, administrators and the service.
func TestProtected(t *testing.T) {
	got := protected(Connector, mayRead)
	want := "O:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1200a9;;;" + identity("UnderstudyConnector") + ")"
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A folder that a user of the host has made before is not installed into: who owns it, or
// a file in it, could have the service do anything.
func TestMayOwn(t *testing.T) {
	const installer, user = "S-1-5-21-1-2-3-500", "S-1-5-21-1-2-3-1001"
	for owner, want := range map[string]bool{
		"S-1-5-18": true, "S-1-5-32-544": true, installer: true, identity(Connector.Name()): true, identity(Desktop.Name()): true,
		user: false, "S-1-5-32-545": false, "": false,
	} {
		if got := mayOwn(owner, installer); got != want {
			t.Errorf("%s: got %t", owner, got)
		}
	}
}

func TestParseRole(t *testing.T) {
	for name, want := range map[string]Role{"": Connector, "connector": Connector, "desktop": Desktop} {
		if got, err := ParseRole(name); got != want || err != nil {
			t.Errorf("%q: got %q, %v, want %q", name, got, err, want)
		}
	}
	if _, err := ParseRole("cloud"); err == nil || !strings.Contains(err.Error(), "install connector or desktop") {
		t.Errorf("got %v, want what there is", err)
	}
}
