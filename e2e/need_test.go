//go:build linux

package e2e_test

import (
	"os"
	"os/exec"
	"testing"
)

// needTool ends the test unless the command is there: as a failure in CI, else as a
// skip that says what to install.
func needTool(t testing.TB, command, debian string) {
	t.Helper()
	if _, err := exec.LookPath(command); err != nil {
		unfit(t, "needs "+command+": install the Debian package "+debian)
	}
}

// needRoot ends the test unless it runs as root.
func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		unfit(t, "needs root for network namespaces: run make test as root")
	}
}

// unfit reports that this machine cannot run the test.
func unfit(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}
