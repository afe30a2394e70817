package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"understudy/env"
	"understudy/site"
	"understudy/wire"
)

const (
	factsPath = "/peer/v1/facts"
	// Redialling waits 50 to 250 ms.
	redial       = 150 * time.Millisecond
	redialSpread = 2.0 / 3
	// redialRefused is for a peer that does not count us as one of the zone.
	redialRefused = time.Second
	// sendBuffer bounds what the kernel may keep back of facts that nobody reads.
	sendBuffer = 16 << 10
)

var errSilent = errors.New("nothing is heard from the peer")

// link is our side towards one peer: the stream of our facts, and requests.
type link struct {
	mesh     *Mesh
	name     site.FQDN
	url      string
	facts    *http.Transport // a connection for each stream, nothing else on it
	requests *http.Transport

	fresh   chan struct{} // our facts changed
	again   chan struct{} // redial without waiting
	writing atomic.Pointer[writing]

	// What follows is guarded by mesh.mu.
	stop   context.CancelFunc      // nil until Run started it
	cancel context.CancelCauseFunc // of the stream that is open
	opened time.Time               // that stream
	look   time.Time               // when to see next whether the peer is silent
	delay  time.Duration           // so much after a deadline, not with those of other links
}

func newLink(m *Mesh, name site.FQDN, url string) *link {
	// The peer's certificate counts for its name, whatever address the URL has.
	secure := m.o.TLS.For(string(name))
	l := &link{mesh: m, name: name, url: url, fresh: make(chan struct{}, 1), again: make(chan struct{}, 1)}
	l.delay = env.Jitter(m.o.Env.Rand("peer/watch/"+string(name)), m.o.Interval/2, 1)
	l.requests = m.o.Env.Transport(secure)
	l.facts = m.o.Env.Transport(secure)
	l.facts.DialContext = l.dial
	l.facts.DisableKeepAlives = true
	l.facts.ForceAttemptHTTP2 = false
	l.facts.Protocols = new(http.Protocols)
	l.facts.Protocols.SetHTTP1(true)
	// The body waits for the peer's word that it reads: what it then reads was
	// sent after that, also where the connection waited while the peer was paused.
	l.facts.ExpectContinueTimeout = 24 * time.Hour
	return l
}

// close is called with the lock held.
func (l *link) close() {
	if l.stop != nil {
		l.stop()
	}
	l.requests.CloseIdleConnections()
}

// redialNow is called with the lock held.
func (l *link) redialNow() {
	notify(l.again)
	if l.cancel != nil {
		l.cancel(nil)
	}
}

func (l *link) run(ctx context.Context) {
	for ctx.Err() == nil {
		if wait := l.judge(l.stream(ctx)); wait > 0 {
			l.wait(ctx, wait)
		}
		l.settle()
	}
	l.requests.CloseIdleConnections()
}

func (l *link) wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-l.again:
	case <-timer.C:
	}
}

// settle takes back that the next redial need not wait.
func (l *link) settle() {
	select {
	case <-l.again:
	default:
	}
}

// stream sends our facts until the connection ends. The answer comes only when
// the peer has had enough of them. It says in which epoch it began.
func (l *link) stream(parent context.Context) (epoch uint64, err error) {
	if err := l.mesh.o.Env.Gate(parent); err != nil {
		return 0, err
	}
	epoch = l.mesh.now()
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	l.begin(cancel)
	defer l.begin(nil)
	err = l.post(ctx, epoch)
	if errors.Is(context.Cause(ctx), errSilent) {
		err = errSilent
	}
	return epoch, err
}

func (l *link) post(ctx context.Context, epoch uint64) error {
	open, hangUp := context.WithCancel(ctx)
	defer hangUp()
	traced := context.WithValue(ctx, hangUpKey{}, hangUp)
	traced = httptrace.WithClientTrace(traced, &httptrace.ClientTrace{Got100Continue: func() { l.accepted(epoch) }})
	target := l.url + factsPath + "?site=" + url.QueryEscape(l.mesh.o.Site)
	req, err := http.NewRequestWithContext(traced, http.MethodPost, target, &feed{ctx: open, link: l})
	if err != nil {
		return fmt.Errorf("make a facts request: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	req.Header.Set("Expect", "100-continue")
	req.Header.Set(wire.HeaderConnector, string(l.mesh.o.Self))
	req.Header.Set(wire.HeaderZone, l.mesh.o.Zone)
	resp, err := l.facts.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 == 2 {
		return nil
	}
	return wire.ReadProblem(resp)
}

// accepted is called when the peer begins to read. That it was heard before is no
// reason any more to redial at once when this stream ends.
func (l *link) accepted(epoch uint64) {
	l.settle()
	l.mesh.note(epoch, func(now time.Time, b book) bool { return b.accepted(now, l.name) })
}

// begin notes how to end the stream that opens; nil: it is over.
func (l *link) begin(cancel context.CancelCauseFunc) {
	l.mesh.mu.Lock()
	defer l.mesh.mu.Unlock()
	l.cancel, l.opened = cancel, time.Now()
	l.look = l.opened.Add(l.mesh.o.Deadline() + l.delay)
}

// watch gives up a stream to a peer that is silent itself: after a broken network
// has healed, a new connection is faster than the retransmissions of an old one; and
// one on which a write hangs. It is done with each heartbeat and not by timers, which
// would wake the process up for nothing. It is called with the lock held.
func (l *link) watch(now time.Time) {
	deadline := l.mesh.o.Deadline()
	if l.cancel != nil && !now.Before(l.look) {
		l.look = now.Add(deadline + l.delay)
		if now.Sub(l.opened) >= 2*deadline && !l.mesh.book.heard(now, deadline, l.name) {
			l.cancel(errSilent) // a write that hangs ends too
			return
		}
	}
	l.giveUp(now, deadline)
}

// judge notes what the end of a stream says of the peer, and returns how long to
// wait before the next.
func (l *link) judge(epoch uint64, err error) time.Duration {
	m := l.mesh
	pause := env.Jitter(m.o.Env.Rand("peer/redial/"+string(l.name)), redial, redialSpread)
	switch {
	case err == nil, errors.Is(err, context.Canceled):
	case errors.Is(err, errSilent):
		return 0
	case env.NobodyListens(err):
		m.note(epoch, func(now time.Time, b book) bool { return b.nobody(now, l.name) })
	case wire.IsCode(err, wire.CodeNotInZone):
		m.note(epoch, func(now time.Time, b book) bool { return b.refused(now, l.name, err.Error()) })
		return redialRefused
	case isStranger(err):
		m.note(epoch, func(_ time.Time, b book) bool { b.stranger(l.name, err.Error()); return false })
	case tells(err):
		m.note(epoch, func(_ time.Time, b book) bool { b.unreachable(l.name, err.Error()); return false })
	}
	return pause
}

// tells reports whether the error says why the peer cannot be reached, rather
// than that a stream broke.
func tells(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Op == "dial" || op.Op == "remote error"
	}
	_, problem := errors.AsType[*wire.Problem](err)
	return problem
}

// isStranger reports whether who listens there shows another certificate than the
// peer's.
func isStranger(err error) bool {
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	return certificate
}

// patience is how long one attempt to connect may take.
func (l *link) patience() time.Duration {
	return min(max(l.mesh.o.Deadline(), 250*time.Millisecond), 2*time.Second)
}
