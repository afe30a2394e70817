//go:build !windows

package datadir_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"understudy/datadir"
)

// Issue 6, 4: "Snapshots and journal are readable by the service account only": also
// what was made with wider modes, by whatever put it there.
func TestLockTightens(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	wide := []string{dir, filepath.Join(dir, "ws001"), filepath.Join(dir, "state.db"), filepath.Join(dir, "ws001", "state.json")}
	for i, path := range wide {
		var err error
		if i < 2 {
			err = os.Mkdir(path, 0o700)
		} else {
			err = os.WriteFile(path, nil, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	own := filepath.Join(dir, "site.db")
	if err := os.WriteFile(own, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "LOCK"), []byte("4711\n"), 0o600); err != nil { // of the process before
		t.Fatal(err)
	}
	for i, mode := range []fs.FileMode{0o755, 0o777, 0o644, 0o640} {
		if err := os.Chmod(wide[i], mode); err != nil {
			t.Fatal(err)
		}
	}
	lock, err := datadir.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock(t, lock)
	slices.Sort(lock.Mended)
	slices.Sort(wide)
	if !slices.Equal(lock.Mended, wide) {
		t.Errorf("mended %v, want %v", lock.Mended, wide)
	}
	for _, path := range append(wide, own) {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm()&0o077 != 0 || info.Mode().Perm()&0o600 != 0o600 {
			t.Errorf("%s: %v (%v), want it for its owner", path, info.Mode(), err)
		}
	}
}

// shared is a folder with a file, both with their modes.
func shared(t *testing.T, dirMode fs.FileMode, name string, mode fs.FileMode) (dir, file string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "etc")
	file = filepath.Join(dir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, m := range map[string]fs.FileMode{file: mode, dir: dirMode} {
		if err := os.Chmod(path, m); err != nil {
			t.Fatal(err)
		}
	}
	return dir, file
}

func modeOf(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

// Only what is this program's is taken from others: a folder that they share, such as one
// named by mistake, is refused with what to do, and nothing in it is touched.
func TestLockRefusesASharedFolder(t *testing.T) {
	for _, name := range []string{"passwd", "LOCK.db"} {
		dir, file := shared(t, 0o755, name, 0o644)
		_, err := datadir.Lock(dir)
		if !errors.Is(err, datadir.ErrShared) || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "chmod go= "+dir) {
			t.Errorf("got %v, want refused with the remedy", err)
		}
		if modeOf(t, dir) != 0o755 || modeOf(t, file) != 0o644 {
			t.Errorf("the folder has mode %04o, the file %04o: want them as they were", modeOf(t, dir), modeOf(t, file))
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
			t.Errorf("in the folder are %v (%v), want what was there", entries, err)
		}
	}
}

// What nobody shares is taken as it is: one for its owner alone, and an empty one.
func TestLockTakesAFolderOfItsOwn(t *testing.T) {
	for name, dir := range map[string]string{
		"private": first(shared(t, 0o700, "copied.db", 0o644)),
		"a mount": first(shared(t, 0o755, "lost+found", 0o600)),
		"begun":   first(shared(t, 0o755, "LOCK", 0o600)),
		"copied":  first(shared(t, 0o755, "cloud.db", 0o644)),
	} {
		lock, err := datadir.Lock(dir)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		unlock(t, lock)
	}
}

func first(dir, _ string) string { return dir }

// An authority may lie in a folder that others share: its lock changes no modes.
func TestClaimLeavesModes(t *testing.T) {
	dir, file := shared(t, 0o755, "other.pem", 0o644)
	lock, err := datadir.Claim(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock(t, lock)
	if modeOf(t, dir) != 0o755 || modeOf(t, file) != 0o644 || len(lock.Mended) > 0 {
		t.Errorf("the folder has mode %04o, the file %04o: want them as they were", modeOf(t, dir), modeOf(t, file))
	}
	if _, err := datadir.Claim(dir); !errors.Is(err, datadir.ErrInUse) {
		t.Errorf("claimed twice: %v", err)
	}
}

// A secret is exposed where its mode lets everybody read it, and everybody gets there.
func TestExposed(t *testing.T) {
	open := t.TempDir()
	closed := filepath.Join(open, "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{open, filepath.Dir(open)} {
		if err := os.Chmod(dir, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		dir  string
		mode fs.FileMode
		want bool
	}{
		{open, 0o644, true},
		{open, 0o604, true},
		{open, 0o640, false},
		{open, 0o600, false},
		{closed, 0o644, false},
	} {
		file := filepath.Join(c.dir, "key")
		if err := os.WriteFile(file, []byte("secret"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, c.mode); err != nil {
			t.Fatal(err)
		}
		if got := datadir.Exposed(file); got != c.want {
			t.Errorf("%s with mode %04o: got %t", file, c.mode, got)
		}
	}
	if datadir.Exposed(filepath.Join(open, "none")) {
		t.Error("what is not there is exposed")
	}
}
