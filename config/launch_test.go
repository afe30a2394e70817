package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"understudy/config"
)

// The keys of launches are read with the file, and a key that is none is named by its
// file and never quoted.
func TestKeysOfLaunches(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	good := config.Launch{GuacamoleKeyFile: put("good", "# of the gateway\n4c0b569e4c96df157eee1b65dd0e4d41\n")}
	if m, err := good.Maker(); err != nil || m.Key == nil || m.Signer != nil {
		t.Errorf("got %+v, %v", m, err)
	}
	none := config.Launch{}
	if m, err := none.Maker(); err != nil || m.Key != nil || m.Signer != nil {
		t.Errorf("without keys: got %+v, %v", m, err)
	}
	for name, l := range map[string]config.Launch{
		"short": {GuacamoleKeyFile: put("short", "4c0b569e4c96df157eee\n")},
		"chain": {RDPCertFile: put("chain", "4c0b569e4c96df157eee\n"), RDPKeyFile: put("key", "")},
	} {
		if _, err := l.Maker(); err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "4c0b") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestSigningNeedsBothFiles(t *testing.T) {
	file := write(t, [2]string{"connector.yaml", insecureConnector + "launch: {rdp_cert_file: connector.yaml}\n"})
	_, err := config.LoadConnector(file)
	checkFaults(t, file, err, []string{"f:8: launch.rdp_key_file: is missing"})
}
