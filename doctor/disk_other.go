//go:build !linux && !windows

package doctor

// volumeOf: how much room there is cannot be seen here.
func volumeOf(string) (free uint64, system fileSystem, known bool) { return 0, system, false }

func mayWrite(string) error { return nil }
