//go:build unix

package cli

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// keepOwner gives the new file to whom the old one is: often a service's account, while
// an administrator writes.
func keepOwner(old, fresh string) error {
	info, err := os.Stat(old)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if is, ok := info.Sys().(*syscall.Stat_t); ok && int(is.Uid) != os.Geteuid() {
		return os.Chown(fresh, int(is.Uid), int(is.Gid))
	}
	return nil
}
