//go:build linux

package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// exitConfig is the exit code for a file that cannot be used (design 11).
const exitConfig = 78

// spoiled is a file of examples/zone with one thing changed, and what is to be
// said about it.
type spoiled struct {
	name     string
	from, to string
	want     []string // each with {line}: the line of the change
}

const hint = "insecure: true is accepted on loopback addresses only"

var spoiledConnectors = []spoiled{
	{"unknown key", "sync:", "snyc:", []string{`:{line}: snyc: `}},
	{"unknown key inside", "  client:", "  klient:", []string{`:{line}: listen.klient: `}},
	{"wrong type: list", "fqdn: cc01.example.test", "fqdn: [cc01.example.test]", []string{`:{line}: fqdn: `}},
	{"wrong type: text", "insecure: true", "insecure: perhaps", []string{`:{line}: insecure: `}},
	{"wrong type: number", "  interval: 5s", "  interval: 5", []string{`:{line}: sync.interval: `}},
	{"no YAML", "site: example", "site: [example", []string{`: `}},
	{"key given twice", "zone: berlin", "zone: berlin\nzone: paris", []string{`zone`}},
	{"missing key", "zone: berlin\n", "", []string{`: zone: is missing`}},
	{"two faults", "zone: berlin\ndata: data/cc01", "zoen: berlin\ndata: []", []string{`:{line}: zoen: `, `: zone: is missing`, `: data: `}},
	{"client not on loopback", "client: 127.0.0.11:7480", "client: 192.0.2.1:7480", []string{`:{line}: listen.client: "192.0.2.1:7480" is not a loopback address; ` + hint}},
	{"peer on all addresses", "peer: 127.0.0.11:7489", `peer: ":7489"`, []string{`:{line}: listen.peer: ":7489" is not a loopback address; ` + hint}},
	{"admin not on loopback", "admin: 127.0.0.11:7490", "admin: 0.0.0.0:7490", []string{`:{line}: listen.admin: "0.0.0.0:7490" is not a loopback address`}},
	{"cloud not on loopback", "http://127.0.0.10:7443", "http://cloud.example.test:7443", []string{`:{line}: cloud.url: `, hint}},
	{"peer URL not on loopback", `client_url: "http://127.0.0.13:7480"`, `client_url: "http://192.0.2.3:7480"`, []string{`:{line}: peers[2].client_url: `, hint}},
	{"neither TLS nor insecure", "insecure: true # loopback only", "", []string{`: tls: is missing`}},
	{"both TLS and insecure", "insecure: true", "tls: {cert_file: a, key_file: b, ca_file: c}\ninsecure: true", []string{`: insecure: is true, but tls names files too`}},
	{"no such token file", "connector.token", "nobody.token", []string{`:{line}: cloud.token_file: `, "no such file"}},
	{"duplicate peer", "fqdn: cc03.example.test", "fqdn: CC02.Example.Test.", []string{`:{line}: peers[2].fqdn: "cc02.example.test" is peers[1] already`}},
	{"policy of a later version", "sync:", "election: {policy: quorum}\nsync:", []string{`:{line}: election.policy: "quorum" is not available or majority`}},
}

var spoiledClouds = []spoiled{
	{"unknown key", "tokens_file:", "token_file:", []string{`:{line}: token_file: `, `: tokens_file: is missing`}},
	{"not on loopback", "127.0.0.10:7443", "0.0.0.0:7443", []string{`:{line}: listen: "0.0.0.0:7443" is not a loopback address; ` + hint}},
	{"without TLS", "insecure: true", "insecure: false", []string{`: tls: is missing`}},
	{"tokens with a fault", "tokens_file: tokens", "tokens_file: bad.tokens", []string{`bad.tokens: line 1: role "king" is not connector or admin`}},
}

var spoiledDesktops = []spoiled{
	{"unknown key", "simulate: 6", "simulated: 6", []string{`:{line}: simulated: `}},
	{"wrong type", "simulate: 6", "simulate: six", []string{`:{line}: simulate: `}},
	{"not on loopback", "127.0.0.20:7485", "192.0.2.9:7485", []string{`:{line}: listen: `, hint}},
	{"connector not on loopback", "http://127.0.0.12:7480", "http://192.0.2.9:7480", []string{`:{line}: connectors[0][1]: `, hint}},
	{"no connectors", `  - ["http://127.0.0.11:7480", "http://127.0.0.12:7480", "http://127.0.0.13:7480"]`, "  []", []string{`: connectors: is missing`}},
	{"no provider", "kind: simulate", "kind: hyperv", []string{`:{line}: provider.kind: "hyperv" is not simulate, command or windows`}},
}

