package peer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"understudy/env"
	"understudy/site"
	"understudy/wire"
)

// Do sends a JSON request to a peer and reads its JSON answer into out; either
// may be nil. A refusal is returned as a *wire.Problem.
func (m *Mesh) Do(ctx context.Context, to site.FQDN, method, path string, in, out any) error {
	resp, err := m.request(ctx, to, method, path, in)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil || resp.StatusCode == http.StatusNoContent {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, wire.MaxBody)).Decode(out); err != nil {
		return fmt.Errorf("read the answer of %s to %s: %w", to, path, err)
	}
	return nil
}

// Fetch returns a body that a peer streams; the caller closes it.
func (m *Mesh) Fetch(ctx context.Context, from site.FQDN, path string) (io.ReadCloser, error) {
	resp, err := m.request(ctx, from, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// request returns a successful answer.
func (m *Mesh) request(ctx context.Context, to site.FQDN, method, path string, in any) (*http.Response, error) {
	l := m.link(to)
	if l == nil {
		return nil, fmt.Errorf("ask %s: it is not a peer", to)
	}
	body, err := encode(in)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", to, err)
	}
	req, err := http.NewRequestWithContext(ctx, method, l.url+path, body)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", to, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(wire.HeaderConnector, string(m.o.Self))
	req.Header.Set(wire.HeaderZone, m.o.Zone)
	resp, err := l.requests.RoundTrip(req)
	if err != nil {
		return nil, fmt.Errorf("ask %s for %s: %w", to, path, wire.ClipError(err))
	}
	if resp.StatusCode/100 != 2 {
		defer resp.Body.Close()
		return nil, fmt.Errorf("ask %s for %s: %w", to, path, wire.ReadProblem(resp))
	}
	return resp, nil
}

func encode(in any) (io.Reader, error) {
	if in == nil {
		return http.NoBody, nil
	}
	b, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	return bytes.NewReader(b), nil
}

// Way is how a peer is reached with requests: its URL, and the TLS that is good for
// its name alone. known says that it is a peer.
func (m *Mesh) Way(to site.FQDN) (url string, secure env.TLS, known bool) {
	l := m.link(to)
	if l == nil {
		return "", nil, false
	}
	return l.url, m.o.TLS.For(string(to)), true
}
