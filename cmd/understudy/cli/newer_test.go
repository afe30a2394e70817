package cli_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// "A newer one is refused with a clear message and nothing is touched": by each
// service, with the exit code after which a service manager does not try again.
func TestServicesRefuseNewerFolders(t *testing.T) {
	dir := files(t)
	for service, c := range map[string]struct{ folder, file, content string }{
		"connector": {"cc01", "CURRENT", summed(`{"format":2}`)},
		"cloud":     {"cloud", "cloud.db", string(newerDatabase())},
		"desktop":   {"desktops/ws001.example.test", "desktop.json", `{"format":2,"sha256":"` + sum(`{}`) + `","state":{}}`},
	} {
		t.Run(service, func(t *testing.T) {
			folder := filepath.Join(dir, c.folder)
			if err := os.MkdirAll(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(folder, c.file)
			write(t, file, c.content)
			code, _, problems := run(t, service, "--config", filepath.Join(dir, service+".yaml"))
			if code != 78 || !strings.Contains(problems, file+" was written by a newer version of understudy") || !strings.Contains(problems, ", or ") {
				t.Errorf("exit %d, %q; want 78, the file and what to do", code, problems)
			}
			entries, err := os.ReadDir(folder)
			got, readErr := os.ReadFile(file)
			if len(entries) != 1 || string(got) != c.content || errors.Join(err, readErr) != nil {
				t.Errorf("the folder holds %v and the file %q (%v, %v); want it untouched", entries, got, err, readErr)
			}
		})
	}
}

func sum(text string) string {
	s := sha256.Sum256([]byte(text))
	return hex.EncodeToString(s[:])
}

func summed(line string) string { return line + "\n" + sum(line) + "\n" }

// newerDatabase is the header of an SQLite database with a high version.
func newerDatabase() []byte {
	b := make([]byte, 4096)
	copy(b, "SQLite format 3\x00")
	b[63] = 99
	return b
}
