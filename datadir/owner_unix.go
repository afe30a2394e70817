//go:build !windows

package datadir

import (
	"fmt"
	"os"
	"syscall"
)

// keepOwner gives a file the owner and group of the one that it replaces.
func keepOwner(next *os.File, old os.FileInfo) error {
	was, ok := old.Sys().(*syscall.Stat_t)
	if !ok || int(was.Uid) == os.Geteuid() && int(was.Gid) == os.Getegid() {
		return nil
	}
	if err := next.Chown(int(was.Uid), int(was.Gid)); err != nil {
		return fmt.Errorf("the file belongs to another account, so give the command as that one or as root: %w", err)
	}
	return nil
}
