package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// standIn provides what our rpm needs, for Debian's own programs are of no rpm.
const standIn = `name: stand-in
arch: all
version: 1.0.0
maintainer: "Understudy maintainers <maintainers@understudy.invalid>"
description: What is there already.
license: Apache-2.0
provides: [shadow-utils, coreutils]
`

// Issue 6: the rpm by dnf, on a host that systemd runs: "install → start → upgrade →
// remove", "conffiles kept on upgrade".
func TestDNF(t *testing.T) {
	t.Parallel()
	g := boot(t)
	older, newer := g.bring(rpmOf(t, older)), g.bring(rpmOf(t, newer))
	if out, err := g.dnf("install", older); err == nil || !strings.Contains(out, "nothing provides shadow-utils") || !strings.Contains(out, "nothing provides coreutils") {
		t.Errorf("without what it needs: %v\n%s", err, out)
	}
	g.dnfDoes("install", g.bring(makeStandIn(t)), older)
	g.startsNothing()
	g.write("etc/understudy/connector.yaml", loopbackConnector)
	g.permit(0o644, "etc/understudy/connector.yaml")
	g.write("etc/credstore/understudy-connector.cloud.token", "a-token-of-the-connector\n")
	g.in("systemctl", "start", connectorUnit)
	was, token := g.says(connectorUnit, "MainPID"), g.read("var/lib/understudy/connector/admin.token")

	g.dnfDoes("upgrade", newer)
	if now := g.says(connectorUnit, "MainPID"); now == was || g.says(connectorUnit, "ActiveState") != "active" {
		t.Errorf("after the upgrade the connector is %s, process %s", g.says(connectorUnit, "ActiveState"), now)
	}
	g.logs(connectorUnit, `"version 1.0.1"`)
	if got := g.read("etc/understudy/connector.yaml"); got != loopbackConnector {
		t.Errorf("after the upgrade the file is\n%s", got)
	}

	was = "/proc/" + g.says(connectorUnit, "MainPID")
	g.dnfDoes("remove", "understudy")
	if _, err := g.try("test", "-e", was); err == nil || g.exists("usr/bin/understudy") || g.exists("usr/lib/systemd/system/"+connectorUnit) {
		t.Error("the connector runs, or is there, after the package was removed")
	}
	if g.read("etc/understudy/connector.yaml.rpmsave") != loopbackConnector || g.read("var/lib/understudy/connector/admin.token") != token {
		t.Error("removing took settings or data along")
	}
}

func (g *guest) dnf(line ...string) (string, error) {
	return g.try(append([]string{"dnf", "--assumeyes", "--disablerepo=*", "--nogpgcheck", "--releasever=1"}, line...)...)
}

func (g *guest) dnfDoes(line ...string) {
	g.t.Helper()
	if out, err := g.dnf(line...); err != nil {
		g.t.Fatalf("dnf %q: %v\n%s", line, err, out)
	}
}

func makeStandIn(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	settings := filepath.Join(dir, "stand-in.yaml")
	if err := os.WriteFile(settings, []byte(standIn), 0o600); err != nil {
		t.Fatal(err)
	}
	rpm := filepath.Join(dir, "stand-in.rpm")
	if err := quietly(exec.Command("go", "tool", "-modfile=tools.mod", "nfpm", "package", "--config", settings, "--packager", "rpm", "--target", rpm)); err != nil {
		t.Fatal(err)
	}
	return rpm
}
