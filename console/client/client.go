// Package client is the typed client of the admin API. The operator's commands
// use it, and tests.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"understudy/env"
	"understudy/events"
	"understudy/wire"
)

// DefaultAddress is where a connector's admin API listens unless told otherwise.
const DefaultAddress = "http://127.0.0.1:7490"

// Options say which connector to ask.
type Options struct {
	Env env.Env
	// Address is http://HOST:PORT or unix:PATH; empty means DefaultAddress.
	Address string
	// Token is needed over TCP.
	Token string
}

// Client asks one connector.
type Client struct {
	address string // as the operator wrote it
	base    string
	token   string
	http    *http.Client
}

// Unreachable is the error of an address at which no connector answers.
type Unreachable struct {
	Address string
	Err     error
}

func (e *Unreachable) Error() string {
	return fmt.Sprintf("no connector answers at %s: is the service running? name it with --connector or UNDERSTUDY_CONNECTOR (%v)", e.Address, e.Err)
}

// Unwrap returns what went wrong on the way.
func (e *Unreachable) Unwrap() error { return e.Err }

// New returns a Client, or says what is wrong with the address.
func New(o Options) (*Client, error) {
	if o.Address == "" {
		o.Address = DefaultAddress
	}
	c := &Client{address: o.Address, token: o.Token}
	transport := o.Env.Transport(nil)
	if path, ok := strings.CutPrefix(o.Address, "unix:"); ok {
		if path == "" {
			return nil, fmt.Errorf("connector address %q names no socket: write unix:PATH", o.Address)
		}
		c.base = "http://connector"
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return o.Env.Dial(ctx, "unix", path)
		}
	} else {
		u, err := url.Parse(o.Address)
		if err != nil || u.Scheme != "http" || u.Host == "" {
			return nil, fmt.Errorf("connector address %q is neither http://HOST:PORT nor unix:PATH", o.Address)
		}
		c.base = strings.TrimSuffix(u.String(), "/")
	}
	c.http = &http.Client{Transport: transport}
	return c, nil
}

// Whoami returns who the connector takes the caller for.
func (c *Client) Whoami(ctx context.Context) (wire.Account, error) {
	return get[wire.Account](ctx, c, "whoami")
}

// Status returns the connector's view on one screen.
func (c *Client) Status(ctx context.Context) (wire.Status, error) {
	return get[wire.Status](ctx, c, "status")
}

// Peers returns every connector of the zone.
func (c *Client) Peers(ctx context.Context) (wire.List[wire.PeerStatus], error) {
	return get[wire.List[wire.PeerStatus]](ctx, c, "peers")
}

// Snapshots returns the generations of the local copy of the site.
func (c *Client) Snapshots(ctx context.Context) (wire.List[wire.SnapshotStatus], error) {
	return get[wire.List[wire.SnapshotStatus]](ctx, c, "snapshots")
}

// SnapshotDiff returns what the version that is held back changes, or else what the
// one in use changed.
func (c *Client) SnapshotDiff(ctx context.Context) (wire.SnapshotDiff, error) {
	return get[wire.SnapshotDiff](ctx, c, "snapshots/diff")
}

// Goroutines returns what the process is doing.
func (c *Client) Goroutines(ctx context.Context) (wire.Goroutines, error) {
	return get[wire.Goroutines](ctx, c, "goroutines")
}

// OrderSnapshots gives an order about snapshots.
func (c *Client) OrderSnapshots(ctx context.Context, order wire.SnapshotOrder) (wire.SnapshotAnswer, error) {
	return post[wire.SnapshotAnswer](ctx, c, "snapshots", order)
}

// Reload has the connector read certificates, keys and tokens again.
func (c *Client) Reload(ctx context.Context, order wire.ReloadOrder) (wire.ReloadAnswer, error) {
	return post[wire.ReloadAnswer](ctx, c, "reload", order)
}

// Registrations returns the machines that are registered with the connector.
func (c *Client) Registrations(ctx context.Context) (wire.List[wire.RegistrationStatus], error) {
	return get[wire.List[wire.RegistrationStatus]](ctx, c, "registrations")
}

// Sessions returns the sessions that the connector knows.
func (c *Client) Sessions(ctx context.Context) (wire.List[wire.SessionStatus], error) {
	return get[wire.List[wire.SessionStatus]](ctx, c, "sessions")
}

// Groups returns the delivery groups with their machines in the zone.
func (c *Client) Groups(ctx context.Context) (wire.GroupList, error) {
	return get[wire.GroupList](ctx, c, "groups")
}

