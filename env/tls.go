package env

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// TLS gives the settings of outgoing connections, asked anew for each of them, so that
// certificates can change while connections go on; nil means plain TCP. What it returns
// is never changed.
type TLS func() *tls.Config

// Fixed is a TLS that never changes; nil for plain TCP.
func Fixed(config *tls.Config) TLS {
	if config == nil {
		return nil
	}
	return func() *tls.Config { return config }
}

// Always gives the same thing each time it is asked, for what could be another one.
func Always[T any](v T) func() T { return func() T { return v } }

// For makes the certificate of that name count, whatever address is dialled.
func (t TLS) For(name string) TLS {
	if t == nil {
		return nil
	}
	return func() *tls.Config {
		config := t().Clone()
		config.ServerName = name
		return config
	}
}

const handshakeTime = 6 * time.Second

// dialTLS lets a transport open each connection with the settings of that moment. The
// transport writes the protocols that it offers into a configuration of its own.
func dialTLS(t *http.Transport, now TLS) {
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	t.DialTLSContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := t.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		config := now().Clone()
		config.NextProtos = t.TLSClientConfig.NextProtos
		if host, _, err := net.SplitHostPort(address); err == nil && config.ServerName == "" {
			config.ServerName = host
		}
		ctx, cancel := context.WithTimeout(ctx, handshakeTime)
		defer cancel()
		secure := tls.Client(conn, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, err
		}
		return secure, nil
	}
}
