package env_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"testing"

	"understudy/env"
)

// Two transports with one config do not change what the other offers: one that
// speaks HTTP/1.1 only must not end up on HTTP/2.
func TestTransportsShareNoConfig(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	config := server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	config.NextProtos = nil
	old, both := oldTransport(config), env.Real().Transport(config)
	for range 2 {
		for want, transport := range map[int]*http.Transport{1: old, 2: both} {
			resp, err := (&http.Client{Transport: transport}).Get(server.URL)
			if err != nil {
				t.Fatalf("HTTP/%d: %v", want, err)
			}
			resp.Body.Close()
			if resp.ProtoMajor != want {
				t.Errorf("got %s, want HTTP/%d", resp.Proto, want)
			}
		}
	}
}

// oldTransport dials anew for each request and speaks HTTP/1.1 only.
func oldTransport(config *tls.Config) *http.Transport {
	transport := env.Real().Transport(config)
	transport.DisableKeepAlives, transport.ForceAttemptHTTP2 = true, false
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetHTTP1(true)
	return transport
}
