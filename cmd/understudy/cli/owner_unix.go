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
func keepOwner(old string, fresh *os.File) error {
	info, err := os.Stat(old)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if is, ok := info.Sys().(*syscall.Stat_t); ok && int(is.Uid) != os.Geteuid() {
		return fresh.Chown(int(is.Uid), int(is.Gid))
	}
	return nil
}
