package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// loopbackConnector is a connector that needs no others.
const loopbackConnector = `# changed by the administrator
site: example
fqdn: cc01.example.test
zone: berlin
data: /var/lib/understudy/connector
insecure: true
cloud: {url: "http://127.0.0.1:7443", token_file: "credential:cloud.token"}
listen: {client: "127.0.0.1:7480", peer: "127.0.0.1:7489", admin: "127.0.0.1:7490"}
`

const connectorUnit = "understudy-connector.service"

// Issue 6: "install → start → upgrade → remove on a clean root tree", "conffiles kept on
// upgrade", "dedicated user", "FHS paths".
func TestInstallUpgradeRemove(t *testing.T) {
	need(t, "unshare", "util-linux")
	r := newTree(t)
	r.in("dpkg", "--install", r.bring(debOf(t, older)))
	if out := r.in("understudy", "version"); !strings.Contains(out, older) {
		t.Errorf("installed %s, the program says %s", older, out)
	}
	if out := r.in("stat", "-c", "%U:%G %a", "/var/lib/understudy"); strings.TrimSpace(out) != "understudy:understudy 750" {
		t.Errorf("the data folder is %s", out)
	}
	if out := r.in("getent", "passwd", "understudy"); !strings.HasSuffix(strings.TrimSpace(out), "/var/lib/understudy:/usr/sbin/nologin") {
		t.Errorf("the user is %s", out)
	}
	r.refusesTheExample()
	r.write("etc/understudy/connector.yaml", loopbackConnector)
	if err := os.Chmod(r.path("etc/understudy/connector.yaml"), 0o644); err != nil {
		t.Fatal(err)
	}
	r.write("etc/credstore/understudy-connector.cloud.token", "a-token-of-the-connector\n")

	trace := filepath.Join(t.TempDir(), "trace")
	r.serves(trace)
	checkCalls(t, trace)

	was := r.read("var/lib/understudy/connector/admin.token")
	r.in("dpkg", "--install", r.bring(debOf(t, newer)))
	if out := r.in("understudy", "version"); !strings.Contains(out, newer) {
		t.Errorf("upgraded to %s, the program says %s", newer, out)
	}
	if got := r.read("etc/understudy/connector.yaml"); got != loopbackConnector {
		t.Errorf("after the upgrade the file is\n%s", got)
	}
	r.serves("")
	if r.read("var/lib/understudy/connector/admin.token") != was {
		t.Error("after the upgrade the data is not what it was")
	}

	r.in("dpkg", "--remove", "understudy")
	if r.exists("usr/bin/understudy") || r.exists("lib/systemd/system/"+connectorUnit) {
		t.Error("the program is there after it was removed")
	}
	if r.read("etc/understudy/connector.yaml") != loopbackConnector || r.read("var/lib/understudy/connector/admin.token") != was {
		t.Error("removing took settings or data along")
	}
	r.in("dpkg", "--purge", "understudy")
	if r.exists("etc/understudy") || r.exists("var/lib/understudy") || !r.exists("etc/credstore/understudy-connector.cloud.token") {
		t.Error("purging left settings or data, or took what is not the package's")
	}
}

// refusesTheExample: the file that comes with the package is not one to start with, and
// says so in a way that systemd does not try again.
func (r *tree) refusesTheExample() {
	r.t.Helper()
	p := r.start(connectorUnit, "")
	<-p.ended
	if code := p.cmd.ProcessState.ExitCode(); code != 78 {
		r.t.Errorf("with the example it ends with exit code %d, want 78", code)
	}
	if unit := r.read("lib/systemd/system/" + connectorUnit); !strings.Contains(unit, "RestartPreventExitStatus=78\n") {
		r.t.Error("78 is restarted")
	}
}

// serves starts the unit, waits for what systemd waits for, and stops it.
func (r *tree) serves(trace string) {
	r.t.Helper()
	p := r.start(connectorUnit, trace)
	p.tells("READY=1")
	p.tells("STATUS=Normal")
	p.tells("WATCHDOG=1")
	p.reload()
	p.stop()
}

// Issue 6: the rpm, "conffiles kept on upgrade".
func TestRPM(t *testing.T) {
	need(t, "rpm", "rpm")
	r := newTree(t)
	// The tree is Debian's, whose programs no rpm provides.
	rpm := func(args ...string) string {
		return does(t, append([]string{"rpm", "--root", r.root, "--dbpath", "/var/lib/rpm", "--nodeps"}, args...)...)
	}
	rpm("--install", rpmOf(t, older))
	if out := r.in("understudy", "version"); !strings.Contains(out, older) {
		t.Errorf("installed %s, the program says %s", older, out)
	}
	if out := r.in("stat", "-c", "%U:%G %a", "/var/lib/understudy"); strings.TrimSpace(out) != "understudy:understudy 750" {
		t.Errorf("the data folder is %s", out)
	}
	r.write("etc/understudy/connector.yaml", loopbackConnector)
	r.write("var/lib/understudy/connector/kept", "data")
	rpm("--upgrade", rpmOf(t, newer))
	if out := r.in("understudy", "version"); !strings.Contains(out, newer) {
		t.Errorf("upgraded to %s, the program says %s", newer, out)
	}
	if got := r.read("etc/understudy/connector.yaml"); got != loopbackConnector {
		t.Errorf("after the upgrade the file is\n%s", got)
	}
	rpm("--erase", "understudy")
	if r.exists("usr/bin/understudy") || r.read("var/lib/understudy/connector/kept") != "data" || r.read("etc/understudy/connector.yaml.rpmsave") != loopbackConnector {
		t.Error("erasing left the program, or took data or settings along")
	}
}
