package config_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"understudy/config"
	"understudy/site"
)

func TestExampleSiteIsValid(t *testing.T) {
	s, err := config.LoadSite("../examples/site.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Zones) != 2 || len(s.Connectors) != 6 {
		t.Errorf("got %d zones and %d connectors", len(s.Zones), len(s.Connectors))
	}
	x := site.NewIndex(s)
	var got []string
	for _, r := range x.Resources("Petra.Adler", nil) {
		got = append(got, r.Name)
	}
	if want := []string{"CAD Workstation", "Mail", "Office Desktop", "Time Sheet"}; !cmp.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := x.Settings("lyon").Detection; got != site.Duration(120e9) {
		t.Errorf("got detection %v, want 2m", got)
	}
}

// validSite has no fault; tests replace parts of it.
const validSite = `name: example
zones:
  - name: berlin
connectors:
  - fqdn: CC01.example.test.
    zone: berlin
    client_url: http://127.0.0.1:7480
    peer_url: http://127.0.0.1:7489
groups:
  - {name: office, kind: pooled, zones: [berlin], desktop: Office}
machines:
  - name: ws1.example.test
    group: office
    zone: berlin
users:
  - name: alice
entitlements:
  - {user: alice, desktop: office}
`

func TestSiteFaultsHaveLinesAndPaths(t *testing.T) {
	tests := []struct {
		name, old, new string
		want           []string
	}{
		{"none", "", "", nil},
		{"unknown key", "    group: office", "    group: office\n    colour: red", []string{
			"site.yaml:14: machines[0].colour: unknown key; known here: assigned_user, capacity, group, maintenance, name, weight, zone",
		}},
		{"wrong types", "    group: office", "    group: [office]\n    capacity: many\n    maintenance: 1", []string{
			"site.yaml:13: machines[0].group: is a list, want text",
			`site.yaml:14: machines[0].capacity: "many" is not a whole number`,
			"site.yaml:15: machines[0].maintenance: is a number, want true or false",
		}},
		{"number for text", "name: example", "name: 4711", []string{"site.yaml:1: name: 4711 is a number, want text: put it in quotes"}},
		{"boolean for text", "name: example", "name: true", []string{"site.yaml:1: name: true is true or false, want text: put it in quotes"}},
		{"text for list", "zones: [berlin]", "zones: berlin", []string{`site.yaml:10: groups[0].zones: "berlin" is not a list`}},
		{"text for mapping", "  - name: alice", "  - alice", []string{`site.yaml:16: users[0]: "alice" is not a mapping`}},
		{"empty item", "  - name: alice", "  - name: alice\n  -", []string{"site.yaml:17: users[1]: is empty"}},
		{"bad duration", "  - name: berlin", "  - name: berlin\n    settings: {detection: soon, recovery: 60}", []string{
			`site.yaml:4: zones[0].settings.detection: "soon" is not a duration such as 500ms, 60s or 5m`,
			`site.yaml:4: zones[0].settings.recovery: "60" is not a duration such as 500ms, 60s or 5m`,
		}},
		{"bad name", "name: ws1.example.test", "name: ws_1!", []string{`site.yaml:12: machines[0].name: host name "ws_1!": label "ws_1!" contains '!'`}},
		{"duplicate key", "    group: office", "    group: office\n    group: office", []string{
			"site.yaml:14: machines[0].group: is there already, on line 13",
		}},
		{"number too large", "    group: office", "    group: office\n    capacity: 99999999999999999999", []string{
			`site.yaml:14: machines[0].capacity: "99999999999999999999" is not a whole number`,
		}},
		{"duplicate host, in another case and with a dot", "users:", "  - name: cc01.EXAMPLE.test\n    group: office\n    zone: berlin\nusers:", []string{
			`site.yaml:15: machines[1].name: "cc01.example.test" is the name of connectors[0] already`,
		}},
		{"missing key has the line of its object", "    group: office\n", "", []string{"site.yaml:12: machines[0].group: is missing"}},
		{"references", "{user: alice, desktop: office}", "{user: bob, desktop: offices}", []string{
			`site.yaml:18: entitlements[0].user: user "bob" does not exist`,
			`site.yaml:18: entitlements[0].desktop: group "offices" does not exist`,
		}},
		{"two documents", "users:", "---\nusers:", []string{"site.yaml:15: the file holds more than one document"}},
		{"unknown alias", "  - name: alice", "  - *alice", []string{`site.yaml:16: users[0]: alias "alice" has no anchor before it`}},
		{"alias of itself", "zones: [berlin]", "zones: &z [*z]", []string{"site.yaml:10: groups[0].zones[0]: is a list, want text"}},
		{"tag", "name: example", "name: !!str example", []string{"site.yaml:1: name: tags such as !!str are not supported"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(validSite, tt.old, tt.new, 1)
			_, err := config.ParseSite("site.yaml", []byte(text))
			var got []string
			if err != nil {
				got = strings.Split(err.Error(), "\n")
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSiteThatIsNotYAML(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"empty", "", "site.yaml: the file is empty"},
		{"only a comment", "# nothing\n", "site.yaml: the file is empty"},
		{"syntax", "name: example\nzones: [berlin\n", "site.yaml:2: is not YAML"},
		{"a list", "- a\n", "site.yaml:1: is a list, want a mapping"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := config.ParseSite("site.yaml", []byte(tt.text))
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, want %s…", err, tt.want)
			}
			if _, ok := errors.AsType[*config.FileError](err); !ok {
				t.Errorf("got a %T, want a FileError", err)
			}
		})
	}
}

func TestSiteWithAnchorsAndMergeKeys(t *testing.T) {
	text := strings.Replace(validSite, `  - name: ws1.example.test
    group: office
    zone: berlin
`, `  - &first
    name: ws1.example.test
    group: &group office
    zone: berlin
    weight: 50
  - <<: *first
    name: ws2.example.test
    group: *group
`, 1)
	s, err := config.ParseSite("site.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := site.Machine{Name: "ws2.example.test", Group: "office", Zone: "berlin", Weight: 50}
	if got := s.Machines[1]; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestSiteAsJSON(t *testing.T) {
	s, err := config.ParseSite("site.json", []byte(`{"name":"x","zones":[{"name":"z","settings":{"deadline":"400ms"}}],
		"connectors":[{"fqdn":"c.test","zone":"z","client_url":"http://c.test:1","peer_url":"http://c.test:2"}]}`))
	if err != nil || s.Zones[0].Settings.Deadline != 4e8 {
		t.Errorf("got %+v, %v", s, err)
	}
}

func TestGeneratedSiteReadsBack(t *testing.T) {
	want := site.Generate(300, 900, 5)
	text, err := yaml.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := config.ParseSite("generated.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

func TestSiteFileThatIsNotThere(t *testing.T) {
	if _, err := config.LoadSite(filepath.Join(t.TempDir(), "none.yaml")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want that the file does not exist", err)
	}
}

// write puts files into a new folder, and returns the path of the first.
func write(t testing.TB, files ...[2]string) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f[0]), []byte(f[1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, files[0][0])
}

// A file of ours is never quoted whole: it may be a secret given by mistake.
func TestAFileThatIsNoneOfOursIsNotQuoted(t *testing.T) {
	_, err := config.ParseSite("admin.token", []byte("administrator-secret\n"))
	if err == nil || strings.Contains(err.Error(), "administrator-secret") {
		t.Errorf("got %v, want a fault that does not show the text", err)
	}
}

// A site may come from a command: a few lines of it take neither the memory nor the time
// of a connector.
func TestHostileSitesAreRefused(t *testing.T) {
	bomb := "name: s\nzones:\n  - &a {name: z}\n"
	for c := 'a'; c < 'p'; c++ {
		bomb += "  - &" + string(c+1) + " {<<: [" + strings.TrimSuffix(strings.Repeat("*"+string(c)+", ", 10), ", ") + "]}\n"
	}
	for name, text := range map[string]string{
		"lists":       "name: s\nzones: " + strings.Repeat("[", 100_000),
		"mappings":    "name: s\nzones: " + strings.Repeat("{a: ", 100_000),
		"on lines":    "name: s\nzones:\n" + strings.Repeat(" [\n", 100_000),
		"dashes":      "name: s\nzones:\n  " + strings.Repeat("- ", 100_000),
		"merge bomb":  bomb,
		"merges self": "name: s\nzones:\n  - &a {<<: *a}\n",
	} {
		_, err := config.ParseSite("site.yaml", []byte(text))
		if err == nil || !strings.Contains(err.Error(), "more than") {
			t.Errorf("%s: got %.200v", name, err)
		}
	}
	large := `{"name": "s", "zones": [` + strings.TrimSuffix(strings.Repeat(`{"name": "a - b"}, `, 5000), ", ") + "]}"
	if _, err := config.ParseSite("site.json", []byte(large)); err == nil || strings.Contains(err.Error(), "more than") {
		t.Errorf("a large site on one line: got %.200v", err)
	}
}
