//go:build !windows

package datadir_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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