// SessionPeaks returns the most sessions at a time on each of the latest days.
func (c *Client) SessionPeaks(ctx context.Context, days int) (wire.List[wire.SessionPeak], error) {
	return get[wire.List[wire.SessionPeak]](ctx, c, "sessions/peaks?days="+strconv.Itoa(days))
}

// Journal returns at most limit durable records after a sequence.
func (c *Client) Journal(ctx context.Context, after uint64, limit int) (wire.JournalPage, error) {
	values := url.Values{"after": {strconv.FormatUint(after, 10)}, "limit": {strconv.Itoa(limit)}}
	return get[wire.JournalPage](ctx, c, "journal?"+values.Encode())
}

// Events returns at most limit events after an id, or the latest ones where after
// is negative; with kinds only those of them.
func (c *Client) Events(ctx context.Context, after int64, limit int, kinds ...string) ([]events.Entry, error) {
	list, err := get[wire.List[events.Entry]](ctx, c, "events?"+query(after, limit, kinds).Encode())
	return list.Items, err
}

// Follow calls each for the same events and then for every new one, until ctx
// ends or each returns an error.
func (c *Client) Follow(ctx context.Context, after int64, limit int, each func(events.Entry) error, kinds ...string) error {
	values := query(after, limit, kinds)
	values.Set("follow", "true")
	resp, err := c.do(ctx, http.MethodGet, "events?"+values.Encode(), nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := json.NewDecoder(resp.Body)
	for {
		var e events.Entry
		if err := lines.Decode(&e); err != nil {
			return c.ended(ctx, err)
		}
		if err := each(e); err != nil {
			return err
		}
	}
}

func (c *Client) ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the connector at %s ended the stream of events: it was stopped", c.address)
	}
	return fmt.Errorf("read events of %s: %w", c.address, err)
}

func query(after int64, limit int, kinds []string) url.Values {
	values := url.Values{"limit": {strconv.Itoa(limit)}}
	if after >= 0 {
		values.Set("after", strconv.FormatInt(after, 10))
	}
	if len(kinds) > 0 {
		values.Set("kind", strings.Join(kinds, ","))
	}
	return values
}

// Outage gives an order to force or clear an outage.
func (c *Client) Outage(ctx context.Context, order wire.OutageOrder) (wire.OutageAnswer, error) {
	return post[wire.OutageAnswer](ctx, c, "outage", order)
}

// Election gives an order about the connector's part in the election.
func (c *Client) Election(ctx context.Context, order wire.ElectionOrder) (wire.ElectionAnswer, error) {
	return post[wire.ElectionAnswer](ctx, c, "election", order)
}

func post[T any](ctx context.Context, c *Client, path string, order any) (T, error) {
	var answer T
	body, err := json.Marshal(order)
	if err != nil {
		return answer, fmt.Errorf("write the order: %w", err)
	}
	resp, err := c.do(ctx, http.MethodPost, path, body)
	if err != nil {
		return answer, err
	}
	defer resp.Body.Close()
	return answer, c.decode(resp, &answer)
}

func get[T any](ctx context.Context, c *Client, path string) (T, error) {
	var answer T
	resp, err := c.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return answer, err
	}
	defer resp.Body.Close()
	return answer, c.decode(resp, &answer)
}

func (c *Client) decode(resp *http.Response, v any) error {
	if err := json.NewDecoder(resp.Body).Decode(v); err != nil {
		return fmt.Errorf("what answers at %s is not a connector: %w", c.address, err)
	}
	return nil
}

// do returns a successful answer.
func (c *Client) do(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+"/admin/v1/"+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("ask the connector at %s: %w", c.address, err)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.failed(ctx, err)
	}
	if resp.StatusCode/100 != 2 {
		defer resp.Body.Close()
		return nil, c.refused(resp)
	}
	return resp, nil
}

func (c *Client) failed(ctx context.Context, err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("the connector at %s did not answer in time: %w", c.address, context.DeadlineExceeded)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &Unreachable{Address: c.address, Err: err}
}

func (c *Client) refused(resp *http.Response) error {
	p := wire.ReadProblem(resp)
	switch p.Code {
	case wire.CodeUnauthorized:
		if c.token != "" {
			return fmt.Errorf("the connector at %s does not know the token given: it is of no account there, nor that in admin.token of its own data folder: %w", c.address, p)
		}
		return fmt.Errorf("the connector at %s wants a token: give --token-file with that of your account, or DATA/admin.token: %w", c.address, p)
	case wire.CodeNotFound:
		return fmt.Errorf("what answers at %s is not the admin API, which listens on %s unless its file says otherwise: %w", c.address, DefaultAddress, p)
	case "":
		return fmt.Errorf("what answers at %s is not a connector: %w", c.address, p)
	}
	return p
}
