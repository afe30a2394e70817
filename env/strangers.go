package env

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// freeHandshakes is how many TLS handshakes of a source may fail in a row at no cost.
	freeHandshakes = 20
	// longestStrange is the longest wait after that. Nobody guesses a certificate, so
	// that is enough; and who has renewed one is heard soon.
	longestStrange = 8 * time.Second
	// acquainted is for how long a source is known by a good certificate.
	acquainted = time.Hour
)

// strangers are the sources whose TLS handshakes fail for what they show or say.
type strangers struct {
	heldBack atomic.Uint64

	tell func(reason string)

	mu       sync.Mutex // guards what follows
	failures *Failures
	// known are those that have shown a good certificate or secret lately. They are never
	// held back: who comes from the same address as a stranger is not to suffer for it.
	known *Failures
}

func (s *strangers) open(tell func(string)) {
	s.tell, s.failures, s.known = tell, NewFailures(freeHandshakes, 0), NewFailures(0, acquainted)
	s.failures.longest = longestStrange
}

// wait is for how long no handshake of the source is begun.
func (s *strangers) wait(now time.Time, from Source) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known.HasAt(now, from.String()) {
		return 0
	}
	return max(0, s.failures.Wait(now, from.String()))
}

// turnsAway reports whether a new connection is not worth a handshake.
func (s *strangers) turnsAway(from Source) bool {
	if !from.known() || s.wait(time.Now(), from) == 0 {
		return false
	}
	s.heldBack.Add(1)
	return true
}

func (s *strangers) note(from Source, why error) {
	now := time.Now()
	s.mu.Lock()
	s.failures.Note(now, from.String())
	s.mu.Unlock()
	if wait := s.wait(now, from); wait > 0 {
		s.tell(fmt.Sprintf("TLS handshakes of %s fail again and again, the latest with %.200q: the next is begun in %s", from, why.Error(), wait.Round(time.Second)))
	}
}

// meet notes that a source has shown something good.
func (s *strangers) meet(from Source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known.Note(time.Now(), from.String())
	s.failures.Forget(from.String())
}

// greet looks at a connection that is first used: at its certificate, if it has TLS.
func (c *Crowd) greet(g *guest, conn net.Conn) {
	if g.greeted.Load() || g.greeted.Swap(true) || !g.source.known() {
		return
	}
	if secure, ok := conn.(*tls.Conn); ok && len(secure.ConnectionState().VerifiedChains) > 0 {
		c.strangers.meet(g.source)
	}
}

// part looks at how a connection ended that was never used.
func (c *Crowd) part(g *guest, conn net.Conn) {
	secure, ok := conn.(*tls.Conn)
	if !ok || !g.source.known() || g.greeted.Load() || secure.ConnectionState().HandshakeComplete {
		return
	}
	// A handshake that has failed answers with its error from then on; the connection is
	// closed, so none is begun.
	if err := secure.Handshake(); faulty(err) {
		c.strangers.note(g.source, err)
	}
}

// faulty reports whether a handshake failed for what the client showed or said. The line
// and the clock are nobody's fault: in a storm good clients give up too.
func faulty(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Op == "remote error" || op.Op == "local error" // alerts
	}
	return err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.ErrClosedPipe) &&
		!errors.Is(err, net.ErrClosed) && !errors.Is(err, http.ErrServerClosed)
}
