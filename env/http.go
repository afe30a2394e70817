package env

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"syscall"
	"time"
)

// Transport returns an HTTP transport that dials through the Env: HTTP/1.1 and,
// over TLS, HTTP/2. A nil config means plain TCP only. The config is copied: a
// transport writes the protocols that it offers into its own, at its first use.
func (e Env) Transport(config *tls.Config) *http.Transport {
	return &http.Transport{
		DialContext:           e.dial,
		TLSClientConfig:       config.Clone(),
		ForceAttemptHTTP2:     config != nil,
		MaxIdleConnsPerHost:   64,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   6 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
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
func (e Env) StreamTransport(config *tls.Config) *http.Transport {
	t := e.Transport(config)
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP2(config != nil)
	t.Protocols.SetUnencryptedHTTP2(config == nil)
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
