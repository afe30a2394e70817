package config_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"understudy/config"
	"understudy/site"
	"understudy/trust"
)

const insecureConnector = `site: example
fqdn: CC01.example.test
zone: berlin
data: data
insecure: true
cloud: {url: "http://127.0.0.1:7443"}
listen: {client: "127.0.0.1:7480", peer: "127.0.0.1:7489"}
`

const secureConnector = `site: example
fqdn: cc01.example.test
zone: berlin
data: /var/lib/understudy
cloud: {url: "https://cloud.example.test:7443", token_file: token}
tls: {cert_file: cert.pem, key_file: key.pem, ca_file: ca.pem}
`

func TestConnectorDefaults(t *testing.T) {
	file := write(t, [2]string{"connector.yaml", insecureConnector})
	c, err := config.LoadConnector(file)
	if err != nil {
		t.Fatal(err)
	}
	if c.FQDN != "cc01.example.test" || c.Listen.Admin != "127.0.0.1:7490" || c.Cloud.Timeout.D() != 10*time.Second ||
		c.Sync.Interval.D() != time.Minute || c.Log != (config.Log{Level: "info", Format: "json"}) {
		t.Errorf("got %+v", c)
	}
	if got, want := c.Data, filepath.Join(filepath.Dir(file), "data"); got != want {
		t.Errorf("got data folder %s, want %s: relative to the file", got, want)
	}
	if c.Settings() != (site.Settings{}) {
		t.Errorf("got settings %+v, want none", c.Settings())
	}
	if tls, err := c.CloudTLS(trust.New(time.Now)); tls != nil || err != nil {
		t.Errorf("CloudTLS: got %v, %v; want plain TCP", tls, err)
	}
}

func TestConnectorWithEverything(t *testing.T) {
	text := secureConnector + `listen: {client: "0.0.0.0:7480", peer: ":7489", admin: "unix:admin.sock"}
storefront_keys_file: keys
sta_id: STA0001
peer_relay: false
sync: {interval: 5s}
outage: {health_interval: 1s, detection: 3s, initial_ha: 4s, recovery: 3s, participation: always,
  detection_max: 6s, detection_reset: 50s, recovery_max: 7s,
  participation_window: 1h, vda_interval: 2s, reservation_life: 10s, ticket_life: 9s, call_in: false, call_in_rate: 50}
election: {policy: majority, deadline: 400ms, join_wait: 500ms, preempt: false, preempt_after: 30s}
peers:
  - {fqdn: cc02.example.test, client_url: "https://cc02.example.test:7480", peer_url: "https://cc02.example.test:7489"}
log: {level: debug, format: text, file: log.txt}
`
	file := write(t, [2]string{"connector.yaml", text}, [2]string{"token", "x"}, [2]string{"keys", "x"},
		[2]string{"cert.pem", ""}, [2]string{"key.pem", ""}, [2]string{"ca.pem", ""})
	c, err := config.LoadConnector(file)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(file)
	if c.Listen.Admin != "unix:"+filepath.Join(dir, "admin.sock") || c.TLS.CAFile != filepath.Join(dir, "ca.pem") {
		t.Errorf("names are not relative to the file: %+v", c)
	}
	if *c.PeerRelay {
		t.Error("NEW-03: peer_relay: false says nothing")
	}
	want := site.Settings{
		HealthInterval: 1e9, Detection: 3e9, DetectionMax: 6e9, DetectionReset: 50e9,
		InitialHA: 4e9, Recovery: 3e9, RecoveryMax: 7e9, Participation: site.Always, ParticipationWindow: 3600e9,
		Policy: site.Majority, Deadline: 4e8, JoinWait: 5e8, Preempt: new(false), PreemptAfter: 30e9, VDAInterval: 2e9, ReservationLife: 10e9, TicketLife: 9e9,
		CallIn: new(false), CallInRate: 50,
	}
	if diff := cmp.Diff(want, c.Settings()); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	peer := site.Connector{FQDN: "cc02.example.test", Zone: "berlin", ClientURL: "https://cc02.example.test:7480", PeerURL: "https://cc02.example.test:7489"}
	if got := c.Connectors(); !cmp.Equal(got, []site.Connector{peer}) {
		t.Errorf("got %+v", got)
	}
}

