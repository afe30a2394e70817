package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"understudy/config"
)

// Issue 6: "`LoadCredential`": a file may be one that the service manager hands to the
// process.
func TestCredentialsOfTheServiceManager(t *testing.T) {
	handed := t.TempDir()
	if err := os.WriteFile(filepath.Join(handed, "cloud.token"), []byte("a-token\n"), 0o400); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, folder, file string
		faults             []string
	}{
		{"handed over", handed, "credential:cloud.token", nil},
		{"not handed over", handed, "credential:other.token", []string{"cloud.token_file", "other.token: no such file"}},
		{"no service manager", "", "credential:cloud.token", []string{"cloud.token_file", "CREDENTIALS_DIRECTORY is not set", "LoadCredential=cloud.token:FILE", "or name a file"}},
		{"a path", handed, "credential:../cloud.token", []string{"cloud.token_file", "names no credential", "one word"}},
		{"no name", handed, "'credential:'", []string{"cloud.token_file", "names no credential"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("CREDENTIALS_DIRECTORY", tt.folder)
			c, err := config.LoadConnector(write(t, [2]string{"connector.yaml", strings.Replace(insecureConnector, `:7443"}`, `:7443", token_file: `+tt.file+"}", 1)}))
			if tt.faults != nil && err != nil {
				checkParts(t, err, tt.faults)
				return
			}
			if err != nil || tt.faults != nil {
				t.Fatalf("got %v, want the faults %q", err, tt.faults)
			}
			if want := filepath.Join(handed, "cloud.token"); c.Cloud.TokenFile != want {
				t.Errorf("got %s, want %s", c.Cloud.TokenFile, want)
			}
		})
	}
}

// What the process writes is no credential.
func TestDataIsNoCredential(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", t.TempDir())
	c, err := config.LoadConnector(write(t, [2]string{"connector.yaml", strings.Replace(insecureConnector, "data: ", "data: credential:", 1)}))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(c.Data, "credential:") {
		t.Errorf("data is %s, want a folder of that name", c.Data)
	}
}
