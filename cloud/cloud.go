// Package cloud is the client of the cloud contract (docs/cloud-contract.md): a
// connector asks with it for health and configuration, passes requests on and
// keeps the call stream; operators publish a site with it. It decides nothing:
// relay and configsync judge what comes back.
package cloud

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"understudy/env"
	"understudy/site"
	"understudy/wire"
)

// DefaultTimeout bounds requests that their caller does not bound by itself.
const DefaultTimeout = 10 * time.Second

// Options say where the cloud broker is and who asks.
type Options struct {
	Env env.Env
	// URL is the cloud broker's base URL.
	URL  string
	Site string
	// Connector and Zone name who asks; both are empty for an operator.
	Connector site.FQDN
	Zone      string
	// Token gives the one that is shown now; nil shows none.
	Token func() string
	// TLS is nil where the cloud broker is reached in the clear on this host.
	TLS     env.TLS
	Timeout time.Duration
	// Via is the peer of which URL and TLS are: it passes on what is asked (NEW-03).
	// An answer of its own is an error then. No token is sent: the peer has its own.
	Via site.FQDN
}

func (o Options) validate() error {
	u, err := url.Parse(o.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("cloud: URL %q is not an http or https URL", o.URL)
	case o.Site == "":
		return errors.New("cloud: Site is missing")
	case o.Timeout < 0:
		return fmt.Errorf("cloud: Timeout %s is negative", o.Timeout)
	}
	return o.Env.Validate()
}

// Client speaks the contract with one cloud broker. It is safe for concurrent use.
type Client struct {
	o        Options
	base     string
	requests *http.Transport
	streams  *http.Transport
}

// New returns a client. It opens no connection yet.
func New(o Options) (*Client, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	secure := o.TLS
	if strings.HasPrefix(o.URL, "https:") && secure == nil {
		secure = env.Fixed(&tls.Config{MinVersion: tls.VersionTLS13})
	}
	if strings.HasPrefix(o.URL, "http:") {
		secure = nil
	}
	return &Client{
		o: o, base: strings.TrimSuffix(o.URL, "/"),
		requests: env.Alive(o.Env.Transport(secure)), streams: env.Alive(o.Env.StreamTransport(secure)),
	}, nil
}

// Close drops the idle connections.
func (c *Client) Close() {
	c.requests.CloseIdleConnections()
	c.streams.CloseIdleConnections()
}

// Forward sends a relayed request, target being path and query. The answer is
// whatever the cloud broker said; the caller closes its body. Redirects are not
// followed: the contract has none.
func (c *Client) Forward(ctx context.Context, method, target string, header http.Header, body []byte) (*http.Response, error) {
	r, err := c.request(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	maps.Copy(r.Header, header)
	return c.send(c.requests, r)
}

// request is never the caller's own: it carries the token and who asks.
func (c *Client) request(ctx context.Context, method, target string, body io.Reader) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.base+target, body)
	if err != nil {
		return nil, fmt.Errorf("make a request to the cloud broker: %w", err)
	}
	if token := c.token(); token != "" && c.o.Via == "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if c.o.Connector != "" {
		r.Header.Set(wire.HeaderConnector, string(c.o.Connector))
		r.Header.Set(wire.HeaderZone, c.o.Zone)
	}
	return r, nil
}

func (c *Client) token() string {
	if c.o.Token == nil {
		return ""
	}
	return c.o.Token()
}

func (c *Client) sitePath() string { return "/cloud/v1/sites/" + url.PathEscape(c.o.Site) }
