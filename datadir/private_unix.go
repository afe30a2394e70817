//go:build !windows

package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// others are the bits by which anybody but the owner gets at a file.
const others fs.FileMode = 0o077

// tighten makes a folder and all that is in it private to its owner, and returns what
// was not. The folder goes first: nothing in it is within reach from then on.
func tighten(dir string) (mended []string, err error) {
	root, err := os.OpenRoot(dir) // a link that takes a file's place leads nowhere outside
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the probe of another process
		}
		if err != nil || d.Type()&^fs.ModeDir != 0 || info.Mode()&others == 0 {
			return err
		}
		inside, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if err := root.Chmod(inside, info.Mode().Perm()&^others); err != nil {
			return fmt.Errorf("other users can get at %s (mode %04o), and that cannot be mended: make it yours, then chmod go= it: %w", path, info.Mode().Perm(), err)
		}
		mended = append(mended, path)
		return nil
	})
	return mended, err
}

// Exposed reports whether every user of this host may read a file: it lets them, and so
// do all folders on the way. What is let to a group is its owner's business.
func Exposed(file string) bool {
	info, err := os.Stat(file)
	if err != nil || info.Mode()&0o004 == 0 {
		return false
	}
	path, err := filepath.Abs(file)
	for err == nil && path != string(filepath.Separator) {
		path = filepath.Dir(path)
		if info, err = os.Stat(path); err == nil && info.Mode()&0o001 == 0 {
			return false
		}
	}
	return err == nil
}
