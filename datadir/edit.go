package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Edit replaces a file in one step by what change makes of its text, which is empty where
// there is no file yet. The new file, which is there meanwhile, keeps other commands out;
// it gets the mode and the owner of the old one, so that a service can still read it.
func Edit(path string, change func(text string) (string, error)) error {
	next, err := reserve(path)
	if err != nil {
		return err
	}
	if err := rewrite(path, next, change); err != nil {
		return errors.Join(err, os.Remove(next.Name()))
	}
	if err := os.Rename(next.Name(), path); err != nil {
		return errors.Join(fmt.Errorf("change %s: %w", path, err), os.Remove(next.Name()))
	}
	return Sync(filepath.Dir(path))
}

// reserve makes the new file. A link in its place is no command's: a service's account may
// put one into a folder of its own, before root writes there.
func reserve(path string) (*os.File, error) {
	next := path + ".new"
	if info, err := os.Lstat(next); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		_ = os.Remove(next) // if that fails, what follows does
	}
	f, err := os.OpenFile(next, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("another command changes %s, or one was killed while it did: look, and remove %s then", path, next)
	}
	if err != nil {
		return nil, fmt.Errorf("change %s: %w", path, err)
	}
	return f, nil
}

// rewrite works on the open file, whose name others may be able to change.
func rewrite(path string, next *os.File, change func(string) (string, error)) (err error) {
	defer func() { err = errors.Join(err, next.Close()) }()
	text, err := os.ReadFile(path)
	if err == nil {
		err = keep(path, next)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("change %s: %w", path, err)
	}
	changed, err := change(string(text))
	if err != nil {
		return err
	}
	if _, err := next.WriteString(changed); err != nil {
		return fmt.Errorf("change %s: %w", path, err)
	}
	return next.Sync()
}

// keep gives the new file mode and owner of the old one.
func keep(path string, next *os.File) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return errors.Join(next.Chmod(info.Mode().Perm()), keepOwner(next, info))
}
