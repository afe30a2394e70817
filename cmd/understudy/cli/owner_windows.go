package cli

// keepOwner does nothing: what is in a folder inherits its rights.
func keepOwner(string, string) error { return nil }