func TestConnectorFaults(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
	}{
		{"empty mapping", "{}", []string{
			"f: site: is missing", "f: fqdn: is missing", "f: zone: is missing", "f: data: is missing",
			"f: tls: is missing; insecure: true is accepted on loopback addresses only",
			"f: cloud.url: is missing", "f: cloud.token_file: is missing",
		}},
		{"unknown key", insecureConnector + "elections: {}", []string{
			"f:8: elections: unknown key; known here: admin_users_file, cloud, credentials, data, dns, election, fqdn, front_ends, hooks, insecure, journal, launch, limits, listen, log, outage, peer_relay, peers, pki, site, site_source, sta_id, standby, storefront_keys_file, sync, tls, upstream, xml, xml_service, zone",
		}},
		{"beside controllers, all wrong", replace(insecureConnector, "cloud: {", "upstream: xml-service\npeer_relay: true\nxml_service: {user: monitor}\nsite_source: {timeout: 1ms, format: xml}\ncloud: {"), []string{
			"f:7: peer_relay: peers pass nothing on to controllers that speak XML Service",
			"f:8: xml_service.servers: is missing",
			"f:8: xml_service.user: user and password_file go together",
			"f:9: site_source: is missing: file or command",
			`f:9: site_source.format: "xml" is none of yaml, ndjson`,
			"f:9: site_source.timeout: 1ms is less than 1s",
			"f:10: cloud: is for upstream: cloud",
		}},
		{"controllers without upstream", insecureConnector + "xml_service: {servers: ['http://127.0.0.1:80']}\nsite_source: {file: site.yaml}\n", []string{
			"f:8: xml_service.servers: is for upstream: xml-service", "f:9: site_source: is for upstream: xml-service",
		}},
		{"an unknown upstream", insecureConnector + "upstream: citrix\n", []string{`f:8: upstream: "citrix" is none of cloud, xml-service`}},
		{"controllers in the clear", replace(insecureConnector, "cloud: {url: \"http://127.0.0.1:7443\"}", "upstream: xml-service\nxml_service: {servers: ['http://ddc1.example.test', 'ddc2']}\nsite_source: {file: a, command: [b]}"), []string{
			`f:7: xml_service.servers[0]: "http://ddc1.example.test" is not on a loopback address; insecure: true is accepted on loopback addresses only`,
			`f:7: xml_service.servers[1]: "ddc2" is not an http or https URL`,
			"f:8: site_source: has file and command; one of them is needed",
		}},
		{"insecure on an address that others reach", replace(insecureConnector, `client: "127.0.0.1:7480"`, `client: ":7480"`), []string{
			`f:7: listen.client: ":7480" is not a loopback address; insecure: true is accepted on loopback addresses only`,
		}},
		{"insecure towards another host", replace(insecureConnector, "http://127.0.0.1:7443", "http://cloud.example.test"), []string{
			`f:6: cloud.url: "http://cloud.example.test" is not on a loopback address; insecure: true is accepted on loopback addresses only`,
		}},
		{"insecure and tls", insecureConnector + "tls: {cert_file: /dev/null}", []string{
			"f:5: insecure: is true, but tls names files too",
		}},
		{"no tls", replace(insecureConnector, "insecure: true", "insecure: false"), []string{
			"f: tls: is missing; insecure: true is accepted on loopback addresses only",
			`f:6: cloud.url: "http://127.0.0.1:7443" is not an https URL`,
			"f:6: cloud.token_file: is missing",
		}},
		{"files that are not there", replace(secureConnector, ", ca_file: ca.pem", ""), []string{
			"f:5: cloud.token_file: open DIR/token: no such file or directory",
			"f:6: tls.ca_file: is missing",
			"f:6: tls.cert_file: open DIR/cert.pem: no such file or directory",
			"f:6: tls.key_file: open DIR/key.pem: no such file or directory",
		}},
		{"admin on another address", replace(insecureConnector, "listen: {", `listen: {admin: "10.0.0.1:7490", `), []string{
			`f:7: listen.admin: "10.0.0.1:7490" is not a loopback address, and the admin API is not on any other`,
		}},
		{"bad values", insecureConnector + `outage: {detection: -1s, recovery: fast}
election: {policy: quorum, deadline: 1s, join_wait: 500ms, preempt: 1, preempt_after: 1ms}
sync: {interval: 10ms}
log: {level: loud, format: xml}
peers:
  - {fqdn: a.test, client_url: "http://127.0.0.2:1", peer_url: "ftp://127.0.0.2"}
  - {fqdn: A.test., client_url: "http://127.0.0.3:1", peer_url: "http://127.0.0.3:2"}
`, []string{
			"f:8: outage.recovery: \"fast\" is not a duration such as 500ms, 60s or 5m",
			"f:8: outage.detection: -1s is less than 10ms",
			"f:9: election.preempt: is a number, want true or false",
			"f:9: election.preempt_after: 1ms is less than 10ms",
			"f:9: election.join_wait: 500ms is less than the deadline of 1s",
			`f:9: election.policy: "quorum" is not available or majority`,
			"f:10: sync.interval: 10ms is less than 1s",
			`f:11: log.level: "loud" is not error, warn, info or debug`,
			`f:11: log.format: "xml" is not json or text`,
			`f:13: peers[0].peer_url: "ftp://127.0.0.2" is not an http or https URL`,
			`f:14: peers[1].fqdn: "a.test" is peers[0] already`,
		}},
		{"maxima below what they bound", insecureConnector + "outage: {detection_max: 30s, recovery_max: 1m, detection_reset: 1ms}\n", []string{
			"f:8: outage.detection_reset: 1ms is less than 10ms",
			"f:8: outage.detection_max: 30s is less than detection, which is 1m0s",
			"f:8: outage.recovery_max: 1m0s is less than recovery, which is 5m0s",
		}},
		{"a majority with too short a deadline", insecureConnector + "election: {policy: majority, deadline: 300ms}\n", []string{
			"f:8: election.deadline: 300ms is less than 400ms, which the policy majority needs",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := write(t, [2]string{"connector.yaml", tt.text})
			_, err := config.LoadConnector(file)
			checkFaults(t, file, err, tt.want)
		})
	}
}

