//go:build linux

package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"understudy/events"
)

// slow is how long a step may take that Windows programs take part in.
const slow = 90 * time.Second

// office is a zone of one connector and one desktop, both services of Windows; the cloud
// broker runs on Linux.
type office struct {
	*wine
	dir                  string // of the cloud broker
	cloudIP, ip, desktop string
	cloud                *process
}

// newOffice writes the files of everybody, and puts the program on disk C.
func newOffice(t testing.TB, w *wine) *office {
	t.Helper()
	o := &office{wine: w, dir: t.TempDir(), cloudIP: loopback(t, 7443), ip: loopback(t, 7480, 7489, 7490), desktop: loopback(t, 7485)}
	o.write(filepath.Join(o.dir, "cloud.yaml"), "site: example\ndata: data\nlisten: "+o.cloudIP+":7443\ninsecure: true\ntokens_file: tokens\n")
	o.write(filepath.Join(o.dir, "tokens"), "berlin connector connectors-of-berlin-0001\nops admin administrator-0001-example\n")
	o.write(filepath.Join(o.dir, "admin.token"), "administrator-0001-example\n")
	o.write(filepath.Join(o.dir, "site.yaml"), strings.NewReplacer("{client}", "http://"+o.ip+":7480", "{peer}", "http://"+o.ip+":7489").Replace(officeSite))
	shared := w.disk("ProgramData", "Understudy")
	o.write(filepath.Join(shared, "connector.token"), "connectors-of-berlin-0001\n")
	o.write(filepath.Join(shared, "connector.yaml"), fmt.Sprintf(officeConnector, o.cloudIP, o.ip, o.ip, o.ip))
	o.write(filepath.Join(shared, "desktop.yaml"), fmt.Sprintf(officeDesktop, o.ip, o.desktop, o.desktop))
	return o
}

const officeSite = `
name: example
zones:
  - name: berlin
    settings: {health_interval: 1s, detection: 4s, initial_ha: 600s, deadline: 1s, join_wait: 1s, vda_interval: 3s, participation: always}
connectors:
  - {fqdn: cc01.example.test, zone: berlin, client_url: "{client}", peer_url: "{peer}"}
groups:
  - {name: office, kind: assigned, zones: [berlin], desktop: Office desktop}
machines:
  - {name: ws001.example.test, group: office, zone: berlin, assigned_user: alice}
users:
  - {name: alice}
entitlements:
  - {user: alice, desktop: office}
`

const officeConnector = `
site: example
fqdn: cc01.example.test
zone: berlin
data: connector/data
cloud: {url: "http://%s:7443", token_file: connector.token}
listen: {client: "%s:7480", peer: "%s:7489", admin: "%s:7490"}
insecure: true
sync: {interval: 5s}
log: {file: connector/connector.log}
`

const officeDesktop = `
machine: ws001.example.test
zone: berlin
data: desktop/data
connectors: [["http://%s:7480"]]
listen: %s:7485
callback: http://%s:7485/ws001.example.test
insecure: true
provider: {kind: windows}
log: {file: desktop/desktop.log}
`

func (o *office) write(file, text string) {
	o.t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		o.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) startCloud() {
	o.t.Helper()
	o.cloud = start(o.t, command{Name: "cloud", Args: []string{"cloud", "--config", "cloud.yaml"}, Dir: o.dir})
}

// manage runs understudy.exe service, which must end as wanted and say that.
func (o *office) manage(code int, want string, args ...string) {
	o.t.Helper()
	r := o.run(o.dir, nil, `C:\Program Files\Understudy\understudy.exe`, append([]string{"service"}, args...)...)
	if r.Code != code || !strings.Contains(r.Out+r.Stderr, want) {
		o.t.Fatalf("service %s: exit code %d: %s%s, want %d and %q", strings.Join(args, " "), r.Code, r.Out, r.Stderr, code, want)
	}
}

// launch is alice's, from Linux, until it is answered.
func (o *office) launch(want ...string) {
	o.t.Helper()
	eventually(o.t, slow, "a launch is answered", func() error {
		return saw(understudy(o.t, "storefront", "launch", "alice", "desktop:office", "--connectors", "http://"+o.ip+":7480"), want...)
	})
}

// status waits until the connector shows something of itself.
func (o *office) status(want ...string) {
	o.t.Helper()
	token := o.disk("ProgramData", "Understudy", "connector", "data", "admin.token")
	eventually(o.t, slow, "the status shows "+strings.Join(want, ", "), func() error {
		return saw(understudy(o.t, "status", "--connector", "http://"+o.ip+":7490", "--token-file", token), want...)
	})
}

func saw(r result, want ...string) error {
	if r.Code != 0 {
		return fmt.Errorf("exit code %d: %s%s", r.Code, r.Out, r.Stderr)
	}
	return contains(r.Out, want)
}