// "Unknown keys, wrong types, …: named, with line or path; the process does not
// start." "Non-loopback addresses without TLS: refused."
func TestSpoiledFiles(t *testing.T) {
	for _, k := range []struct {
		command, file string
		cases         []spoiled
	}{
		{"connector", "cc01.yaml", spoiledConnectors}, {"cloud", "cloud.yaml", spoiledClouds}, {"desktop", "desktops.yaml", spoiledDesktops},
	} {
		for _, c := range k.cases {
			t.Run(k.command+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				dir := exampleFolder(t)
				file := filepath.Join(dir, k.file)
				line := c.spoil(t, file)
				r := attempt(t, k.command, file)
				c.judge(t, r, line)
				if _, err := os.Stat(filepath.Join(dir, "data")); err == nil {
					t.Error("the data folder was made, want that nothing is started")
				}
			})
		}
	}
}

// exampleFolder is a copy of examples/zone.
func exampleFolder(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../examples/zone")); err != nil {
		t.Fatal(err)
	}
	// What somebody has run there is not part of the example.
	if err := os.RemoveAll(filepath.Join(dir, "data")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bad.tokens"), []byte("arthur king secret-of-the-round-table\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// spoil changes the file and returns the line of the change.
func (c spoiled) spoil(t testing.TB, file string) int {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, after, found := strings.Cut(string(text), c.from)
	if !found {
		t.Fatalf("%s has no %q", file, c.from)
	}
	if err := os.WriteFile(file, []byte(before+c.to+after), 0o600); err != nil {
		t.Fatal(err)
	}
	return 1 + strings.Count(before, "\n")
}

func (c spoiled) judge(t testing.TB, r result, line int) {
	t.Helper()
	if r.Code != exitConfig {
		t.Errorf("got exit %d, want %d", r.Code, exitConfig)
	}
	for _, want := range c.want {
		if want = strings.ReplaceAll(want, "{line}", fmt.Sprint(line)); !strings.Contains(r.Stderr, want) {
			t.Errorf("got\n%swant in it %q", r.Stderr, want)
		}
	}
	if strings.Contains(r.Stderr, "round-table") {
		t.Error("what is said holds a secret")
	}
}

// spoiledSites are faults of a site that the issue names.
var spoiledSites = []spoiled{
	{"unknown key", "machines:", "maschines:", []string{`:{line}: maschines: `}},
	{"wrong type", "groups: [staff]}", "groups: staff}", []string{`:{line}: users[0].groups: `}},
	{"duplicate machine by case", "name: ws004.example.test", "name: WS003.Example.TEST", []string{`:{line}: machines[3].name: `, "ws003.example.test"}},
	{"duplicate machine by dot", "name: ws005.example.test", "name: ws006.example.test.", []string{`machines[5].name: `, "ws006.example.test"}},
	{"duplicate connector by case and dot", "fqdn: cc02.example.test", "fqdn: CC01.example.test.", []string{`:{line}: connectors[1].fqdn: `, "cc01.example.test"}},
	{"machine with a connector's name", "name: ws002.example.test", "name: CC02.example.test", []string{`:{line}: machines[1].name: `}},
	{"group in no zone", "kind: pooled, zones: [berlin]", "kind: pooled, zones: []", []string{`:{line}: groups[1].zones: group "pool" is in no zone`}},
	{"group in an unknown zone", "kind: pooled, zones: [berlin]", "kind: pooled, zones: [paris]", []string{`:{line}: groups[1].zones[0]: `, "paris"}},
	{"entitled to nothing that exists", "{user: alice, desktop: office}", "{user: alice, desktop: ofice}", []string{`:{line}: entitlements[0].desktop: `, "ofice"}},
	{"entitled to an unknown application", "{user: alice, desktop: office}", "{user: alice, application: office}", []string{`:{line}: entitlements[0].application: `}},
	{"entitled user unknown", "{user: alice, desktop: office}", "{user: mallory, desktop: office}", []string{`:{line}: entitlements[0].user: `, "mallory"}},
	{"two faults", "zone: berlin, client_url", "zone: paris, client_url: \"ftp://x\", klient_url", []string{`:{line}: connectors[0].klient_url: `}},
	{"durations that cannot be kept", "deadline: 1s", "deadline: 1ms", []string{`:{line}: zones[0].settings.deadline: `}},
	{"no name", "name: example", "", []string{`: name: is missing`}},
}

// "Duplicate FQDNs (also when they differ only in case or a trailing dot), a group
// in no zone, a user entitled to nothing that exists: named, with line or path; …
// or the apply changes nothing."
func TestSpoiledSites(t *testing.T) {
	t.Parallel()
	s := newPlainStand(t, 1)
	s.cloud.start()
	s.apply()
	before := s.published(t)
	for _, c := range spoiledSites {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(exampleFolder(t), "site.yaml")
			line := c.spoil(t, file)
			c.judge(t, understudy(t, "site", "check", file), line)
			c.judge(t, understudy(t, "site", "apply", file, "--cloud", s.cloud.url(7443), "--token-file", filepath.Join(s.dir, "admin.token")), line)
			if got := s.published(t); got != before {
				t.Errorf("the cloud broker has now %s, want %s still", got, before)
			}
		})
	}
	t.Run("told by the cloud broker", s.testPutBadSite)
	if got := s.published(t); got != before {
		t.Errorf("the cloud broker has now %s, want %s still", got, before)
	}
}

