package env

import (
	"net"
	"os"
	"syscall"
)

// uidOf asks the kernel who opened a connection to a Unix socket.
func uidOf(conn net.Conn) (uint32, bool) {
	unix, ok := conn.(*net.UnixConn)
	if !ok {
		return 0, false
	}
	raw, err := unix.SyscallConn()
	if err != nil {
		return 0, false
	}
	var who *syscall.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) {
		who, failed = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	})
	if err != nil || failed != nil {
		return 0, false
	}
	return who.Uid, true
}

func passwd() string {
	text, _ := os.ReadFile("/etc/passwd") // without it there are numbers
	return string(text)
}
