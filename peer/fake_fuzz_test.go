package peer_test

import (
	"context"
	"io"
	"net"
	"strings"
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
			_, _ = far.Read(make([]byte, 1)) // what comes unasked is not read
			go func() { _, _ = io.Copy(io.Discard, far) }()
			_, _ = far.Write(answer)
		}()
		return near, nil
	}
}

// oneLine gives one line at each read, so that none is passed over for a newer one.
type oneLine struct{ text string }

func (r *oneLine) Read(b []byte) (int, error) {
	if r.text == "" {
		return 0, io.EOF
	}
	line, _, _ := strings.Cut(r.text, "\n")
	n := copy(b, r.text[:min(len(line)+1, len(r.text))])
	r.text = r.text[n:]
	return n, nil
}
