package accounts

import "os"

// open reports whether every user of the host may write a file; here its folder decides.
func open(os.FileInfo) bool { return false }

// keepOwner does nothing: the folder says who may read what is in it.
func keepOwner(*os.File, os.FileInfo) error { return nil }
