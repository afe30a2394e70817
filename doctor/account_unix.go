//go:build !windows

package doctor

import (
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// accountOf is whom a data folder belongs to.
func accountOf(data string) account {
	id := os.Geteuid()
	if info, err := os.Stat(data); err == nil {
		id, _ = ownersOf(info)
	}
	a := account{name: "uid " + strconv.Itoa(id), id: id}
	known, err := user.LookupId(strconv.Itoa(id))
	if err != nil {
		return a
	}
	a.name = known.Username
	groups, _ := known.GroupIds() // those of whom nothing is known are none
	for _, g := range groups {
		if n, err := strconv.Atoi(g); err == nil {
			a.groups = append(a.groups, n)
		}
	}
	return a
}

func ownersOf(info fs.FileInfo) (owner, group int) {
	if is, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(is.Uid), int(is.Gid)
	}
	return os.Geteuid(), os.Getegid()
}
