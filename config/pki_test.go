package config_test

import (
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"understudy/config"
	"understudy/env"
)

const (
	securedDesktop = "machine: ws01.test\nzone: z\ndata: d\nconnectors: [['https://cc01.test:7480']]\n" + tlsFiles
	pkiURL         = "pki: {url: 'https://pki.test:7446', "
)

// A host that has no certificate yet starts with the authority's alone, or with its
// fingerprint.
func TestPKIMakesTheFiles(t *testing.T) {
	fingerprint := strings.Repeat("AB:", 31) + "AB"
	for more, exists := range map[string][2]string{
		"token_file: t}":                      {"ca.pem", ""},
		"fingerprint: '" + fingerprint + "'}": {"other", ""},
	} {
		file := write(t, [2]string{"desktop.yaml", securedDesktop + pkiURL + more + "\n"}, exists)
		d, err := config.LoadDesktop(file)
		if err != nil {
			t.Errorf("%s: %v", more, err)
			continue
		}
		k := d.PKI.Keeper(env.Real(), "ws01.test", d.TLS, nil)
		if k.CAFile != filepath.Join(filepath.Dir(file), "ca.pem") || k.Files.Cert != d.TLS.CertFile || strings.Contains(k.Fingerprint, ":") {
			t.Errorf("%s: %+v", more, k)
		}
	}
}

func TestPKIFaults(t *testing.T) {
	const where = "f:6: "
	for more, want := range map[string][]string{
		"pki: {token_file: t}\n":            {where + "pki.url: is missing"},
		"pki: {url: 'http://pki.test:1'}\n": {where + `pki.url: "http://pki.test:1" is not an https URL`},
		pkiURL + "fingerprint: abc}\n":      {where + `pki.fingerprint: "abc" is no SHA-256 fingerprint: 64 hexadecimal digits, as understudy pki init prints them`},
		pkiURL + "ca_file: ca.pem, fingerprint: " + strings.Repeat("ab", 32) + "}\n": {where + "pki.fingerprint: is there, but pki.ca_file is too"},
		pkiURL + "token_file: t}\nsimulate: 2\n":                                     {where + "pki: is for one real machine: leave simulate out"},
	} {
		file := write(t, [2]string{"desktop.yaml", securedDesktop + more}, [2]string{"cert.pem", ""}, [2]string{"key.pem", ""}, [2]string{"ca.pem", ""})
		_, err := config.LoadDesktop(file)
		checkFaults(t, file, err, want)
	}
	file := write(t, [2]string{"connector.yaml", insecureConnector + pkiURL + "token_file: t}\n"})
	if _, err := config.LoadConnector(file); err == nil || !strings.Contains(err.Error(), "with insecure: true there is no certificate") {
		t.Errorf("insecure: %v", err)
	}
}

// Doctor looks at "certificates" and "file modes" also where the authority issues them.
func TestNamedFilesOfTheAuthority(t *testing.T) {
	file := write(t, [2]string{"desktop.yaml", securedDesktop + pkiURL + "token_file: t}\n"}, [2]string{"ca.pem", "x"})
	f, err := config.LoadDesktop(file)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, n := range f.NamedFiles() {
		got[n.Key] = n.Later
	}
	want := map[string]bool{"tls.cert_file": true, "tls.key_file": true, "tls.ca_file": false, "pki.token_file": true}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