func TestInsecureIsForLoopbackAddresses(t *testing.T) {
	tests := map[string]bool{
		"127.0.0.1:1": true, "127.9.8.7:1": true, "[::1]:1": true, "localhost:1": true, "LocalHost:1": true,
		":1": false, "0.0.0.0:1": false, "[::]:1": false, "10.0.0.1:1": false, "example.test:1": false,
		"localhost.example.test:1": false, "127.0.0.1": false, "127.0.0.1:x": false,
	}
	for address, want := range tests {
		file := write(t, [2]string{"cloud.yaml", "site: example\ndata: data\ninsecure: true\ntokens_file: cloud.yaml\nlisten: \"" + address + "\"\n"})
		if _, err := config.LoadCloud(file); (err == nil) != want {
			t.Errorf("%s: accepted %t, want %t: %v", address, err == nil, want, err)
		}
	}
}

func TestCloud(t *testing.T) {
	file := write(t, [2]string{"cloud.yaml", "site: example\ndata: data\ntls: {cert_file: c, key_file: k}\ntokens_file: tokens\n"},
		[2]string{"c", ""}, [2]string{"k", ""}, [2]string{"tokens", "x"})
	c, err := config.LoadCloud(file)
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != ":7443" || c.TokensFile != filepath.Join(filepath.Dir(file), "tokens") {
		t.Errorf("got %+v", c)
	}
	file = write(t, [2]string{"cloud.yaml", "site: [example]\n"})
	_, err = config.LoadCloud(file)
	checkFaults(t, file, err, []string{
		"f: data: is missing", "f: tls: is missing; insecure: true is accepted on loopback addresses only",
		"f: tokens_file: is missing", "f:1: site: is a list, want text",
	})
}

