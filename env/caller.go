package env

import (
	"context"
	"strconv"
	"strings"
)

// Caller says which account of this host is at the other end of a request's
// connection, by name or as "uid N". It is not known beyond Unix sockets of a Crowd's
// listener, nor where the system does not tell.
func Caller(ctx context.Context) (name string, known bool) {
	g, _ := ctx.Value(guestKey{}).(*guest)
	if g == nil {
		return "", false
	}
	uid, known := uidOf(g.Conn)
	if !known {
		return "", false
	}
	return accountName(uid, passwd()), true
}

// accountName looks in the host's own list only: a directory may be away when an
// operator is needed most.
func accountName(uid uint32, passwd string) string {
	number := strconv.FormatUint(uint64(uid), 10)
	for line := range strings.Lines(passwd) {
		if fields := strings.Split(line, ":"); len(fields) > 2 && fields[2] == number && fields[0] != "" {
			return fields[0]
		}
	}
	return "uid " + number
}
