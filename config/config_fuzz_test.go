package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"understudy/config"
	"understudy/site"
)

// maxFaultText bounds one fault of a file.
const maxFaultText = 4096

// checkFault: whatever is wrong with a file is told as faults of it, each in a
// bounded text.
func checkFault(t *testing.T, err error) {
	t.Helper()
	faults, ok := errors.AsType[*config.FileError](err)
	if !ok || len(faults.Faults) == 0 {
		t.Fatalf("got %v, want the file's faults", err)
	}
	for _, f := range faults.Faults {
		if len(f.Path)+len(f.Text) > maxFaultText || f.Line < 0 {
			t.Errorf("a fault of %d bytes on line %d: %.300s", len(f.Path)+len(f.Text), f.Line, f.Text)
		}
	}
}

// Whatever the text, there is a valid site or its faults; and a site that is
// written as YAML reads the same.
func FuzzSite(f *testing.F) {
	f.Add(validSite)
	f.Add("a: &a [*a]\n<<: *a\nname: !!binary x\n? [a]\n: b\n")
	f.Add("name: |\n  x\nzones: {<<: [*x, {}]}\n--- %\n")
	f.Add("a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nzones: [*b,*b,*b,*b,*b,*b,*b,*b]\n")
	f.Add("zones: &z [{name: a}, {name: a}]\nusers: *z\nname: 0x10\nreuse_in_outage: yes\n")
	f.Add("machines: [{name: " + strings.Repeat("m", 9000) + ", capacity: 1e999, weight: .nan}]\n")
	f.Add(strings.Repeat("[", 5000))
	f.Add(strings.Repeat("- ", 3000))
	f.Add("zones:\n- name: \"\\ud800\xff\"\n  settings: {deadline: " + strings.Repeat("1h", 4000) + "}\n")
	f.Add(strings.Repeat("k", 9000) + ": 1\n")
	f.Add("zones: " + strings.Repeat("z", 9000) + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 64<<10 {
			return
		}
		s, err := config.ParseSite("site.yaml", []byte(text))
		if err != nil {
			checkFault(t, err)
			return
		}
		if faults := s.Validate(); len(faults) > 0 {
			t.Errorf("what was taken has faults: %v", faults)
		}
		written, err := yaml.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		again, err := config.ParseSite("again.yaml", written)
		if diff := cmp.Diff(s, again, cmpopts.EquateEmpty()); err != nil || diff != "" {
			t.Errorf("written and read again: %v (-was +is):\n%s\n%s", err, diff, written)
		}
	})
}

const (
	fuzzConnector = "site: s\nfqdn: CC01.example.test.\nzone: z\ndata: d\ninsecure: true\ncloud: {url: 'http://127.0.0.1:1'}\nlisten: {client: '127.0.0.1:0', peer: '127.0.0.1:0', admin: 'unix:a.sock'}\npeers: [{fqdn: cc02, client_url: 'http://127.0.0.1:2', peer_url: 'http://127.0.0.1:3'}]\nelection: {deadline: 1s}\n"
	fuzzDesktop   = "machine: ws%03d.example.test\nzone: z\ndata: d\ninsecure: true\nlisten: '127.0.0.1:0'\nconnectors: [['http://127.0.0.1:1']]\nsimulate: 3\nprovider: {connect: 1s}\n"
	fuzzCloud     = "site: s\ndata: d\nlisten: '127.0.0.1:0'\ninsecure: true\ntokens_file: config.yaml\n"
)

// A process's own file is read, or refused by its faults; what it names is what a
// process can start with.
func FuzzFile(f *testing.F) {
	for kind, text := range []string{fuzzConnector, fuzzDesktop, fuzzCloud} {
		f.Add(uint8(kind), text)
		f.Add(uint8(kind), text+"log: {level: "+strings.Repeat("x", 9000)+"}\n")
	}
	f.Add(uint8(1), strings.Replace(fuzzDesktop, "simulate: 3", "simulate: 99999999999999999999", 1))
	f.Add(uint8(1), strings.Replace(fuzzDesktop, "simulate: 3", "simulate: -1", 1))
	f.Add(uint8(1), strings.Replace(fuzzDesktop, "%03d", "%d%s%n%!", 1))
	f.Add(uint8(1), strings.Replace(fuzzDesktop, "machine: ws%03d.example.test", "machines: [a1, {name: b2, capacity: 7}, 3]", 1))
	f.Add(uint8(0), "listen: {client: '[::1%25x]:99999', peer: ':', admin: 'unix:'}\nfqdn: [a]\npeers: {a: b}\n")
	f.Add(uint8(2), "tls: {cert_file: "+strings.Repeat("/x", 5000)+"}\nsite: \"\\0\"\n")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, kind uint8, text string) {
		if len(text) > 64<<10 {
			return
		}
		file := filepath.Join(dir, "config.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var err error
		switch kind % 3 {
		case 0:
			var c *config.Connector
			if c, err = config.LoadConnector(file); err == nil {
				checkConnector(t, c)
			}
		case 1:
			var d *config.Desktop
			if d, err = config.LoadDesktop(file); err == nil {
				checkDesktop(t, d)
			}
		default:
			_, err = config.LoadCloud(file)
		}
		if err != nil {
			checkFault(t, err)
		}
	})
}

func checkConnector(t *testing.T, c *config.Connector) {
	t.Helper()
	name, err := site.ParseFQDN(string(c.FQDN))
	if err != nil || name != c.FQDN || len(c.Settings().Validate()) > 0 || !filepath.IsAbs(c.Data) {
		t.Errorf("taken: %+v (%v)", c, err)
	}
	for _, p := range c.Connectors() {
		if p.FQDN == "" || site.URLFault(p.ClientURL) != "" || site.URLFault(p.PeerURL) != "" {
			t.Errorf("taken with peer %+v", p)
		}
	}
}

func checkDesktop(t *testing.T, d *config.Desktop) {
	t.Helper()
	hosts := d.Hosts()
	if len(hosts) == 0 || len(hosts) > 100_000 || d.Simulate < 0 {
		t.Errorf("%d machines", len(hosts))
	}
	for _, h := range hosts {
		if name, err := site.ParseFQDN(string(h.Name)); err != nil || name != h.Name || h.Capacity < 1 || h.Capacity > site.MaxCapacity {
			t.Fatalf("taken with machine %+v (%v)", h, err)
		}
	}
	for _, group := range d.Connectors {
		for _, url := range group {
			if site.URLFault(url) != "" {
				t.Errorf("taken with connector %q", url)
			}
		}
	}
}

// A file of one secret: it stands alone in its line, and an error never quotes it.
func FuzzSecrets(f *testing.F) {
	f.Add("# keys\nsecret-of-front-1\r\n\n\tsecret-of-front-2")
	f.Add("\xff\x00#\n #secret\n")
	f.Add(strings.Repeat("x", 70000))
	file := filepath.Join(f.TempDir(), "keys")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		secret, err := config.ReadSecret(file)
		if err != nil && (secret != "" || len(err.Error()) > 200+len(file)) {
			t.Errorf("got %q and an error of %d bytes", secret, len(err.Error()))
		}
		if err == nil && (secret != strings.TrimSpace(secret) || secret == "" || secret[0] == '#' || strings.Contains(secret, "\n")) {
			t.Errorf("a secret is %q", secret)
		}
	})
}
