package accounts

import "os"

// open reports whether every user of the host may write a file; here its folder decides.
func open(os.FileInfo) bool { return false }
