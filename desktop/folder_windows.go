package desktop

import (
	"errors"
	"os"
	"syscall"
)

// sharingViolation is how Windows says that somebody else has the file open.
const sharingViolation = syscall.Errno(32)

// lockFile opens the file so that nobody else can open it, or says errInUse.
func lockFile(name string) (*os.File, error) {
	path, err := syscall.UTF16PtrFromString(name)
	if err != nil {
		return nil, err
	}
	h, err := syscall.CreateFile(path, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil,
		syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, sharingViolation) {
		return nil, errInUse
	}
	if err != nil {
		return nil, &os.PathError{Op: "lock", Path: name, Err: err}
	}
	return os.NewFile(uintptr(h), name), nil
}

// syncFolder does nothing: NTFS journals a rename by itself, and a folder cannot
// be flushed.
func syncFolder(string) error { return nil }
