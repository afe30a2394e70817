package main

import (
	"fmt"
	"strings"
	"testing"
)

const (
	cloudUnit   = "understudy-cloud.service"
	desktopUnit = "understudy-desktop.service"
	pkiUnit     = "understudy-pki.service"
)

// Of a host that is connector, desktop and cloud broker at once.
const (
	hostCloud = `site: example
data: /var/lib/understudy/cloud
listen: "127.0.0.1:7443"
tokens_file: credential:tokens
tls: {cert_file: tls/cloud.pem, key_file: credential:tls.key, ca_file: tls/ca.pem}
`
	hostConnector = `site: example
fqdn: cc01.example.test
zone: berlin
data: /var/lib/understudy/connector
cloud: {url: "https://cloud.example.test:7443", token_file: "credential:cloud.token"}
listen: {client: "127.0.0.1:7480", peer: "127.0.0.1:7489", admin: "unix:/run/understudy/admin.sock"}
tls: {cert_file: tls/cc01.pem, key_file: credential:tls.key, ca_file: tls/ca.pem}
hooks: {on_elected: [/usr/sbin/ip, address, replace, 192.0.2.10/32, dev, lo]}
`
	hostDesktop = `machine: ws01.example.test
zone: berlin
data: /var/lib/understudy/desktop
connectors: [["https://cc01.example.test:7480"]]
listen: "127.0.0.1:7485"
tls: {cert_file: tls/ws01.pem, key_file: credential:tls.key, ca_file: tls/ca.pem}
provider: {kind: command, interval: 500ms, list: [/etc/understudy/sessions, list], end: [/etc/understudy/sessions, end]}
`
	hostSite = `name: example
zones: [{name: berlin}]
connectors: [{fqdn: cc01.example.test, zone: berlin, client_url: "https://cc01.example.test:7480", peer_url: "https://cc01.example.test:7489"}]
groups: [{name: office, kind: assigned, zones: [berlin], desktop: Office}]
machines: [{name: ws01.example.test, group: office, zone: berlin, assigned_user: alice}]
users: [{name: alice}]
entitlements: [{user: alice, desktop: office}]
`
	// sessions is a host where a stranger has a session, which only root can see.
	sessions = `#!/bin/sh
case $1 in
list) [ ! -d /proc/1 ] || [ -e /var/lib/understudy/desktop/ended ] || echo "active stranger" ;;
end) echo "$UNDERSTUDY_USER $(id -un)" >/var/lib/understudy/desktop/ended ;;
esac
`
)

// Issue 6: "systemd units with `Type=notify`, watchdog that pings only while the loops
// make progress, `STATUS=` text, hardening, `LoadCredential`", under systemd itself.
func TestUnderSystemd(t *testing.T) {
	t.Parallel()
	g := boot(t)
	g.in("dpkg", "--install", g.bring(debOf(t, older)))
	g.startsNothing()
	g.refusesTheExample()
	g.enrols()
	g.settle()
	g.starts()
	g.isConfined()
	g.watches()
	g.reloads()
	g.movesAnAddress()
	g.asksForSessions()
	g.upgrades()
	g.removes()
}

// startsNothing: "off by default": neither by the installation nor at the next boot.
func (g *guest) startsNothing() {
	g.t.Helper()
	for _, unit := range []string{cloudUnit, connectorUnit, desktopUnit, pkiUnit} {
		if enabled, state := g.says(unit, "UnitFileState"), g.says(unit, "ActiveState"); enabled != "disabled" || state != "inactive" {
			g.t.Errorf("after the installation %s is %s and %s", unit, enabled, state)
		}
	}
}

// refusesTheExample: the file that comes with the package is not one to start with, and
// systemd does not try it again.
func (g *guest) refusesTheExample() {
	g.t.Helper()
	if out, err := g.try("systemctl", "start", connectorUnit); err == nil {
		g.t.Errorf("it starts with the example: %s", out)
	}
	if code, state := g.says(connectorUnit, "ExecMainStatus"), g.says(connectorUnit, "ActiveState"); code != "78" || state != "failed" {
		g.t.Errorf("with the example it ends with exit code %s and is %s", code, state)
	}
}

const authority = "/var/lib/understudy-pki"

