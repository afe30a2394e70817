package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"understudy/env"
	"understudy/wire"
)

// refreshGap is the least time between two rounds of heartbeats that requests
// cause; longestWait bounds the wait that a Retry-After asks for.
const (
	refreshGap  = time.Second
	longestWait = 5 * time.Second
)

// ErrNoConnector says that no configured connector answers.
var ErrNoConnector = errors.New("no connector answers")

// Resources lists what a user may launch, and remembers in which zones (LHC-41).
func (c *Client) Resources(ctx context.Context, in wire.ResourcesRequest) (wire.ResourcesAnswer, error) {
	var out wire.ResourcesAnswer
	if err := c.send(ctx, request{path: "/storefront/v1/resources", in: in, out: &out}); err != nil {
		return out, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range out.Resources {
		c.zones[r.ID] = r.Zones
	}
	return out, nil
}

// Launch asks for a session. All tries of one launch carry one idempotency key.
func (c *Client) Launch(ctx context.Context, in wire.LaunchRequest) (wire.LaunchAnswer, error) {
	var out wire.LaunchAnswer
	err := c.launch(ctx, in, &out)
	return out, err
}

// LaunchFile is Launch with an answer of another media type, as it came.
func (c *Client) LaunchFile(ctx context.Context, in wire.LaunchRequest, mediaType string) ([]byte, error) {
	out := file{mediaType: mediaType}
	err := c.launch(ctx, in, &out)
	return out.body, err
}

func (c *Client) launch(ctx context.Context, in wire.LaunchRequest, out any) error {
	c.mu.Lock()
	zones := c.zones[in.Resource]
	c.mu.Unlock()
	key := env.Token(c.o.Env.Rand("storefront/launch/" + in.User + "/" + in.Resource))
	return c.send(ctx, request{path: "/storefront/v1/sessions", key: key, zones: zones, in: in, out: out})
}

// Redeem spends a ticket, as a gateway does.
func (c *Client) Redeem(ctx context.Context, in wire.RedeemRequest) (wire.RedeemAnswer, error) {
	var out wire.RedeemAnswer
	err := c.send(ctx, request{path: "/storefront/v1/tickets/redeem", in: in, out: &out})
	return out, err
}

// request is one thing to ask, of any connector.
type request struct {
	path, key string
	zones     []string
	in, out   any
	sent      bool            // to other zones than we thought
	refused   map[string]bool // connectors whose broker launches nothing
}

// send tries the connectors that answer. When none could help it asks all for a
// heartbeat and tries once more, after the wait that one of them asked for.
func (c *Client) send(ctx context.Context, r request) error {
	first := c.round(ctx, r)
	if first == nil || settled(first) || ctx.Err() != nil {
		return first
	}
	if err := pause(ctx, first); err != nil {
		return err
	}
	c.refresh(ctx)
	return c.round(ctx, r)
}

// round asks one connector after the other until one has the last word.
func (c *Client) round(ctx context.Context, r request) error {
	last := error(ErrNoConnector)
	r.refused = map[string]bool{}
	urls := c.usable(r.zones)
	for i, url := range urls {
		err := c.ask(ctx, url, r)
		if err == nil || final(err) || ctx.Err() != nil {
			return err
		}
		if launchesNothing(err) {
			return c.otherHalf(ctx, c.zoneOf(url), urls[i+1:], r, err)
		}
		last = err
	}
	return last
}

// otherHalf asks the other connectors of a zone whose broker launches nothing: while it
// is split, either half may have the desktops, and each has a broker of its own.
func (c *Client) otherHalf(ctx context.Context, zone string, urls []string, r request, none error) error {
	for _, url := range urls {
		if c.zoneOf(url) != zone {
			continue
		}
		if err := c.ask(ctx, url, r); err == nil || final(err) || ctx.Err() != nil {
			return err
		}
	}
	return none
}

// ask sends the request to a connector, and to the one that it names instead:
// the elected one, or a peer that reaches the cloud. One hop only in a zone; and
// either may say that another zone is the right one.
func (c *Client) ask(ctx context.Context, url string, r request) error {
	err := c.try(ctx, url, r)
	if next := instead(err, url); next != "" && !r.refused[next] {
		url = next
		err = c.try(ctx, url, r)
	}
	if launchesNothing(err) {
		r.refused[url] = true
	}
	if zones := rightZones(err); len(zones) > 0 && !r.sent {
		return c.askIn(ctx, zones, url, r, err)
	}
	return err
}

// askIn goes on in the zones that a wrong_zone refusal named.
func (c *Client) askIn(ctx context.Context, zones []string, refused string, r request, err error) error {
	r.zones, r.sent = zones, true
	for _, url := range c.usable(zones) {
		if url == refused {
			continue
		}
		return c.ask(ctx, url, r)
	}
	return err
}

// try sends the request once. A connector that gives no proper answer is
// by-passed.
func (c *Client) try(ctx context.Context, url string, r request) error {
	err := c.do(ctx, http.MethodPost, url+r.path, r.key, r.in, r.out)
	if err != nil && ctx.Err() == nil && !proper(err) {
		c.bypass(url, err)
	}
	return err
}

// proper reports whether err is an answer of the protocol.
func proper(err error) bool {
	p, ok := errors.AsType[*wire.Problem](err)
	return ok && p.Code != "" && (p.Status < 500 || p.Status == http.StatusServiceUnavailable)
}

// settled reports whether the answer would be the same in a moment.
func settled(err error) bool {
	p, ok := errors.AsType[*wire.Problem](err)
	return ok && proper(err) && (p.Status < 500 || launchesNothing(err))
}

// launchesNothing reports whether the broker that serves can launch nothing: no other connector can
// as long as it hears that one.
func launchesNothing(err error) bool {
	return wire.IsCode(err, wire.CodeNoMachine) || wire.IsCode(err, wire.CodeJournalFull)
}

// final reports whether asking another connector is of no use. A ticket that one
// does not know may be that of another zone; for brokers that launch nothing see
// otherHalf.
func final(err error) bool {
	return settled(err) && !wire.IsCode(err, wire.CodeTicketUnknown) && !launchesNothing(err)
}

func instead(err error, asked string) string {
	p, ok := errors.AsType[*wire.Problem](err)
	if !ok || p.Code != wire.CodeNotElected && p.Code != wire.CodeCloudUnreachable {
		return ""
	}
	next := strings.TrimSuffix(p.ElectedURL, "/")
	if next == asked || strings.HasPrefix(asked, "https:") && !strings.HasPrefix(next, "https:") {
		return ""
	}
	return next
}

func rightZones(err error) []string {
	if p, ok := errors.AsType[*wire.Problem](err); ok && p.Code == wire.CodeWrongZone {
		return p.Zones
	}
	return nil
}

// pause waits as long as a refusal asks for.
func pause(ctx context.Context, err error) error {
	p, ok := errors.AsType[*wire.Problem](err)
	if !ok || p.RetryAfter == 0 {
		return nil
	}
	if err := env.Sleep(ctx, min(p.RetryAfter, longestWait)); err != nil {
		return fmt.Errorf("wait to ask again: %w", err)
	}
	return nil
}

// do sends one request and reads its answer into out.
func (c *Client) do(ctx context.Context, method, url, key string, in, out any) error {
	req, err := c.newRequest(ctx, method, url, key, in)
	if err != nil {
		return err
	}
	wanted, _ := out.(*file)
	req.Header.Set("Accept", "application/json")
	if wanted != nil {
		req.Header.Set("Accept", wanted.mediaType)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %w", method, url, wire.ReadProblem(resp))
	}
	if err := read(resp, wanted, out); err != nil {
		return fmt.Errorf("%s %s: read the answer: %w", method, url, err)
	}
	return nil
}

// file is an answer that is taken as it comes.
type file struct {
	mediaType string
	body      []byte
}

// read takes an answer over: as it comes where a file is wanted.
func read(resp *http.Response, wanted *file, out any) error {
	body := io.LimitReader(resp.Body, wire.MaxBody)
	if wanted == nil {
		return json.NewDecoder(body).Decode(out)
	}
	if typ, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); typ != wanted.mediaType {
		return fmt.Errorf("it is %q and not %s", typ, wanted.mediaType)
	}
	var err error
	wanted.body, err = io.ReadAll(body)
	return err
}

func (c *Client) newRequest(ctx context.Context, method, url, key string, in any) (*http.Request, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("write the request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set(wire.HeaderIdempotency, key)
	}
	if c.o.Key != "" {
		req.Header.Set("Authorization", "Bearer "+c.o.Key)
	}
	return req, nil
}
