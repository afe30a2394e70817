package config_test

import (
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"understudy/config"
	"understudy/hooks"
)

const (
	dnsKey = "key \"berlin\" { algorithm hmac-sha256; secret \"c2VjcmV0\"; };"
	dnsAll = "dns: {server: 'ns1.example.com:53', zone: Example.com., name: berlin.example.com, addresses: [192.0.2.1, '2001:db8::1'], ttl: 10s, key_file: zone.key, refresh: 20s, timeout: 2s}\n"
)

func hooksFile(t *testing.T, text string) string {
	t.Helper()
	return write(t, [2]string{"connector.yaml", insecureConnector + text}, [2]string{"zone.key", dnsKey}, [2]string{"take", "#!/bin/sh\n"})
}

// REP-03: commands and the name in DNS, as the connector takes them.
func TestHooksInTheFile(t *testing.T) {
	file := hooksFile(t, "hooks: {on_elected: [take, --address, 192.0.2.9], on_deposed: [./take], timeout: 3s}\n"+dnsAll)
	c, err := config.LoadConnector(file)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(file)
	got := c.Hooks.Commands()
	want := hooks.CommandOptions{
		OnElected: []string{filepath.Join(dir, "take"), "--address", "192.0.2.9"}, OnDeposed: []string{filepath.Join(dir, "take")}, Timeout: 3 * time.Second,
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(hooks.CommandOptions{}, "Env", "Execute", "Tell")); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
	name, err := c.DNS.Options()
	if err != nil {
		t.Fatal(err)
	}
	if name.Zone != "example.com" || name.TTL != 10*time.Second || name.Refresh != 20*time.Second || name.Timeout != 2*time.Second ||
		name.Key != (hooks.Key{Name: "berlin", Algorithm: "hmac-sha256", Secret: "c2VjcmV0"}) || len(name.Addresses) != 2 || name.Addresses[1] != netip.MustParseAddr("2001:db8::1") {
		t.Errorf("got %+v", name)
	}
}

func TestNoHooksInTheFile(t *testing.T) {
	c, err := config.LoadConnector(hooksFile(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	name, err := c.DNS.Options()
	if name != nil || err != nil || c.Hooks.Commands().OnElected != nil {
		t.Errorf("got %+v, %v, %+v", name, err, c.Hooks)
	}
}

func TestFaultsOfHooks(t *testing.T) {
	for text, want := range map[string]string{
		"hooks: {on_elected: []}":                                          "hooks.on_elected: names no program",
		"hooks: {on_elected: [nowhere]}":                                   "hooks.on_elected[0]: open",
		"hooks: {timeout: 1ms}":                                            "hooks.timeout: 1ms is less than 100ms",
		"hooks: {timeout: 1h}":                                             "hooks.timeout: 1h0m0s is more than 5m0s",
		"dns: {addresses: [192.0.2.1]}":                                    "dns.key_file: is missing",
		strings.Replace(dnsAll, "ns1.example.com:53", "ns1", 1):            `dns.server: "ns1" is not an address`,
		strings.Replace(dnsAll, "berlin.example.com", "berlin.test", 1):    `dns.name: "berlin.test" is not in the zone`,
		strings.Replace(dnsAll, "192.0.2.1", "one", 1):                     `dns.addresses[0]: "one" is not an IP address`,
		strings.Replace(dnsAll, "ttl: 10s", "ttl: 1500ms", 1):              "dns.ttl: 1.5s is not a number of whole seconds",
		"dns: {server: 'a:53', zone: a.b, name: a.b, key_file: zone.key}":  "dns.addresses: is missing: a zone itself cannot be an alias",
		strings.Replace(dnsAll, "key_file: zone.key", "key_file: gone", 1): "dns.key_file: open",
	} {
		_, err := config.LoadConnector(hooksFile(t, text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

// A key that is none is named with its file, and without what is in it.
func TestKeyFileThatIsNone(t *testing.T) {
	file := hooksFile(t, dnsAll)
	c, err := config.LoadConnector(file)
	if err != nil {
		t.Fatal(err)
	}
	c.DNS.KeyFile = file
	if _, err = c.DNS.Options(); err == nil || !strings.Contains(err.Error(), file) || strings.Contains(err.Error(), "insecure") {
		t.Errorf("got %v", err)
	}
}
