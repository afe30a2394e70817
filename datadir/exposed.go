package datadir

// Cover is the command after which only the owner and the group of a file get at it: the
// group may be how a service reads it.
func Cover(file string) string { return "chmod g-w,o= " + file }

// ExposedSecret says what is wrong with a secret that Exposed has found, and what to do.
func ExposedSecret(file string) string {
	return file + " holds a secret and can be read by every user of this host: " + Cover(file)
}