const simulatedDesktops = `zone: berlin
data: data
insecure: true
listen: 127.0.0.1:7485
connectors:
  - ["http://127.0.0.1:7480", "http://127.0.0.2:7480"]
  - ["http://127.0.0.3:7480"]
`

func TestDesktopNames(t *testing.T) {
	tests := []struct {
		name, text string
		want       []site.FQDN
	}{
		{"one", "machine: WS1.example.test.", []site.FQDN{"ws1.example.test"}},
		{"counting on", "machine: ws09.example.test\nsimulate: 2", []site.FQDN{"ws09.example.test", "ws10.example.test"}},
		{"pattern", "machine: ws%03d.berlin.example.test\nsimulate: 2", []site.FQDN{"ws001.berlin.example.test", "ws002.berlin.example.test"}},
		{"list", "machines: [a.test, b.test]", []site.FQDN{"a.test", "b.test"}},
		{"list, counted", "machines: [a.test, b.test]\nsimulate: 2", []site.FQDN{"a.test", "b.test"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := config.LoadDesktop(write(t, [2]string{"desktop.yaml", simulatedDesktops + tt.text}))
			if err != nil {
				t.Fatal(err)
			}
			var got []site.FQDN
			for _, host := range d.Hosts() {
				got = append(got, host.Name)
			}
			if !cmp.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			if d.Capacity != 1 || d.Provider.Kind != "simulate" || len(d.Connectors[0]) != 2 {
				t.Errorf("got %+v", d)
			}
		})
	}
}

func TestDesktopCapacities(t *testing.T) {
	const machines = "capacity: 3\nmachines:\n- a.test\n- name: B.test\n  capacity: 20\n- {name: c.test}\n"
	d, err := config.LoadDesktop(write(t, [2]string{"desktop.yaml", simulatedDesktops + machines}))
	if err != nil {
		t.Fatal(err)
	}
	want := []config.SimulatedMachine{{Name: "a.test", Capacity: 3}, {Name: "b.test", Capacity: 20}, {Name: "c.test", Capacity: 3}}
	if diff := cmp.Diff(want, d.Hosts()); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}

