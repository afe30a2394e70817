package peer_test

import (
	"context"
	"io"
	"net"
	"syscall"
)

// nobody refuses every connection.
func nobody(context.Context, string, string) (net.Conn, error) {
	return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
}

// saying connects to who reads what it is asked, and says the same each time.
func saying(answer []byte) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		go func() {
			defer far.Close()
			go func() { _, _ = io.Copy(io.Discard, far) }()
			_, _ = far.Write(answer)
		}()
		return near, nil
	}
}
