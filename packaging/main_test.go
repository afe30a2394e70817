package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

// TestMain runs in the module's folder, as the program does, and tidies up.
func TestMain(m *testing.M) {
	os.Exit(func() int {
		if err := os.Chdir(".."); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = os.RemoveAll(built.dir) }()
		return m.Run()
	}())
}

// built are packages of this machine's architecture, of an older and a newer version.
var built struct {
	once sync.Once
	dir  string
	err  error
}

const (
	older = "1.0.0"
	newer = "1.0.1"
)

func packages(t *testing.T) string {
	t.Helper()
	built.once.Do(func() { built.dir, built.err = buildBoth() })
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.dir
}

func buildBoth() (string, error) {
	dir, err := os.MkdirTemp("", "understudy-packages-")
	for _, version := range []string{older, newer} {
		if err == nil {
			err = run([]string{"-version", version, "-arch", runtime.GOARCH, "-out", dir})
		}
	}
	return dir, err
}

func debOf(t *testing.T, version string) string {
	t.Helper()
	return only(t, "understudy_"+version+"_*.deb")
}

func rpmOf(t *testing.T, version string) string {
	t.Helper()
	return only(t, "understudy-"+version+"-*.rpm")
}

func only(t *testing.T, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(packages(t), pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %v, %v", pattern, found, err)
	}
	return found[0]
}

// need ends the test unless the command is there: as a failure in CI, else as a skip
// that says what to install.
func need(t *testing.T, command, debian string) {
	t.Helper()
	if _, err := exec.LookPath(command); err != nil {
		unfit(t, "needs "+command+": install the Debian package "+debian)
	}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		unfit(t, "needs root for a tree to install in: run make test-packages as root")
	}
}

func unfit(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// does runs a command that must succeed and returns what it says.
func does(t *testing.T, line ...string) string {
	t.Helper()
	out, err := exec.Command(line[0], line[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", line, err, out)
	}
	return string(out)
}
