package desktop

import (
	"errors"
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

// readable refuses a folder in which a newer version of this program has written. It
// only reads; what else is wrong with a file is said where that is loaded.
func (o Options) readable() error {
	for _, m := range o.Machines {
		dir := o.Data
		if o.Simulate {
			dir = filepath.Join(dir, string(m.Name))
		}
		_, err := Store{Dir: dir}.Load(m.Name)
		if newer, ok := errors.AsType[*datadir.NewerError](err); ok {
			return newer
		}
	}
	return nil
}
