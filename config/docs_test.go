package config_test

import (
	"cmp"
	"encoding"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"understudy/config"
	"understudy/site"
)

// keys are the keys of a file with their defaults: "required", "none", or the value.
type keys map[string]string

// LHC-17: "Every duration is configurable and documented", and so is every other
// key of the files: docs/configuration.md has them all, with the code's defaults.
func TestConfigurationPage(t *testing.T) {
	page, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	for heading, want := range map[string]keys{
		"The connector's file":     connectorKeys(t),
		"The cloud broker's file":  cloudKeys(t),
		"The desktop agent's file": desktopKeys(t),
		"The site's file":          siteKeys(),
		"Settings of a zone":       settingsKeys(),
	} {
		compareKeys(t, heading, documented(string(page), heading), want)
	}
}

func compareKeys(t *testing.T, heading string, got, want keys) {
	t.Helper()
	if len(want) == 0 {
		t.Fatalf("%s: no key was found in the code", heading)
	}
	for key, fallback := range want {
		said, known := got[key]
		switch {
		case !known:
			t.Errorf("%s: %s is not in the page", heading, key)
		case !same(said, fallback):
			t.Errorf("%s: the page says that %s is %q by default, the code %q", heading, key, said, fallback)
		}
	}
	for key := range got {
		if _, known := want[key]; !known {
			t.Errorf("%s: %s is in the page only", heading, key)
		}
	}
}

// same compares defaults; durations may be written in several ways.
func same(a, b string) bool {
	da, errA := time.ParseDuration(a)
	db, errB := time.ParseDuration(b)
	return a == b || errA == nil && errB == nil && da == db
}

// row is a table's row about a key: the key and its default.
var row = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| ([^|]*) \\|")