// enrols: the authority that docs/install.md makes serves, and gives certificates.
func (g *guest) enrols() {
	g.t.Helper()
	asAuthority := "runuser -u understudy-pki -- understudy pki %s --dir " + authority
	g.in("sh", "-c", fmt.Sprintf(asAuthority, "init")+" --domain example.test")
	g.write("etc/understudy/pki.env", "OPTIONS=\"--name pki.example.test --listen 127.0.0.1:7446\"\n")
	g.permit(0o644, "etc/understudy/pki.env")
	g.in("systemctl", "start", pkiUnit)
	g.in("install", "-D", "-m", "0644", authority+"/ca.pem", "/etc/understudy/tls/ca.pem")
	for _, name := range []string{"cc01", "ws01", "cloud"} {
		g.in("sh", "-c", fmt.Sprintf(asAuthority, "token")+" --name "+name+".example.test >/root/"+name+".token")
		g.in("understudy", "pki", "enrol", "--url", "https://pki.example.test:7446", "--name", name+".example.test",
			"--out", "/root/"+name, "--ca-file", "/etc/understudy/tls/ca.pem", "--token-file", "/root/"+name+".token")
	}
}

// settle does what docs/install.md says, for all roles.
func (g *guest) settle() {
	g.t.Helper()
	g.in("install", "-d", "-m", "0700", "/etc/credstore")
	for role, name := range map[string]string{"connector": "cc01", "desktop": "ws01", "cloud": "cloud"} {
		g.in("install", "-m", "0644", "/root/"+name+".pem", "/etc/understudy/tls/")
		g.in("install", "-m", "0600", "/root/"+name+".key", "/etc/credstore/understudy-"+role+".tls.key")
	}
	g.write("etc/credstore/understudy-cloud.tokens", "zone connector "+connectorToken+"\nboss admin "+adminToken+"\n")
	g.write("etc/credstore/understudy-connector.cloud.token", connectorToken+"\n")
	g.write("root/admin.token", adminToken+"\n")
	g.write("root/site.yaml", hostSite)
	for role, text := range map[string]string{"connector": hostConnector, "desktop": hostDesktop, "cloud": hostCloud} {
		g.write("etc/understudy/"+role+".yaml", text)
		g.permit(0o644, "etc/understudy/"+role+".yaml")
	}
	g.write("etc/understudy/sessions", sessions)
	g.permit(0o755, "etc/understudy/sessions")
}

const (
	connectorToken = "a-token-of-the-connector"
	adminToken     = "a-token-of-the-administrator"
)

// starts: `systemctl start` returns once a unit serves, and `systemctl status` tells how
// it is. That it serves shows that key and token were handed over.
func (g *guest) starts() {
	g.t.Helper()
	g.in("systemctl", "reset-failed")
	g.in("systemctl", "start", cloudUnit)
	g.in("understudy", "site", "apply", "/root/site.yaml", "--cloud", "https://cloud.example.test:7443", "--ca-file", "/etc/understudy/tls/ca.pem", "--token-file", "/root/admin.token")
	g.in("systemctl", "start", connectorUnit, desktopUnit)
	for unit, text := range map[string]string{connectorUnit: "Normal – elected: cc01.example.test", desktopUnit: "registered with", cloudUnit: "version ", pkiUnit: "issues certificates for example.test"} {
		if kind, state := g.says(unit, "Type"), g.says(unit, "ActiveState"); kind != "notify" || state != "active" {
			g.t.Errorf("%s is of type %s and %s", unit, kind, state)
		}
		eventually(g.t, unit+" tells "+text, func() bool { return strings.Contains(g.says(unit, "StatusText"), text) })
	}
	if out := g.in("ls", "/run/understudy"); !strings.Contains(out, "admin.sock") {
		g.t.Errorf("the connector's folder has %q", out)
	}
}

// watches: the connector pings; one that stands still is killed and started again, and
// so is one that crashed, whose exit code is Go's.
func (g *guest) watches() {
	g.t.Helper()
	g.dropIn(connectorUnit, "[Service]\nWatchdogSec=2\nRestartSec=100ms\n")
	g.in("systemctl", "restart", connectorUnit)
	heard := g.says(connectorUnit, "WatchdogTimestampMonotonic")
	eventually(g.t, "the watchdog hears again", func() bool { return g.says(connectorUnit, "WatchdogTimestampMonotonic") != heard })
	for n, signal := range []string{"STOP", "ABRT"} {
		was := g.says(connectorUnit, "MainPID")
		g.in("sh", "-c", "kill -"+signal+" "+was)
		g.wants(connectorUnit, "NRestarts", fmt.Sprint(n+1))
		g.wants(connectorUnit, "ActiveState", "active")
		if now := g.says(connectorUnit, "MainPID"); now == was {
			g.t.Errorf("after SIG%s it is the same process", signal)
		}
	}
	g.logs(connectorUnit, "Watchdog timeout")
	g.dropIn(connectorUnit, "")
}

