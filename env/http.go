package env

import (
	"context"
	"errors"
	"net"
	"net/http"
	"syscall"
	"time"
)

// Transport returns an HTTP transport that dials through the Env: HTTP/1.1 and,
// over TLS, HTTP/2. A nil TLS means plain TCP only.
func (e Env) Transport(secure TLS) *http.Transport {
	t := &http.Transport{
		DialContext:           e.dial,
		ForceAttemptHTTP2:     secure != nil,
		MaxIdleConnsPerHost:   64,
		IdleConnTimeout:       90 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
	if secure != nil {
		dialTLS(t, secure)
	}
	return t
}

// Alive makes a transport notice within some seconds that the other end of an
// HTTP/2 connection is gone without a word; else the next request on it waits for
// its own time-out. Idle connections cost a ping now and then, so they end soon.
func Alive(t *http.Transport) *http.Transport {
	t.HTTP2 = &http.HTTP2Config{SendPingTimeout: 2 * time.Second, PingTimeout: 2 * time.Second}
	t.IdleConnTimeout = 15 * time.Second
	return t
}

// StreamTransport returns a transport that speaks only HTTP/2, with prior
// knowledge where there is no TLS: what a stream with both directions open needs.
func (e Env) StreamTransport(secure TLS) *http.Transport {
	t := e.Transport(secure)
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP2(secure != nil)
	t.Protocols.SetUnencryptedHTTP2(secure == nil)
	return t
}

func (e Env) dial(ctx context.Context, network, address string) (net.Conn, error) {
	return e.Dial(ctx, network, address)
}

// NobodyListens reports whether a host answered that there is no such listener, so
// the process does not run. The second number is how Windows says so.
func NobodyListens(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.Errno(10061))
}
