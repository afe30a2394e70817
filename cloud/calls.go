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

// Calls opens the call stream: what is read are the cloud broker's calls, what is
// written our answers, both as NDJSON. It lives until it is closed or ctx ends;
// only the wait for the cloud broker to take it is bounded here.
func (c *Client) Calls(ctx context.Context) (io.ReadWriteCloser, error) {
	ctx, cancel := context.WithCancel(ctx)
	in, out := io.Pipe()
	r, err := c.request(ctx, http.MethodPost, c.sitePath()+"/connectors/"+url.PathEscape(string(c.o.Connector))+"/calls", in)
	if err != nil {
		cancel()
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-ndjson")
	timer := time.AfterFunc(c.o.Timeout, cancel)
	resp, err := c.send(c.streams, r)
	timer.Stop()
	if err == nil {
		err = accepted(resp)
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("open the call stream: %w", err)
	}
	return &callStream{out: out, in: resp.Body, cancel: cancel}, nil
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
}

func (s *callStream) Read(p []byte) (int, error)  { return s.in.Read(p) }
func (s *callStream) Write(p []byte) (int, error) { return s.out.Write(p) }

// Close breaks both directions off; it is safe to call while others read and write.
func (s *callStream) Close() error {
	_ = s.out.CloseWithError(net.ErrClosed)
	s.cancel()
	return s.in.Close()
}
