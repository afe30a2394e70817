//go:build !windows

package datadir

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// unshared refuses a folder that others can get at and that holds what no process of ours
// can have put there: to have it for its owner alone, as a data folder must be, would take
// it from whoever shares it. One in which a process of ours has been is its own.
func unshared(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return notWritable(dir, err)
	}
	if info.Mode()&others == 0 || wasOurs(dir) {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return notWritable(dir, err)
	}
	for _, e := range entries {
		if name := e.Name(); name != lockName && name != "lost+found" && !strings.HasPrefix(name, probePrefix) {
			return fmt.Errorf("data folder %s is %w (mode %04o) and holds what is not this program's, such as %s; name a folder of its own, or if all in it is this program's: chmod go= %s",
				dir, ErrShared, info.Mode().Perm(), name, dir)
		}
	}
	return nil
}

// marks are files that only a process of ours has: where there is one the folder is its
// own, also where it was copied from a backup without its lock.
var marks = [...]string{"state.db", "cloud.db", "desktop.json", "CURRENT"}

func wasOurs(dir string) bool {
	for _, name := range marks {
		if info, err := os.Lstat(filepath.Join(dir, name)); err == nil && info.Mode().IsRegular() {
			return true
		}
	}
	f, err := os.Open(filepath.Join(dir, lockName))
	if err != nil {
		return false
	}
	defer f.Close()
	_, ours := holderIn(f)
	return ours
}
