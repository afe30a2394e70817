package client

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"understudy/env"
	"understudy/wire"
)

// connector is what the client knows of one. The client's mu guards it.
type connector struct {
	url    string
	good   bool
	beat   wire.FrontHeartbeat
	reason string // why it is not used
	asked  bool
	at     time.Time // of the latest heartbeat
	// failed is when a request failed there since the last good heartbeat.
	failed time.Time
}

// Connector is what a client knows of a configured connector.
type Connector struct {
	URL string
	// Good says that it answered its latest heartbeat.
	Good bool
	// Bypassed says that a request failed there since.
	Bypassed bool
	// Reason says why it is not used.
	Reason    string
	At        time.Time
	Heartbeat wire.FrontHeartbeat
}

// Heartbeats returns what is known of every configured connector.
func (c *Client) Heartbeats() []Connector {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	list := make([]Connector, 0, len(c.connectors))
	for _, k := range c.connectors {
		list = append(list, Connector{
			URL: k.url, Good: k.good, Bypassed: c.bypassed(now, k), Reason: k.reason, At: k.at, Heartbeat: k.beat,
		})
	}
	return list
}

// Beat sends one heartbeat to every connector and waits for the answers (LHC-06).
func (c *Client) Beat(ctx context.Context) {
	var group sync.WaitGroup
	for _, k := range c.connectors {
		group.Go(func() { c.beat(ctx, k) })
	}
	group.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.beaten = time.Now()
}

func (c *Client) beat(ctx context.Context, k *connector) {
	var beat wire.FrontHeartbeat
	err := c.do(ctx, http.MethodGet, k.url+"/storefront/v1/heartbeat", "", nil, &beat)
	if ctx.Err() != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	k.asked, k.at, k.good = true, time.Now(), err == nil
	if err != nil {
		k.reason = err.Error()
		return
	}
	k.beat, k.reason = beat, ""
	if c.o.Bypass == 0 {
		k.failed = time.Time{}
	}
}

// bypass stops using a connector that failed.
func (c *Client) bypass(url string, reason error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.connectors {
		if k.url == url {
			k.failed, k.reason = time.Now(), reason.Error()
		}
	}
}

func (c *Client) bypassed(now time.Time, k *connector) bool {
	return !k.failed.IsZero() && (c.o.Bypass == 0 || now.Sub(k.failed) < c.o.Bypass)
}

// usable lists the connectors that answered and did not fail since: those of the
// given zones first, else as configured.
func (c *Client) usable(zones []string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	var right, other []string
	for _, k := range c.connectors {
		switch {
		case !k.good || c.bypassed(now, k):
		case slices.Contains(zones, k.beat.Zone):
			right = append(right, k.url)
		default:
			other = append(other, k.url)
		}
	}
	return append(right, other...)
}

func (c *Client) zoneOf(url string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.connectors {
		if k.url == url {
			return k.beat.Zone
		}
	}
	return ""
}

// refresh asks all connectors again, unless that was just done; while none can be used it
// waits until it may, since all that are lost may be about to start. Requests that come
// meanwhile share the round.
func (c *Client) refresh(ctx context.Context) {
	came := time.Now()
	select {
	case c.refreshing <- struct{}{}:
	case <-ctx.Done():
		return
	}
	defer func() { <-c.refreshing }()
	beaten := c.latestRound()
	wait := refreshGap - time.Since(beaten)
	if beaten.After(came) || wait > 0 && len(c.usable(nil)) > 0 {
		return
	}
	if env.Sleep(ctx, wait) == nil {
		c.Beat(ctx)
	}
}

// latestRound is when the latest heartbeats had been answered, or not.
func (c *Client) latestRound() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.beaten
}