// TestNoSuchFile: every command that reads a file says which one is not there.
func TestNoSuchFile(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing.yaml")
	for _, args := range [][]string{
		{"connector", "--config", missing}, {"cloud", "--config", missing}, {"desktop", "--config", missing}, {"site", "check", missing},
	} {
		if r := understudy(t, args...); r.Code != exitConfig || !strings.Contains(r.Stderr, missing) {
			t.Errorf("%v: got exit %d: %s; want %d and the name of the file", args[:1], r.Code, r.Stderr, exitConfig)
		}
	}
}

// locked is a data folder that a running process holds.
type locked struct {
	kind string
	unit *unit
}

// "A data folder that is not writable or in use by another process: a clear
// refusal." Root may write everywhere but below a file and in /proc.
func TestDataFolderRefused(t *testing.T) {
	t.Parallel()
	s := newPlainStand(t, 1)
	s.up()
	for _, l := range []locked{{"connector", s.zone[0]}, {"cloud", s.cloud}, {"desktop", s.desktops[0]}} {
		t.Run(l.kind, func(t *testing.T) {
			inUse := s.second(l.unit, "")
			refuses(t, attempt(t, l.kind, inUse), l.unit.data(), "in use by another process")
			for _, folder := range []string{filepath.Join(s.dir, "tokens", "data"), "/proc/self/data"} {
				refuses(t, attempt(t, l.kind, s.second(l.unit, folder)), folder, "not writable")
			}
			if !l.unit.Running() {
				t.Error("the process that holds the folder has ended")
			}
		})
	}
	s.isNormal()
}

// second writes the file of another process of the kind, on other addresses; an
// empty folder is that of the first.
func (s *stand) second(u *unit, folder string) string {
	s.t.Helper()
	other := *u
	other.ip = loopback(s.t, 7480, 7489, 7443, 7485)
	text := strings.ReplaceAll(other.text(), "admin: \"unix:", "admin: \"unix:"+s.dir+"/second-")
	text = strings.ReplaceAll(text, "second-"+s.dir+"/", "second-")
	if folder != "" {
		text = strings.Replace(text, "data: "+u.name, "data: "+folder, 1)
	}
	return s.write("second-"+u.kind+".yaml", text)
}

func refuses(t testing.TB, r result, words ...string) {
	t.Helper()
	if r.Code == 0 || slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(r.Stderr, w) }) {
		t.Errorf("got exit %d: %s; want a refusal with %q", r.Code, r.Stderr, words)
	}
	if strings.Contains(r.Stderr, "goroutine") {
		t.Errorf("it crashed: %s", r.Stderr)
	}
}
