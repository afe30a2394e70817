package service

// Protected is the descriptor of the folder that a service may write.
func Protected(r Role) string { return protected(r, mayWrite) }

// Protect sets it.
func Protect(folder, descriptor string) error { return protect(folder, descriptor) }
