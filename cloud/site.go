package cloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"understudy/site"
	"understudy/wire"
)

// ConfigurationType is the media type of the configuration stream.
const ConfigurationType = "application/x-ndjson+zstd"

// Published is a site with the version under which the cloud broker has it.
type Published struct {
	Version site.Version `json:"version"`
	Digest  string       `json:"digest"`
	Site    *site.Site   `json:"site,omitempty"`
}

// Health asks the cloud broker to read its store. Only a complete answer about
// our own site counts.
func (c *Client) Health(ctx context.Context) (wire.CloudHealth, error) {
	var h wire.CloudHealth
	if err := c.ask(ctx, http.MethodGet, "/cloud/v1/health", nil, nil, &h); err != nil {
		return h, fmt.Errorf("check the cloud broker's health: %w", err)
	}
	if h.Site != c.o.Site {
		return h, fmt.Errorf("check the cloud broker's health: it serves site %q and not %q", h.Site, c.o.Site)
	}
	return h, nil
}

// Site returns the published site.
func (c *Client) Site(ctx context.Context) (Published, error) {
	var p Published
	if err := c.ask(ctx, http.MethodGet, c.sitePath(), nil, nil, &p); err != nil {
		return p, fmt.Errorf("get the site: %w", err)
	}
	return p, nil
}

// PutSite publishes a site; a zero ifMatch replaces whatever is there. What is
// wrong with the site is in the *wire.Problem that the error wraps.
func (c *Client) PutSite(ctx context.Context, s *site.Site, ifMatch site.Version) (Published, error) {
	var p Published
	body, err := json.Marshal(s)
	if err != nil {
		return p, fmt.Errorf("encode the site: %w", err)
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if !ifMatch.IsZero() {
		header.Set("If-Match", `"`+ifMatch.String()+`"`)
	}
	if err := c.ask(ctx, http.MethodPut, c.sitePath(), header, body, &p); err != nil {
		return p, fmt.Errorf("publish the site: %w", err)
	}
	return p, nil
}

// Configuration asks for the configuration stream, or a delta. unchanged is the
// digest of those in ask that is the newest, and then there is no stream. The caller
// bounds the whole reading by ctx and closes the stream; a silence in it is bounded
// here.
func (c *Client) Configuration(ctx context.Context, ask wire.ConfigAsk) (stream io.ReadCloser, unchanged string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	r, err := c.request(ctx, http.MethodGet, c.sitePath()+"/configuration"+since(ask), nil)
	if err != nil {
		cancel()
		return nil, "", err
	}
	if tags := ask.Tags(); len(tags) > 0 {
		r.Header.Set("If-None-Match", `"`+strings.Join(tags, `", "`)+`"`)
	}
	resp, err := c.open(r, cancel)
	if err == nil {
		stream, unchanged, err = configuration(resp, ask)
	}
	if stream == nil {
		cancel()
		return nil, unchanged, err
	}
	return &attended{ReadCloser: stream, cancel: cancel, limit: c.o.Timeout}, "", nil
}

func since(ask wire.ConfigAsk) string {
	if ask.Since.IsZero() {
		return ""
	}
	return "?since=" + url.QueryEscape(ask.Since.String())
}

func configuration(resp *http.Response, ask wire.ConfigAsk) (io.ReadCloser, string, error) {
	switch resp.StatusCode {
	case http.StatusNotModified:
		tag, err := matched(resp.Header.Get("ETag"), ask.Tags())
		return nil, tag, errors.Join(err, resp.Body.Close())
	case http.StatusOK:
		if typ := mediaType(resp); typ != ConfigurationType {
			_ = resp.Body.Close()
			return nil, "", fmt.Errorf("get the configuration: the answer is %q and not %s", typ, ConfigurationType)
		}
		return resp.Body, "", nil
	}
	defer resp.Body.Close()
	return nil, "", fmt.Errorf("get the configuration: %w", wire.ReadProblem(resp))
}

// matched says which of the tags that were sent is the newest. One that was sent
// alone needs no naming.
func matched(etag string, sent []string) (string, error) {
	tag := strings.Trim(strings.TrimPrefix(etag, "W/"), `"`)
	switch {
	case slices.Contains(sent, tag):
		return tag, nil
	case tag == "" && len(sent) == 1:
		return sent[0], nil
	}
	return "", fmt.Errorf("get the configuration: it is said to be unchanged, but %q is none of those known", wire.Clip(etag))
}

// open waits for the answer's header no longer than the timeout; the body may
// take as long as ctx allows.
func (c *Client) open(r *http.Request, cancel context.CancelFunc) (*http.Response, error) {
	timer := time.AfterFunc(c.o.Timeout, cancel)
	resp, err := c.send(c.requests, r)
	if !timer.Stop() {
		if err == nil {
			_ = resp.Body.Close()
		}
		return nil, fmt.Errorf("%s %s: no answer within %s", r.Method, r.URL.Path, c.o.Timeout)
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.Method, r.URL.Path, err)
	}
	return resp, nil
}

// attended gives up a stream on which nothing comes for the limit; how long its
// reader takes between two reads does not count.
type attended struct {
	io.ReadCloser
	cancel context.CancelFunc
	limit  time.Duration
}

// Read ends with an error of its own when nothing came in time.
func (a *attended) Read(p []byte) (int, error) {
	timer := time.AfterFunc(a.limit, a.cancel)
	n, err := a.ReadCloser.Read(p)
	if !timer.Stop() {
		return n, fmt.Errorf("read the configuration: nothing came for %s", a.limit)
	}
	return n, err
}

// Close ends the request too.
func (a *attended) Close() error {
	defer a.cancel()
	return a.ReadCloser.Close()
}

// ask makes one bounded request with a JSON answer.
func (c *Client) ask(ctx context.Context, method, target string, header http.Header, body []byte, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	resp, err := c.Forward(ctx, method, target, header, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return wire.ReadProblem(resp)
	}
	if typ := mediaType(resp); typ != "application/json" {
		return fmt.Errorf("the answer is %q and not application/json", typ)
	}
	return readJSON(resp.Body, answer)
}

func readJSON(r io.Reader, v any) error {
	d := json.NewDecoder(io.LimitReader(r, wire.MaxStream))
	if err := d.Decode(v); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if err := d.Decode(new(json.RawMessage)); !errors.Is(err, io.EOF) {
		return errors.New("read the answer: more than one JSON value")
	}
	return nil
}

func mediaType(resp *http.Response) string {
	typ, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		typ = resp.Header.Get("Content-Type")
	}
	return wire.Clip(typ)
}
