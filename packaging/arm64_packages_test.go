package main

import (
	"debug/elf"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Issue 6: "`.deb` and `.rpm`", for arm64 too: named for it, clean, with what the others
// have, and a program that runs there, as far as QEMU is one.
func TestOtherArchitecture(t *testing.T) {
	t.Parallel()
	need(t, "lintian", "lintian")
	need(t, "rpmlint", "rpmlint")
	need(t, "qemu-aarch64", "qemu-user")
	out := t.TempDir()
	if err := run([]string{"-version", older, "-arch", "arm64", "-format", "deb,rpm", "-out", out}); err != nil {
		t.Fatal(err)
	}
	deb, rpm := filepath.Join(out, "understudy_"+older+"_arm64.deb"), filepath.Join(out, "understudy-"+older+"-1.aarch64.rpm")
	if got := does(t, "dpkg-deb", "--field", deb, "Architecture") + does(t, "rpm", "-qp", "--qf", "%{ARCH}", rpm); got != "arm64\naarch64" {
		t.Errorf("the packages are for %q", got)
	}
	if said := does(t, "lintian", "--allow-root", "--fail-on", "error,warning", deb); strings.Contains(said, "E:") || strings.Contains(said, "W:") {
		t.Error(said)
	}
	if said := does(t, "rpmlint", "-c", "packaging/files/rpm/rpmlint.toml", rpm); !strings.Contains(said, " 0 errors, 0 warnings") {
		t.Error(said)
	}
	if got, want := contents(t, deb, rpm), contents(t, debOf(t, older), rpmOf(t, older)); got != want {
		t.Errorf("they contain\n%s\nthe others\n%s", got, want)
	}
	runsThere(t, deb, rpm)
}

// contents are the names, owners and rights of a package's files.
func contents(t *testing.T, deb, rpm string) string {
	t.Helper()
	var names strings.Builder
	for line := range strings.Lines(does(t, "dpkg-deb", "--contents", deb)) {
		words := strings.Fields(line) // rights, owner, size, day, time, name
		names.WriteString(words[0] + " " + words[1] + " " + words[5] + "\n")
	}
	return names.String() + does(t, "rpm", "-qp", "--qf", "[%{FILEMODES:perms} %{FILEUSERNAME} %{FILENAMES}\n]", rpm)
}

// runsThere: the program of both packages is the same, for that processor, and goes
// through the demo's story.
func runsThere(t *testing.T, deb, rpm string) {
	t.Helper()
	tree := t.TempDir()
	does(t, "dpkg-deb", "-x", deb, tree)
	binary := filepath.Join(tree, "usr/bin/understudy")
	file, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if file.Machine != elf.EM_AARCH64 {
		t.Errorf("the program is for %s", file.Machine)
	}
	sum, _, _ := strings.Cut(does(t, "sha256sum", binary), " ")
	if of := does(t, "rpm", "-qp", "--qf", "[%{FILENAMES} %{FILEDIGESTS}\n]", rpm); !strings.Contains(of, "/usr/bin/understudy "+sum+"\n") {
		t.Errorf("the rpm has another program than %s:\n%s", sum, of)
	}
	if err := os.Chmod(binary, 0o755); err != nil {
		t.Fatal(err)
	}
	if out := does(t, "qemu-aarch64", binary, "version"); !strings.Contains(out, older+" ") || !strings.Contains(out, "linux/arm64") {
		t.Errorf("it says %s", out)
	}
	does(t, "qemu-aarch64", binary, "demo")
}
