// Package client does what a StoreFront does: it sends every configured
// connector a heartbeat, uses only those that answer, by-passes those that fail,
// routes a launch to a connector of the right zone and follows the elected one.
// The storefront command, the demo and the tests use it.
package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"understudy/env"
)

// The defaults of a StoreFront.
const (
	DefaultInterval       = 60 * time.Second
	DefaultConnectTimeout = 6 * time.Second
	DefaultAnswerTimeout  = 30 * time.Second
)

// Options say which connectors to use and how.
type Options struct {
	Env env.Env
	// Connectors are their client URLs, best first.
	Connectors []string
	// Key, when set, is shown as a bearer token.
	Key string
	TLS *tls.Config
	// Interval is between two heartbeats to a connector (LHC-06).
	Interval       time.Duration
	ConnectTimeout time.Duration
	AnswerTimeout  time.Duration
	// Bypass is for how long a connector that failed is not used; 0 means until its
	// next good heartbeat.
	Bypass time.Duration
	// Transport replaces the one over Env.
	Transport http.RoundTripper
}

func (o Options) validate() error {
	if err := o.Env.Validate(); err != nil {
		return fmt.Errorf("storefront client: Env: %w", err)
	}
	if len(o.Connectors) == 0 {
		return errors.New("storefront client: Connectors names none")
	}
	for _, c := range o.Connectors {
		if u, err := url.Parse(c); err != nil || u.Host == "" {
			return fmt.Errorf("storefront client: Connectors: %q is not a URL", c)
		}
	}
	return nil
}

func (o Options) withDefaults() Options {
	if o.Interval == 0 {
		o.Interval = DefaultInterval
	}
	if o.ConnectTimeout == 0 {
		o.ConnectTimeout = DefaultConnectTimeout
	}
	if o.AnswerTimeout == 0 {
		o.AnswerTimeout = DefaultAnswerTimeout
	}
	if o.Transport == nil {
		o.Transport = transport(o)
	}
	return o
}

func transport(o Options) http.RoundTripper {
	t := env.Alive(o.Env.Transport(env.Fixed(o.TLS)))
	dial := t.DialContext
	t.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, o.ConnectTimeout)
		defer cancel()
		return dial(ctx, network, address)
	}
	t.TLSHandshakeTimeout = o.ConnectTimeout
	return t
}

// Client is one StoreFront. It is safe for concurrent use.
type Client struct {
	o    Options
	http *http.Client

	mu         sync.Mutex          // guards connectors, zones, beaten
	connectors []*connector        // as configured
	zones      map[string][]string // of resources, from enumeration
	beaten     time.Time           // the latest round of heartbeats

	refreshing chan struct{} // full during a round that requests cause
}

// New returns a client; Run or Beat finds out which connectors answer.
func New(o Options) (*Client, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	c := &Client{o: o, http: &http.Client{Transport: o.Transport, Timeout: o.AnswerTimeout}, zones: map[string][]string{}, refreshing: make(chan struct{}, 1)}
	for _, u := range o.Connectors {
		c.connectors = append(c.connectors, &connector{url: strings.TrimSuffix(u, "/"), reason: "not asked yet"})
	}
	return c, nil
}

// Run sends heartbeats until ctx ends.
func (c *Client) Run(ctx context.Context) error {
	defer c.http.CloseIdleConnections()
	tick := time.NewTicker(c.o.Interval)
	defer tick.Stop()
	for {
		if err := c.o.Env.Gate(ctx); err == nil {
			c.Beat(ctx)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
