package cloud

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"understudy/wire"
)

// closeTime bounds the wait for the end of a call stream to be on its way: only a
// connection that takes nothing needs it.
const closeTime = time.Second

// Calls opens the call stream: what is read are the cloud broker's calls, what is
// written our answers, both as NDJSON. It lives until it is closed or ctx ends;
// only the wait for the cloud broker to take it is bounded here.
func (c *Client) Calls(ctx context.Context) (io.ReadWriteCloser, error) {
	// A request that ends with ctx would do so at some time after that.
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	in, out := io.Pipe()
	r, err := c.request(own, http.MethodPost, c.sitePath()+"/connectors/"+url.PathEscape(string(c.o.Connector))+"/calls", in)
	if err != nil {
		cancel()
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-ndjson")
	body, err := c.openCalls(ctx, r, cancel)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("open the call stream: %w", err)
	}
	s := &callStream{out: out, in: body, cancel: cancel}
	s.kept = context.AfterFunc(ctx, func() { _ = s.end() })
	return s, nil
}

// openCalls waits until the cloud broker has taken the stream, its time is up, or ctx
// ends.
func (c *Client) openCalls(ctx context.Context, r *http.Request, cancel func()) (io.ReadCloser, error) {
	defer context.AfterFunc(ctx, cancel)()
	timer := time.AfterFunc(c.o.Timeout, cancel)
	resp, err := c.send(c.streams, r)
	timer.Stop()
	if err != nil {
		return nil, err
	}
	return resp.Body, accepted(resp)
}

func accepted(resp *http.Response) error {
	if resp.StatusCode == http.StatusOK && mediaType(resp) == "application/x-ndjson" {
		return nil
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		return fmt.Errorf("the answer is %q and not application/x-ndjson", mediaType(resp))
	}
	return wire.ReadProblem(resp)
}

type callStream struct {
	out    *io.PipeWriter
	in     io.ReadCloser
	cancel context.CancelFunc
	kept   func() bool // lets go of the context
}

func (s *callStream) Read(p []byte) (int, error)  { return s.in.Read(p) }
func (s *callStream) Write(p []byte) (int, error) { return s.out.Write(p) }

// Close breaks both directions off; it is safe to call while others read and write.
// When it returns, the other end has been told: a process may end then.
func (s *callStream) Close() error {
	s.kept()
	return s.end()
}

func (s *callStream) end() error {
	defer s.cancel()
	defer time.AfterFunc(closeTime, s.cancel).Stop()
	_ = s.out.CloseWithError(net.ErrClosed)
	return s.in.Close()
}
