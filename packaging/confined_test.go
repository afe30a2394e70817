package main

import "strings"

// isConfined: "hardening": what the kernel says of each process.
func (g *guest) isConfined() {
	g.t.Helper()
	for unit, user := range map[string]string{cloudUnit: "understudy", connectorUnit: "understudy", desktopUnit: "understudy", pkiUnit: "understudy-pki"} {
		owner := strings.TrimSpace(g.in("id", "-u", user))
		status := g.in("cat", "/proc/"+g.says(unit, "MainPID")+"/status")
		for _, want := range []string{
			strings.Join([]string{"Uid:", owner, owner, owner, owner}, "\t"), "CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "CapBnd:\t0000000000000000",
			"NoNewPrivs:\t1", "Seccomp:\t2",
		} {
			if !strings.Contains(status, want+"\n") {
				g.t.Errorf("%s lacks %q in\n%s", unit, want, status)
			}
		}
		g.writesOnlyItsData(unit)
	}
}

// writesOnlyItsData: another command in the place of the program gets no further than
// its data folder.
func (g *guest) writesOnlyItsData(unit string) {
	g.t.Helper()
	data := "/var/lib/" + g.says(unit, "StateDirectory")
	probe := `cd /; for name in / /etc /usr /root /home /var/lib /var/log /run /dev /etc/understudy /var/lib/understudy ` + data + `; do
		touch $name/probe 2>/dev/null && echo "writes $name"; done; ls /etc/credstore >/dev/null 2>&1 && echo reads; ls -d /proc/1
		cat ` + authority + `/ca.key >/dev/null 2>&1 && echo "reads the key"; ls "$CREDENTIALS_DIRECTORY"; true`
	g.write("etc/understudy/probe", probe)
	g.permit(0o644, "etc/understudy/probe")
	g.dropIn(unit, "[Service]\nType=oneshot\nWatchdogSec=0\nRestart=no\nExecStart=\nExecStart=/bin/sh /etc/understudy/probe\nStandardOutput=file:/root/probe\nStandardError=null\n")
	g.in("systemctl", "restart", unit)
	handed := map[string]string{cloudUnit: "tls.key\ntokens\n", connectorUnit: "cloud.token\ntls.key\n", desktopUnit: "tls.key\n", pkiUnit: "reads the key\n"}
	if got, want := g.read("root/probe"), "writes "+data+"\n"+handed[unit]; got != want {
		g.t.Errorf("under %s a command says %q, want %q", unit, got, want)
	}
	g.in("rm", "/root/probe", data+"/probe")
	g.dropIn(unit, "")
	g.in("systemctl", "restart", unit)
}
