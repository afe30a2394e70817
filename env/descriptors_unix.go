//go:build !windows

package env

import (
	"math"
	"syscall"
)

// descriptors is how many files and connections this process may have open. Go has
// raised the soft limit to the hard one at the start.
func descriptors() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return math.MaxInt32
	}
	return int(min(limit.Cur, math.MaxInt32))
}
