package cli

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"understudy/load"
)

const loadSite = `name: example
zones: [{name: berlin}]
connectors: [{fqdn: cc01.example.test, zone: berlin, client_url: "http://127.0.0.1:9", peer_url: "http://127.0.0.1:10"}]
groups: [{name: pool, kind: pooled, zones: [berlin], desktop: Pool}]
machines: [{name: ws1.example.test, group: pool, zone: berlin}]
users: [{name: ada}]
entitlements: [{user: ada, desktop: pool}]
`

// Issue 4, 9: "understudy load": its exit codes tell usage from a zone that does not
// answer.
func TestLoadExitCodes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "site.yaml")
	if err := os.WriteFile(file, []byte(loadSite), 0o600); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"load", exitUsage, "--site"},
		{"load --site " + file + " --zone lyon", exitUsage, `"lyon" is not in the site`},
		{"load --site " + file + " --desktops 7", exitUsage, "the site has 1 desktops"},
		{"load --site " + file + " --mix desktop:pool", exitUsage, "RESOURCE=WEIGHT"},
		{"load --site " + file + " --mix desktop:pond=1", exitUsage, `no resource "desktop:pond"`},
		{"load --site " + file + " --disconnects 3", exitUsage, "Disconnects"},
		{"load --site " + file + " --users -1", exitUsage, "--users -1"},
		{"load --site " + file + " --max-errors 200", exitUsage, "0 to 100"},
		{"load --site " + file + " --callback pc7", exitUsage, "Callback"},
		{"load --site " + file + " --listen 7485", exitUsage, "missing port"},
		{"load --site " + file + " --listen " + taken.Addr().String(), exitError, "in use"},
		{"load --site " + file + " --ca-file " + file + "x", exitError, "read the authority"},
		{"load --site " + file + " --json " + file + "x/run.json", exitError, "write the report"},
		{"load --site " + file + "x", exitConfig, "site.yamlx"},
		{"load --site " + file, exitNotReady, "no connector answers"},
	} {
		var stdout, stderr strings.Builder
		code := Run(t.Context(), strings.Fields(c.args), &stdout, &stderr)
		if code != c.code || !strings.Contains(stderr.String(), c.says) {
			t.Errorf("%s: got %d %q, want %d and %q", c.args, code, stderr.String(), c.code, c.says)
		}
	}
}

// Issue 4, 9: "a report (JSON and a chart file)".
func TestLoadWritesBothFiles(t *testing.T) {
	dir := t.TempDir()
	p := &pressure{json: filepath.Join(dir, "run.json"), chart: filepath.Join(dir, "run.svg")}
	if err := p.write(loadReport()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(p.json)
	if err != nil || !json.Valid(text) {
		t.Errorf("got %v and %q, want JSON", err, text)
	}
	chart, err := os.ReadFile(p.chart)
	if err != nil || !strings.HasPrefix(string(chart), "<svg ") {
		t.Errorf("got %v and %q, want an SVG", err, chart)
	}
}

// Issue 4, 9: the files are tried before a run whose report would be lost, and one that
// is there already stays until the new report replaces it.
func TestLoadTriesItsFiles(t *testing.T) {
	dir := t.TempDir()
	older, fresh := filepath.Join(dir, "older.json"), filepath.Join(dir, "fresh.svg")
	if err := os.WriteFile(older, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &pressure{json: older, chart: fresh}
	if err := p.tryFiles(); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(older); err != nil || string(text) != "{}" {
		t.Errorf("got %v and %q, want the older report", err, text)
	}
	if _, err := os.Stat(fresh); !os.IsNotExist(err) {
		t.Errorf("got %v, want no file left behind", err)
	}
}

func loadReport() load.Report {
	return load.Report{Lasted: 2, Epochs: []load.Epoch{{Stage: load.ByCloud, Lasted: 2}}, Samples: []load.Sample{{At: 1}, {At: 2}}}
}
