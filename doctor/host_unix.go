//go:build !windows

package doctor

import (
	"errors"
	"math"
	"syscall"
)

// runs reports whether there is a process of that number.
func runs(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// modesCount says that file modes mean what they say.
const modesCount = true

// ownDescriptors is how many files a process of this account may open.
func ownDescriptors() (limit int, known bool) {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0, false
	}
	return int(min(l.Max, math.MaxInt32)), true
}