// documented reads the tables of one section of the page.
func documented(page, heading string) keys {
	_, section, _ := strings.Cut(page, "\n## "+heading+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	found := keys{}
	for _, m := range row.FindAllStringSubmatch(section, -1) {
		found[m[1]] = strings.ReplaceAll(m[2], "`", "")
	}
	return found
}

const tlsFiles = "tls: {cert_file: cert.pem, key_file: key.pem, ca_file: ca.pem}\n"

func connectorKeys(t *testing.T) keys {
	t.Helper()
	const minimal = "site: s\nfqdn: cc01.test\nzone: z\ndata: d\ncloud: {url: 'https://cloud.test', token_file: token}\n" + tlsFiles
	c, err := config.LoadConnector(pageFile(t, minimal))
	if err != nil {
		t.Fatal(err)
	}
	found := keys{}
	walk(found, "", reflect.ValueOf(c).Elem())
	walk(found, "peers[].", reflect.ValueOf(config.Peer{}))
	addLDAP(found)
	for _, key := range []string{
		"site", "fqdn", "zone", "data", "cloud.url", "cloud.token_file", "tls.cert_file", "tls.key_file", "tls.ca_file",
		"peers[].fqdn", "peers[].client_url", "peers[].peer_url",
	} {
		found[key] = "required"
	}
	zone := settingsKeys() // an outage or election key left out means the zone's default
	for key := range found {
		_, last, _ := strings.Cut(key, ".")
		if fallback, ok := zone[last]; ok {
			found[key] = fallback
		}
	}
	return found
}

// addLDAP adds the keys of a directory.
func addLDAP(found keys) {
	walk(found, "credentials.ldap[].", reflect.ValueOf(config.DefaultLDAP()))
	found["credentials.ldap[].servers"], found["credentials.ldap[].base"] = "required", "required"
}

func cloudKeys(t *testing.T) keys {
	t.Helper()
	c, err := config.LoadCloud(pageFile(t, "site: s\ndata: d\ntokens_file: token\ntls: {cert_file: cert.pem, key_file: key.pem}\n"))
	if err != nil {
		t.Fatal(err)
	}
	found := keys{}
	walk(found, "", reflect.ValueOf(c).Elem())
	addLDAP(found)
	for _, key := range []string{"site", "data", "tokens_file", "tls.cert_file", "tls.key_file"} {
		found[key] = "required"
	}
	return found
}

func desktopKeys(t *testing.T) keys {
	t.Helper()
	c, err := config.LoadDesktop(pageFile(t, "machine: ws01.test\nzone: z\ndata: d\nconnectors: [['https://cc01.test:7480']]\n"+tlsFiles))
	if err != nil {
		t.Fatal(err)
	}
	found := keys{}
	walk(found, "", reflect.ValueOf(c).Elem())
	for _, key := range []string{"machine", "zone", "data", "connectors", "tls.cert_file", "tls.key_file", "tls.ca_file"} {
		found[key] = "required"
	}
	return found
}

func siteKeys() keys {
	found := keys{}
	for prefix, v := range map[string]any{
		"": site.Site{}, "zones[].": site.Zone{}, "connectors[].": site.Connector{}, "groups[].": site.DeliveryGroup{},
		"machines[].": site.Machine{}, "applications[].": site.Application{}, "users[].": site.User{}, "entitlements[].": site.Entitlement{},
	} {
		walk(found, prefix, reflect.ValueOf(v))
	}
	for key := range found {
		if strings.HasPrefix(key, "zones[].settings.") {
			delete(found, key) // they have a section of their own
		}
	}
	found["zones[].settings"] = "none"
	for _, key := range []string{
		"name", "zones", "connectors", "zones[].name", "connectors[].fqdn", "connectors[].zone", "connectors[].client_url",
		"connectors[].peer_url", "groups[].name", "groups[].kind", "groups[].zones", "machines[].name", "machines[].group",
		"machines[].zone", "applications[].name", "applications[].groups", "users[].name",
	} {
		found[key] = "required"
	}
	found["sta_failover"] = string((&site.Site{}).STAFailoverMode())
	found["groups[].failover"] = string(site.DeliveryGroup{}.FailoverMode())
	found["groups[].balance"] = string(site.DeliveryGroup{}.Balancing())
	single, multi := indexed(site.Pooled), indexed(site.MultiSession)
	found["machines[].capacity"] = fmt.Sprintf("%d, %d in multi-session groups", single.Capacity, multi.Capacity)
	found["machines[].weight"] = fmt.Sprint(single.Weight)
	return found
}

// indexed is a machine that says nothing, as the index has it.
func indexed(kind site.Kind) site.Machine {
	s := &site.Site{
		Groups:   []site.DeliveryGroup{{Name: "g", Kind: kind, Zones: []string{"z"}}},
		Machines: []site.Machine{{Name: "m", Group: "g", Zone: "z"}},
	}
	m, _ := site.NewIndex(s).Machine("m")
	return m
}

func settingsKeys() keys {
	found := keys{}
	walk(found, "", reflect.ValueOf(site.DefaultSettings()))
	return found
}

// walk names every leaf of a struct by its json tags, with its value.
func walk(into keys, prefix string, v reflect.Value) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		tag, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		value := v.Field(i)
		_, isText := reflect.TypeAssert[encoding.TextMarshaler](value)
		if value.Kind() == reflect.Struct && !isText {
			walk(into, prefix+tag+".", value)
			continue
		}
		into[prefix+tag] = shown(value)
	}
}

func shown(v reflect.Value) string {
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if v.Kind() == reflect.Bool || v.Kind() == reflect.Int {
		return fmt.Sprint(v.Interface())
	}
	if v.IsZero() {
		return "none"
	}
	return cmp.Or(fmt.Sprint(v.Interface()), "none")
}

// pageFile writes a configuration file, next to what its keys may name.
func pageFile(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"process.yaml": text, "token": "t", "cert.pem": "c", "key.pem": "k", "ca.pem": "a",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "process.yaml")
}
