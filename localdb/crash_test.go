package localdb_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"understudy/env"
	"understudy/events"
	"understudy/localdb"
	"understudy/site"
)

// LHC-02: "Only after it is complete and verified does it replace the previous
// one, atomically. A crash at any byte of an import leaves the last good one
// serving." Here the crash comes after each step on the disk.
func TestCrashAfterEachStep(t *testing.T) {
	for _, half := range []bool{false, true} {
		for after := 0; ; after++ {
			done := crashAfter(t, after, half)
			if done && after < 8 {
				t.Fatalf("the import took only %d steps", after)
			}
			if done {
				break
			}
		}
	}
}

// crashAfter reports whether the import was complete before the crash came.
func crashAfter(t *testing.T, after int, half bool) (done bool) {
	t.Helper()
	dir := t.TempDir()
	s, _ := open(t, dir)
	install(t, s, version(1))
	install(t, s, version(2))
	shut(t, s)
	disk := &localdb.CrashingDisk{Left: after, Half: half}
	crashing, _, err := localdb.OpenSnapshotsOn(dir, env.Real(), disk)
	if err != nil {
		t.Fatal(err)
	}
	b, err := crashing.Build(t.Context(), reader(t, siteOf(version(3)), version(3)), "test")
	if err == nil {
		err = crashing.Swap(b)
	}
	where := fmt.Sprintf("after %d steps (half %t, %v)", after, half, disk.Steps)
	want := version(2)
	if err == nil {
		want = version(3)
	} else if !errors.Is(err, localdb.ErrCrash) {
		t.Fatalf("%s: %v", where, err)
	}
	if got := current(t, crashing); got != want {
		t.Errorf("%s: %s serves on, want %s", where, got, want)
	}
	shut(t, crashing)
	again, findings := open(t, dir)
	got := current(t, again)
	if got != version(2) && got != version(3) || err == nil && got != version(3) || len(findings) != 0 {
		t.Errorf("%s: a restart finds %s and %v", where, got, findings)
	}
	// Whatever was left, the next import works and leaves no litter.
	install(t, again, version(4))
	if names := files(t, dir, ""); len(names) != 3 {
		t.Errorf("%s: the folder holds %v", where, names)
	}
	return err == nil
}