func TestDesktopFaults(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
	}{
		{"no machine", "", []string{"f: machine: is missing"}},
		{"both", "machine: a.test\nmachines: [b.test]", []string{"f:9: machines: is there, but machine is too"}},
		{"too few names", "machines: [a.test]\nsimulate: 2", []string{"f:9: simulate: 2, but machines names 1"}},
		{"twice", "machines: [a.test, A.test]", []string{`f:8: machines[1]: "a.test" is number 0 already`}},
		{"two numbers", "machine: ws%d%d.test", []string{`f:8: machine: host name "ws%d%d.test": label "ws%d%d" contains '%'`}},
		{"capacity", "machine: a.test\ncapacity: -1", []string{"f:9: capacity: -1 is not within 1 to 10000"}},
		{"capacity of one", "machines:\n- {name: a.test, capacity: -1}", []string{"f:9: machines[0].capacity: -1 is not within 1 to 10000"}},
		{"unknown key of one", "machines:\n- {name: a.test, cores: 4}", []string{"f:9: machines[0].cores: unknown key; known here: capacity, name"}},
		{"a number for a name", "machines: [5]", []string{"f:8: machines[0]: is a number, want a mapping"}},
		{"provider", "machine: a.test\nprovider: {kind: rdp}", []string{`f:9: provider.kind: "rdp" is not simulate, command or windows`}},
		{"simulated commands", "machine: a.test\nsimulate: 1\nprovider: {kind: command, list: [a], end: [b]}", []string{"f:10: provider.kind: command is for one real machine: leave simulate out"}},
		{"commands left out", "machine: a.test\nprovider: {kind: command, list: [a]}", []string{"f:9: provider.end: is missing"}},
		{"an empty command", "machine: a.test\nprovider: {kind: command, list: [''], end: [b], interval: 1ms, port: 70000}", []string{
			"f:9: provider.list[0]: names no program", "f:9: provider.interval: 1ms is less than 100ms", "f:9: provider.port: 70000 is not within 1 to 65535",
		}},
		{"commands of Windows", "machine: a.test\nprovider: {kind: windows, list: [a], end: [b], prepare: [c], reset: [d]}", []string{
			"f:9: provider.end: Windows does that itself: leave it out", "f:9: provider.list: Windows does that itself: leave it out",
		}},
		{"callback", "machine: a.test\ncallback: http://10.0.0.1:7485", []string{
			`f:9: callback: "http://10.0.0.1:7485" is not on a loopback address; insecure: true is accepted on loopback addresses only`,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := write(t, [2]string{"desktop.yaml", simulatedDesktops + tt.text})
			_, err := config.LoadDesktop(file)
			checkFaults(t, file, err, tt.want)
		})
	}
}

// checkFaults compares an error with its lines, in which f stands for the file
// and DIR for its folder.
func checkFaults(t testing.TB, file string, err error, want []string) {
	t.Helper()
	if err == nil {
		t.Fatalf("got no error, want %v", want)
	}
	text := strings.ReplaceAll(err.Error(), file+":", "f:")
	text = strings.ReplaceAll(text, filepath.Dir(file), "DIR")
	if diff := cmp.Diff(want, strings.Split(text, "\n")); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

func replace(text, old, replacement string) string { return strings.Replace(text, old, replacement, 1) }

// A connector beside controllers needs no cloud broker: the farm is the site unless the
// file says another, and peers pass nothing on.
func TestConnectorBesideControllers(t *testing.T) {
	text := replace(secureConnector, `cloud: {url: "https://cloud.example.test:7443", token_file: token}`,
		"upstream: xml-service\nxml_service: {servers: ['http://ddc1.example.test', 'https://ddc2.example.test:8443'], plain: true, user: monitor, password_file: token}\nsite_source: {file: site.yaml}")
	file := write(t, [2]string{"connector.yaml", text}, [2]string{"token", "x"}, [2]string{"cert.pem", ""}, [2]string{"key.pem", ""}, [2]string{"ca.pem", ""})
	c, err := config.LoadConnector(file)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(file)
	if c.Upstream != config.UpstreamXMLService || c.XMLService.Farm != "example" || *c.PeerRelay || c.SiteSource.File != filepath.Join(dir, "site.yaml") || c.XMLService.PasswordFile != filepath.Join(dir, "token") {
		t.Errorf("got %+v", c)
	}
	if c.SiteSource.Format != config.FormatYAML || c.SiteSource.Timeout.D() != config.DefaultSourceTimeout {
		t.Errorf("got %+v", c.SiteSource)
	}
}

// NEW-05: what an import puts aside is no reason to refuse a site source; what is no
// site at all is, by line and key.
func TestReadSite(t *testing.T) {
	s, err := config.ReadSite("f", []byte("name: a\nmachines:\n  - {name: ws1, group: none, zone: none}\n"))
	if err != nil || len(s.Machines) != 1 || len(s.Validate()) == 0 {
		t.Errorf("got %+v, %v", s, err)
	}
	if _, err := config.ReadSite("f", []byte("name: a\nmachine: []\n")); err == nil || !strings.Contains(err.Error(), "machine: unknown key") {
		t.Errorf("error %v", err)
	}
}
