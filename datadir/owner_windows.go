package datadir

import "os"

// keepOwner does nothing: the folder says who may read what is in it.
func keepOwner(*os.File, os.FileInfo) error { return nil }
