package datadir

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// lockFile reports false when another process has the lock. The locked byte lies
// far behind the content, because Windows lets nobody else read locked bytes.
func lockFile(file *os.File) (bool, error) {
	err := windows.LockFileEx(
		windows.Handle(file.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY,
		0, 1, 0, &windows.Overlapped{Offset: 1 << 30},
	)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}
