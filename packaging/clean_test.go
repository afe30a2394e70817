package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Issue 6: "Tested: `lintian`": not an error, not a warning.
func TestLintian(t *testing.T) {
	need(t, "lintian", "lintian")
	out := does(t, "lintian", "--allow-root", "--fail-on", "error,warning", debOf(t, older))
	if strings.Contains(out, "E:") || strings.Contains(out, "W:") {
		t.Error(out)
	}
}

// "`rpmlint`": what its configuration leaves out has its reason there.
func TestRpmlint(t *testing.T) {
	need(t, "rpmlint", "rpmlint")
	out := does(t, "rpmlint", "-c", "packaging/files/rpm/rpmlint.toml", rpmOf(t, older))
	if !strings.Contains(out, " 0 errors, 0 warnings") {
		t.Error(out)
	}
	if !strings.Contains(does(t, "rpm", "-qpl", rpmOf(t, older)), "/usr/share/man/man1/understudy.1.gz\n") {
		t.Error("the rpm has no manual page of its program, which rpmlint was told not to look for")
	}
}

// overstruck is what a terminal prints twice to make it bold.
var overstruck = regexp.MustCompile(".\x08")

// "man pages": each command has one that man reads.
func TestManualPages(t *testing.T) {
	need(t, "mandoc", "mandoc")
	tree := unpacked(t)
	pages, err := filepath.Glob(filepath.Join(tree, "usr/share/man/man1/*.gz"))
	if err != nil || len(pages) < 40 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	does(t, append([]string{"gunzip"}, pages...)...)
	for i, page := range pages {
		pages[i] = strings.TrimSuffix(page, ".gz")
	}
	does(t, append([]string{"mandoc", "-T", "lint", "-W", "error"}, pages...)...)
	for _, name := range []string{"understudy", "understudy-connector", "understudy-outage-force"} {
		text := does(t, "mandoc", "-T", "utf8", filepath.Join(tree, "usr/share/man/man1", name+".1"))
		if text = overstruck.ReplaceAllString(text, ""); !strings.Contains(text, "SYNOPSIS") {
			t.Errorf("%s: %s", name, text)
		}
	}
}

// "and completions": what a shell asks is answered by the program that is installed.
func TestCompletions(t *testing.T) {
	tree := unpacked(t)
	script := `source "$1/usr/share/bash-completion/completions/understudy"; complete -p understudy`
	if out := does(t, "bash", "-c", script, "bash", tree); !strings.Contains(out, "__start_understudy") {
		t.Errorf("bash completes by %s", out)
	}
	if out := does(t, filepath.Join(tree, "usr/bin/understudy"), "__complete", "outage", "f"); !strings.Contains(out, "force") {
		t.Errorf("outage f is completed to %s", out)
	}
	for _, name := range []string{"zsh/vendor-completions/_understudy", "fish/vendor_completions.d/understudy.fish"} {
		if text, err := os.ReadFile(filepath.Join(tree, "usr/share", name)); err != nil || !strings.Contains(string(text), "__complete") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// "hardening (`systemd-analyze security` below 1.5)", "`systemd-analyze verify`".
func TestUnits(t *testing.T) {
	need(t, "systemd-analyze", "systemd")
	tree := unpacked(t)
	units, err := filepath.Glob(filepath.Join(tree, "lib/systemd/system/*.service"))
	if err != nil || len(units) != 4 {
		t.Fatalf("%v, %v", units, err)
	}
	for _, unit := range units {
		out := does(t, "systemd-analyze", "security", "--offline=true", "--threshold=14", "--no-pager", unit) // in tenths, and not more
		t.Log(strings.TrimSpace(out[strings.LastIndex(out, "→"):]))
		text, err := os.ReadFile(unit)
		if err != nil {
			t.Fatal(err)
		}
		// The program is not installed on this machine, nor are its pages.
		here := strings.ReplaceAll(string(text), "/usr/bin/understudy", filepath.Join(tree, "usr/bin/understudy"))
		copied := filepath.Join(t.TempDir(), filepath.Base(unit))
		if err := os.WriteFile(copied, []byte(here), 0o600); err != nil {
			t.Fatal(err)
		}
		if out := does(t, "systemd-analyze", "verify", "--man=no", copied); out != "" {
			t.Errorf("%s: %s", filepath.Base(unit), out)
		}
	}
}

// Trust 3: "who, from where": in a user namespace of its own a process sees the callers
// of its Unix socket as nobody.
func TestTheConnectorSeesWhoCalls(t *testing.T) {
	text, err := os.ReadFile("packaging/files/units/understudy-connector.service")
	if err != nil || strings.Contains(string(text), "\nPrivateUsers=") {
		t.Errorf("%v; the unit has PrivateUsers", err)
	}
}

// unpacked is the content of the Debian package.
func unpacked(t *testing.T) string {
	t.Helper()
	need(t, "dpkg-deb", "dpkg")
	tree := t.TempDir()
	does(t, "dpkg-deb", "-x", debOf(t, older), tree)
	return tree
}
