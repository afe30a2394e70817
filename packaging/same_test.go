package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// Issue 6: "Reproducible builds (`-trimpath`, same bytes twice)": from another folder,
// the binary by a compiler that remembers nothing.
func TestSameBytes(t *testing.T) {
	elsewhere := filepath.Join(t.TempDir(), "some", "other folder")
	copySource(t, elsewhere)
	again := filepath.Join(t.TempDir(), "again")
	cmd := exec.Command("go", "run", "./packaging", "-version", older, "-arch", runtime.GOARCH, "-out", again)
	cmd.Dir = elsewhere
	seconds, err := epoch()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH="+strconv.FormatInt(seconds, 10))
	if err := quietly(cmd); err != nil {
		t.Fatal(err)
	}
	first, second := sums(t, packages(t)), sums(t, again)
	if len(second) != 4 {
		t.Errorf("built %v, want deb, rpm, tar.gz and the parts list", second)
	}
	for name, sum := range second {
		if first[name] != sum {
			t.Errorf("%s is not the same twice", name)
		}
	}
	compareBinary(t, elsewhere)
}

// compareBinary compiles everything anew.
func compareBinary(t *testing.T, source string) {
	t.Helper()
	t.Chdir(source)
	t.Setenv("GOCACHE", t.TempDir())
	path := filepath.Join(t.TempDir(), "understudy")
	if err := compile(runtime.GOARCH, path, older); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(unpacked(t), "usr/bin/understudy"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("the binary is not the same when all of it is compiled anew")
	}
	if wd := filepath.Dir(source); bytes.Contains(got, []byte(wd)) {
		t.Errorf("the binary contains the folder %s", wd)
	}
}

// copySource copies what git knows of, and what is new and not ignored.
func copySource(t *testing.T, to string) {
	t.Helper()
	for name := range strings.SplitSeq(strings.TrimSuffix(does(t, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"), "\x00"), "\x00") {
		data, err := os.ReadFile(name)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// sums reads SHA256SUMS after `sha256sum` has checked it.
func sums(t *testing.T, dir string) map[string]string {
	t.Helper()
	cmd := exec.Command("sha256sum", "--check", "--strict", sumsFile)
	cmd.Dir = dir
	if err := quietly(cmd); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, sumsFile))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for line := range strings.Lines(string(text)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		out[name] = sum
	}
	return out
}

// "checksums, an SBOM": it names the binary by its hash, and every module in it.
func TestPartsList(t *testing.T) {
	text, err := os.ReadFile(only(t, "understudy_"+older+"_linux_*.cdx.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list partsList
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(unpacked(t), "usr/bin/understudy")
	data, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	if got, want := list.Metadata.Component.Hashes[0].Content, hex.EncodeToString(sum[:]); got != want {
		t.Errorf("it is of %s, the binary is %s", got, want)
	}
	listed := map[string]bool{}
	for _, p := range list.Components {
		listed[p.Name+" "+p.Version] = true
	}
	n := 1 // the standard library
	for line := range strings.Lines(does(t, "go", "version", "-m", binary)) {
		words := strings.Fields(line)
		if len(words) < 3 || words[0] != "dep" {
			continue
		}
		n++
		if !listed[words[1]+" "+words[2]] {
			t.Errorf("%s %s is in the binary and not in the list", words[1], words[2])
		}
	}
	if n < 10 || len(listed) != n {
		t.Errorf("%d parts are listed, want %d", len(listed), n)
	}
}
