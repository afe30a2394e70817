//go:build !windows

package accounts

import "os"

// open reports whether every user of the host may write a file.
func open(info os.FileInfo) bool { return info.Mode()&0o002 != 0 }
