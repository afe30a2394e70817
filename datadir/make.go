package datadir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Make makes the folder where it does not exist, and its name durable: what
// is in a folder is lost with its name.
func Make(dir string) error {
	parent := filepath.Dir(dir)
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) || parent == dir {
		return err
	}
	if err := Make(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return Sync(parent)
}