// A file that lost what was not yet on the disk is noticed wherever it was cut,
// and the generation before it serves.
func TestCutFilesFallBack(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	install(t, s, version(1))
	install(t, s, version(2))
	shut(t, s)
	path := fileOf(t, dir, version(2))
	whole := readFile(t, path)
	for _, size := range []int{0, 1, 15, 16, 99, 100, 4095, 4096, 4097, len(whole) / 2, len(whole) - 4096, len(whole) - 1} {
		writeFile(t, path, whole[:size])
		expectFallback(t, dir, fmt.Sprintf("cut to %d of %d bytes", size, len(whole)))
	}
	for i := 0; i < len(whole); i += 509 {
		damaged := bytes.Clone(whole)
		damaged[i] ^= 0xff
		writeFile(t, path, damaged)
		expectFallback(t, dir, fmt.Sprintf("byte %d of %d changed", i, len(whole)))
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	expectFallback(t, dir, "removed")
	writeFile(t, path, whole)
	if again, findings := open(t, dir); current(t, again) != version(2) || len(findings) != 0 {
		t.Errorf("the whole file is not used: %v", findings)
	}
}

// currentWith is a CURRENT with that first line.
func currentWith(line string) []byte {
	return fmt.Appendf(nil, "%s\n%x\n", line, sha256.Sum256([]byte(line)))
}

func expectFallback(t *testing.T, dir, how string) {
	t.Helper()
	s, findings := open(t, dir)
	defer shut(t, s)
	if got := current(t, s); got != version(1) {
		t.Errorf("%s: %s serves, want 1", how, got)
	}
	if len(findings) != 1 || findings[0].Event != events.SnapshotFallback || !strings.HasPrefix(findings[0].File, "site-") || findings[0].Reason == "" {
		t.Errorf("%s: findings %+v, want one fallback", how, findings)
	}
	list := s.List()
	if len(list) != 2 || list[0].State != "current" || list[1].State != "damaged" || list[1].Fault == "" {
		t.Errorf("%s: list %+v, want the damaged one in it", how, list)
	}
}

// After a fallback the next import replaces the damaged file, and the good one
// becomes the previous generation.
func TestImportAfterFallback(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	install(t, s, version(1))
	install(t, s, version(2))
	shut(t, s)
	path := fileOf(t, dir, version(2))
	writeFile(t, path, readFile(t, path)[:5000])
	again, _ := open(t, dir)
	install(t, again, version(2))
	list := again.List()
	if len(list) != 2 || list[0].Version != version(2) || list[1].Version != version(1) || list[1].State != "previous" {
		t.Errorf("list %+v, want 2 and 1", list)
	}
	shut(t, again)
	last, findings := open(t, dir)
	if got := current(t, last); got != version(2) || len(findings) != 0 {
		t.Errorf("after a restart %s and %v", got, findings)
	}
}

func TestAllDamaged(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	install(t, s, version(1))
	install(t, s, version(2))
	shut(t, s)
	for _, v := range []site.Version{version(1), version(2)} {
		writeFile(t, fileOf(t, dir, v), []byte("not a database"))
	}
	again, findings := open(t, dir)
	if _, ok := again.Current(); ok {
		t.Error("a damaged snapshot is in use")
	}
	if len(findings) != 1 || findings[0].Event != events.NoSnapshot {
		t.Fatalf("findings %+v, want that there is none", findings)
	}
	for _, v := range []site.Version{version(1), version(2)} {
		if name := filepath.Base(fileOf(t, dir, v)); !strings.Contains(findings[0].Reason, name) {
			t.Errorf("reason %q does not name %s", findings[0].Reason, name)
		}
	}
	install(t, again, version(3))
	if got := files(t, dir, "site-"); len(got) != 1 {
		t.Errorf("files %v, want the new one only", got)
	}
}

// CURRENT cut or changed at any byte: the newest good snapshot serves.
func TestDamagedCurrent(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	install(t, s, version(1))
	install(t, s, version(2))
	shut(t, s)
	path := filepath.Join(dir, "CURRENT")
	whole := readFile(t, path)
	expect := func(how string, content []byte) {
		t.Helper()
		writeFile(t, path, content)
		again, findings := open(t, dir)
		defer shut(t, again)
		if got := current(t, again); got != version(2) {
			t.Errorf("%s: %s serves, want 2", how, got)
		}
		if len(findings) != 1 || findings[0].File != "CURRENT" {
			t.Errorf("%s: findings %+v, want one about CURRENT", how, findings)
		}
		if got := readFile(t, path); !bytes.Equal(got, whole) {
			t.Errorf("%s: CURRENT was not written again: %q", how, got)
		}
	}
	for n := 0; n < len(whole); n += 5 {
		expect(fmt.Sprintf("cut to %d bytes", n), whole[:n])
	}
	expect("without its last byte", whole[:len(whole)-1])
	for i := 0; i < len(whole); i += 17 {
		damaged := bytes.Clone(whole)
		damaged[i] ^= 0x10
		expect(fmt.Sprintf("byte %d changed", i), damaged)
	}
}

// CURRENT cannot lead out of the folder.
func TestCurrentNamesNoOtherFolder(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "CURRENT"), currentWith(`{"generations":[{"file":"../site-x.db"}]}`))
	s, findings := open(t, dir)
	if _, ok := s.Current(); ok || len(findings) != 1 || !strings.Contains(findings[0].Reason, "is no snapshot") {
		t.Errorf("findings %+v", findings)
	}
}

// A crash leaves scratch files; the next start removes them.
func TestLeftoversAreSwept(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	install(t, s, version(1))
	build(t, s, version(2)) // neither swapped nor discarded
	shut(t, s)
	for _, name := range []string{"building-x.db-journal", "CURRENT.tmp", "site-unpublished-9-0.db"} {
		writeFile(t, filepath.Join(dir, name), []byte("left"))
	}
	open(t, dir)
	if got := files(t, dir, ""); len(got) != 2 {
		t.Errorf("the folder holds %v, want CURRENT and one snapshot", got)
	}
}
