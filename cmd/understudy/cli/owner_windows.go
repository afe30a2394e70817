package cli

import "os"

// keepOwner does nothing: what is in a folder inherits its rights.
func keepOwner(string, *os.File) error { return nil }
