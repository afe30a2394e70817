// Package datadir is what every process needs of its data folder: that no other
// process uses it, that names in it survive a power failure, and how a newer version's
// files are told. What lies in the folder is the business of those who use it.
package datadir

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Why a folder is refused.
var (
	// ErrNotWritable says that nothing can be written into the data folder.
	ErrNotWritable = errors.New("not writable")
	// ErrInUse says that another process has the data folder.
	ErrInUse = errors.New("in use by another process")
	// ErrShared says that the folder holds what is not the process's own, for others to use.
	ErrShared = errors.New("shared with others")
)

// lockName is the file that is locked, in which the process has its number.
const lockName = "LOCK"

// probePrefix begins the names of files that only show whether one can be written;
// what is left of one is swept with the scratch files of imports.
const probePrefix = "building-probe-"

// FolderLock keeps other processes out of a data folder until it is closed, or
// until the process ends in whatever way.
type FolderLock struct {
	// Mended are files and folders that other users of the host could get at until now.
	Mended []string

	file *os.File
}

// Lock takes the data folder for this process, makes it where it does not exist, and
// has it and all that is in it for its owner alone. A folder that others share is refused
// and left as it is. It wraps ErrNotWritable, ErrInUse or ErrShared.
func Lock(dir string) (*FolderLock, error) {
	if err := prepare(dir); err != nil {
		return nil, err
	}
	if err := unshared(dir); err != nil {
		return nil, err
	}
	lock, err := take(dir)
	if err != nil {
		return nil, err
	}
	if lock.Mended, err = tighten(dir); err != nil {
		lock.file.Close()
		return nil, fmt.Errorf("data folder %s: %w", dir, err)
	}
	return lock, nil
}

// Claim takes a folder, which may be shared with others, and leaves modes as they are.
func Claim(dir string) (*FolderLock, error) {
	if err := prepare(dir); err != nil {
		return nil, err
	}
	return take(dir)
}

// prepare makes the folder and finds out whether it can be written.
func prepare(dir string) error {
	err := Make(dir)
	if err == nil {
		err = probeFolder(dir)
	}
	if err != nil {
		return notWritable(dir, err)
	}
	return nil
}

func take(dir string) (*FolderLock, error) {
	file, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, notWritable(dir, err)
	}
	if err := takeLock(file, dir); err != nil {
		file.Close()
		return nil, err
	}
	return &FolderLock{file: file}, nil
}

func takeLock(file *os.File, dir string) error {
	switch taken, err := lockFile(file); {
	case err != nil:
		return fmt.Errorf("lock data folder %s: %w", dir, err)
	case !taken:
		return fmt.Errorf("data folder %s is %w%s", dir, ErrInUse, holder(file))
	}
	if err := writeHolder(file); err != nil {
		return notWritable(dir, err)
	}
	return nil
}

func notWritable(dir string, err error) error {
	return fmt.Errorf("data folder %s is %w: %w", dir, ErrNotWritable, err)
}

// probeFolder finds out now what would otherwise fail at the first sync.
func probeFolder(dir string) error {
	f, err := os.CreateTemp(dir, probePrefix+"*")
	if err != nil {
		return err
	}
	_, err = f.WriteString("probe")
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}

func writeHolder(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// holder names the process that has the lock, where it has written its number.
func holder(file *os.File) string {
	pid, ok := holderIn(io.NewSectionReader(file, 0, 32))
	if !ok {
		return ""
	}
	return fmt.Sprintf(" (pid %d)", pid)
}

func holderIn(r io.Reader) (pid int, ok bool) {
	b, _ := io.ReadAll(io.LimitReader(r, 32))
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	return pid, err == nil
}

// Close lets other processes have the folder. The file stays: removing it would
// let two processes lock two files of one name.
func (l *FolderLock) Close() error { return l.file.Close() }