// Issue 6, "Tested under wine": "install, start, register a desktop, outage, stop,
// uninstall".
func TestWineServices(t *testing.T) {
	w := windows(t)
	o := newOffice(t, w)
	o.write(w.disk("Program Files", "Understudy", "understudy.exe"), read(t, exe(t)))
	w.boot()
	t.Cleanup(o.confess)
	o.install()
	o.startCloud()
	o.manage(0, "start done", "start", "connector")
	o.manage(0, "start done", "start", "desktop")
	o.story()
	o.remove()
}

// confess shows what the services wrote, if the test failed.
func (o *office) confess() {
	for _, name := range []string{"connector", "desktop"} {
		if text, err := os.ReadFile(o.disk("ProgramData", "Understudy", name, name+".log")); err == nil && o.t.Failed() {
			o.t.Logf("---- %s\n%s", name, tail(string(text), 30))
		}
	}
	if text, err := os.ReadFile(o.said); err == nil && o.t.Failed() {
		o.t.Logf("---- Windows\n%s", tail(string(text), 30))
	}
}

// install makes both services; a configuration with faults makes none.
func (o *office) install() {
	o.t.Helper()
	// An MSI that wine removed takes emptied keys above its own along.
	o.run(o.dir, nil, "reg", "add", `HKLM\SYSTEM\CurrentControlSet\Services\EventLog\Application`, "/f")
	o.manage(1, "is not installed", "status", "desktop")
	o.manage(78, "nosuchkey", "install", "connector", "--config", o.faulty())
	o.manage(1, "is not installed", "start", "connector")
	o.manage(0, "install done", "install", "connector")
	o.manage(0, "install done", "install", "desktop", "--firewall")
	o.manage(0, "stopped", "status", "connector")
	r := o.run(o.dir, nil, "reg", "query", `HKLM\SYSTEM\CurrentControlSet\Services\EventLog\Application\UnderstudyConnector`, "/v", "EventMessageFile")
	if !strings.Contains(r.Out, `Program Files\Understudy\understudy.exe`) {
		o.t.Errorf("the event source has its texts from %s%s", r.Out, r.Stderr)
	}
}

func (o *office) faulty() string {
	o.write(o.disk("ProgramData", "Understudy", "faulty.yaml"), "nosuchkey: 1\n")
	return `C:\ProgramData\Understudy\faulty.yaml`
}

// story is a desktop's registration, a launch, an outage with the launch again, and its end.
func (o *office) story() {
	o.t.Helper()
	eventually(o.t, slow, "the site is published", func() error {
		return saw(understudy(o.t, "site", "apply", filepath.Join(o.dir, "site.yaml"), "--cloud", "http://"+o.cloudIP+":7443",
			"--token-file", filepath.Join(o.dir, "admin.token")), "Published")
	})
	o.status("Normal", "1 machine,")
	o.launch("ws001.example.test")
	o.cloud.Kill()
	o.status("InitialHA", "1 registration,")
	o.launch("ws001.example.test")
	eventually(o.t, slow, "the event log has the outage", func() error { return o.logged("warn", events.OutageBegan) })
}

// logged looks for an event on its way to the event log, as a line of that severity with what
// is inserted. Wine does not show its number, which TestJournalHasEventsByNumber looks at.
func (o *office) logged(severity string, name events.Name) error {
	for line := range strings.Lines(read(o.t, o.said)) {
		if strings.Contains(line, severity+":eventlog:ReportEventW") && strings.Contains(line, "event: "+string(name)) {
			return nil
		}
	}
	return fmt.Errorf("no %s of %s:\n%s", severity, name, tail(read(o.t, o.said), 10))
}

// remove stops and uninstalls both; what was stopped in an orderly way has said so.
func (o *office) remove() {
	o.t.Helper()
	o.manage(0, "running", "status", "connector")
	o.manage(0, "stop done", "stop", "connector")
	data := o.disk("ProgramData", "Understudy", "connector", "data")
	if r := understudy(o.t, "events", "--data", data); !strings.Contains(r.Out, "stopped") {
		o.t.Errorf("the connector did not stop in an orderly way: %s%s", r.Out, r.Stderr)
	}
	o.manage(0, "uninstall done", "uninstall", "connector")
	o.manage(0, "uninstall done", "uninstall", "desktop") // which still runs
	o.manage(1, "is not installed", "status", "desktop")
	r := o.run(o.dir, nil, "reg", "query", `HKLM\SYSTEM\CurrentControlSet\Services\EventLog\Application\UnderstudyConnector`)
	if r.Code == 0 {
		o.t.Errorf("the event source is left: %s", r.Out)
	}
	if _, err := os.Stat(data); err != nil {
		o.t.Errorf("the data folder was not to be removed: %v", err)
	}
}