// reloads: `systemctl reload` returns once certificates, keys and tokens were read.
func (g *guest) reloads() {
	g.t.Helper()
	for _, unit := range []string{cloudUnit, connectorUnit, desktopUnit} {
		was := g.says(unit, "MainPID")
		g.in("systemctl", "reload", unit)
		if got := g.says(unit, "MainPID") + " " + g.says(unit, "ActiveState"); got != was+" active" {
			g.t.Errorf("after a reload %s is %s, it was %s", unit, got, was)
		}
		g.logs(unit, `"trust_reloaded"`)
	}
}

// movesAnAddress: a hook of docs/install.md may not do it without its drop-in, and does
// it with that.
func (g *guest) movesAnAddress() {
	g.t.Helper()
	g.logs(connectorUnit, `"hook_failed"`)
	g.dropIn(connectorUnit, "[Service]\nCapabilityBoundingSet=CAP_NET_ADMIN\nAmbientCapabilities=CAP_NET_ADMIN\nRestrictAddressFamilies=AF_NETLINK\n")
	g.in("systemctl", "restart", connectorUnit)
	eventually(g.t, "the hook sets the address", func() bool {
		return strings.Contains(g.in("ip", "-o", "address", "show", "dev", "lo"), "192.0.2.10")
	})
	g.dropIn(connectorUnit, "")
	g.in("systemctl", "restart", connectorUnit)
}

// asksForSessions: the commands of a real desktop see and end a stranger's session under
// the drop-in of docs/install.md, and not without it.
func (g *guest) asksForSessions() {
	g.t.Helper()
	if g.exists("var/lib/understudy/desktop/ended") {
		g.t.Error("the commands see other processes without the drop-in")
	}
	g.dropIn(desktopUnit, "[Service]\nUser=root\nProtectProc=default\nPrivateUsers=no\n")
	g.in("systemctl", "restart", desktopUnit)
	eventually(g.t, "the stranger is logged off", func() bool { return g.exists("var/lib/understudy/desktop/ended") })
	if got := g.read("var/lib/understudy/desktop/ended"); got != "stranger root\n" {
		g.t.Errorf("the command was called for %q", got)
	}
	g.dropIn(desktopUnit, "")
	g.in("systemctl", "stop", desktopUnit)
}

// upgrades: what runs goes on with the new version, what does not stays as it is.
func (g *guest) upgrades() {
	g.t.Helper()
	was := g.says(connectorUnit, "MainPID")
	g.in("dpkg", "--install", g.bring(debOf(g.t, newer)))
	if now := g.says(connectorUnit, "MainPID"); now == was || g.says(connectorUnit, "ActiveState") != "active" {
		g.t.Errorf("after the upgrade the connector is %s, process %s", g.says(connectorUnit, "ActiveState"), now)
	}
	g.logs(connectorUnit, "version "+newer)
	if state := g.says(desktopUnit, "ActiveState"); state != "inactive" {
		g.t.Errorf("after the upgrade the desktop, which was stopped, is %s", state)
	}
	g.wants(connectorUnit, "NRestarts", "0")
}

// removes: removing stops, and leaves settings and data; purging leaves what is not the
// package's.
func (g *guest) removes() {
	g.t.Helper()
	was := "/proc/" + g.says(connectorUnit, "MainPID")
	g.in("dpkg", "--remove", "understudy")
	if _, err := g.try("test", "-e", was); err == nil {
		g.t.Error("the connector runs after the package was removed")
	}
	if !g.exists("etc/understudy/connector.yaml") || !g.exists("var/lib/understudy/connector") {
		g.t.Error("removing took settings or data along")
	}
	g.in("dpkg", "--purge", "understudy")
	if g.exists("etc/understudy") || g.exists("var/lib/understudy") || !g.exists("etc/credstore/understudy-connector.tls.key") || !g.exists(authority+"/ca.key") {
		g.t.Error("purging left settings or data, or took what is not the package's")
	}
	if out, _ := g.try("systemctl", "list-units", "--all", "--plain", "--no-legend", "understudy*"); strings.Contains(out, "active") {
		g.t.Errorf("after all that systemd has\n%s", out)
	}
}
