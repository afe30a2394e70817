package env

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// A handshake counts against its source for what that showed, not for the line.
func TestWhichHandshakesCount(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		want bool
	}{
		{"it was good", nil, false},
		{"a certificate that nobody vouches for", &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, true},
		{"no certificate", errors.New("tls: client didn't provide a certificate"), true},
		{"no TLS", tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, true},
		{"an alert of the client", &net.OpError{Op: "remote error", Err: errors.New("tls: bad certificate")}, true},
		{"an alert of ours", &net.OpError{Op: "local error", Err: errors.New("tls: no renegotiation")}, true},
		{"it went away", io.EOF, false},
		{"in the middle", fmt.Errorf("read: %w", io.ErrUnexpectedEOF), false},
		{"too slow", &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, false},
		{"reset", &net.OpError{Op: "read", Err: syscall.ECONNRESET}, false},
		{"closed here", net.ErrClosed, false},
	} {
		if got := faulty(c.err); got != c.want {
			t.Errorf("%s: got %t, want %t", c.name, got, c.want)
		}
	}
}

// After 20 in a row each further one doubles the wait, up to 8 s; a good one ends it, and
// for an hour its source is not held back again.
func TestHowLongStrangersWait(t *testing.T) {
	var s strangers
	s.open(func(string) {})
	from, now := SourceOf(&net.TCPAddr{IP: net.ParseIP("192.0.2.1")}), time.Now()
	wants := func(at time.Time, want time.Duration) {
		t.Helper()
		if got := s.wait(at, from); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	fail := func(at time.Time, times int) {
		for range times {
			s.failures.Note(at, from.String())
		}
	}
	fail(now, 19)
	wants(now, 0)
	for _, want := range []time.Duration{1, 2, 4, 8, 8} {
		fail(now, 1)
		wants(now, want*time.Second)
	}
	wants(now.Add(8*time.Second), 0)
	s.meet(from)
	fail(now, 30)
	wants(now, 0)
	later := now.Add(2 * time.Hour)
	fail(later, 30)
	wants(later, 8*time.Second)
}
