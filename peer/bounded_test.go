package peer

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// toPipe is a mesh whose stream to cc02 goes into a pipe, which the peer begins to read.
func toPipe(t *testing.T, read func(io.Reader)) *Mesh {
	t.Helper()
	mine, theirs := net.Pipe()
	go func() {
		in := bufio.NewReader(theirs)
		if _, err := http.ReadRequest(in); err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(theirs, "HTTP/1.1 100 Continue\r\n\r\n")
		read(in)
	}()
	return speaker(t, func(context.Context, string, string) (net.Conn, error) { return mine, nil })
}

// No write to a peer hangs for longer than the deadline: a beat later the stream ends.
func TestHungWriteIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := toPipe(t, func(io.Reader) {})
		defer m.repeat.Stop()
		began := time.Now()
		_, err := m.link("cc02").stream(t.Context())
		if took := time.Since(began); err == nil || took < m.o.Deadline() || took > m.o.Deadline()+3*DefaultInterval {
			t.Errorf("the stream ended after %s: %v; want an error after %s", took, err, m.o.Deadline())
		}
	})
}

// A stream to a peer that is not heard for two deadlines is given up, one to a peer
// that is heard goes on.
func TestStreamToASilentPeer(t *testing.T) {
	for name, heard := range map[string]bool{"silent": false, "heard": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := toPipe(t, func(r io.Reader) { _, _ = io.Copy(io.Discard, r) })
				defer m.repeat.Stop()
				ctx, cancel := context.WithTimeout(t.Context(), 10*m.o.Deadline())
				defer cancel()
				if heard {
					m.mu.Lock()
					m.book["cc02"].at = time.Now().Add(10 * m.o.Deadline())
					m.mu.Unlock()
				}
				began := time.Now()
				_, err := m.link("cc02").stream(ctx)
				took := time.Since(began)
				if given := errors.Is(err, errSilent); given == heard {
					t.Errorf("given up %t after %s: %v", given, took, err)
				}
				if !heard && (took < 2*m.o.Deadline() || took > 3*m.o.Deadline()+DefaultInterval) {
					t.Errorf("given up after %s, want two deadlines or a little more", took)
				}
			})
		})
	}
}
