package desktop

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

var errInUse = errors.New("in use by another process")

// folder is the data folder of the process, held for as long as it is open.
type folder struct {
	dir  string
	lock *os.File
}

// openFolder makes the folder if need be and takes it, or refuses clearly.
func openFolder(dir string) (*folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data folder %s is not writable: %w", dir, err)
	}
	lock, err := lockFile(filepath.Join(dir, "LOCK"))
	switch {
	case errors.Is(err, errInUse):
		return nil, fmt.Errorf("data folder %s is %w", dir, err)
	case err != nil:
		return nil, fmt.Errorf("data folder %s is not writable: %w", dir, err)
	}
	return &folder{dir: dir, lock: lock}, nil
}

// machine returns the folder of one of several machines, made if need be.
func (f *folder) machine(name string) (string, error) {
	dir := filepath.Join(f.dir, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("data folder of %s: %w", name, err)
	}
	return dir, nil
}

// Close gives the folder back.
func (f *folder) Close() error { return f.lock.Close() }
