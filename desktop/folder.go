package desktop

import (
	"fmt"
	"path/filepath"

	"understudy/datadir"
)

// folder is the data folder of the process, held for as long as it is open.
type folder struct {
	dir  string
	lock *datadir.FolderLock
}

// openFolder makes the folder if need be and takes it, or refuses clearly.
func openFolder(dir string) (*folder, error) {
	lock, err := datadir.Lock(dir)
	if err != nil {
		return nil, err
	}
	return &folder{dir: dir, lock: lock}, nil
}

// machine returns the folder of one of several machines, made if need be.
func (f *folder) machine(name string) (string, error) {
	dir := filepath.Join(f.dir, name)
	if err := datadir.Make(dir); err != nil {
		return "", fmt.Errorf("data folder of %s: %w", name, err)
	}
	return dir, nil
}

// Close gives the folder back.
func (f *folder) Close() error { return f.lock.Close() }
