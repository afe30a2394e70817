package cloud

import (
	"context"
	"fmt"
	"maps"
	"net/http"

	"understudy/site"
	"understudy/wire"
)

// send makes one request. What a peer answers by itself is no answer of the cloud
// broker.
func (c *Client) send(t *http.Transport, r *http.Request) (*http.Response, error) {
	resp, err := t.RoundTrip(r)
	if err != nil {
		return nil, wire.ClipError(err)
	}
	if c.o.Via == "" || site.Canonical(resp.Header.Get(wire.HeaderVia)) == c.o.Via {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, fmt.Errorf("%s did not pass it on: %s", c.o.Via, wire.ReadProblem(resp).Error())
}

// Pass passes on what a peer asks, as that peer, with this connector's token and
// marked, so that nobody passes it on again (NEW-03). The caller bounds it by ctx.
func (c *Client) Pass(ctx context.Context, p wire.Passed) (*http.Response, error) {
	r, err := c.request(ctx, p.Method, p.Target, p.Body)
	if err != nil {
		return nil, err
	}
	maps.Copy(r.Header, p.Header)
	r.Header.Set(wire.HeaderConnector, string(p.Peer))
	r.Header.Set(wire.HeaderVia, string(c.o.Connector))
	if p.Calls {
		return c.send(c.streams, r)
	}
	return c.send(c.requests, r)
}
