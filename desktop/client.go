package desktop

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"understudy/wire"
)

// request is one that any connector of the zone may answer.
type request struct {
	method, path string
	in, out      any
}

// rounds sends requests to the connectors, one after the other until one answers.
type rounds struct {
	client  *http.Client
	timeout time.Duration
	// present is the connector that answered last, notBefore who asked for a pause.
	present   string
	notBefore map[string]time.Time
	// resume is when the broker behind all of them wants to be asked again.
	resume time.Time
}

// do tries the connectors in order. A connector that names the elected one is
// followed at once, for one hop. A refusal that the caller must act on (404
// lease_unknown), or a broker's that has too many requests, ends the round; any
// other failure leads to the next connector.
func (r *rounds) do(ctx context.Context, addresses []string, q request) error {
	var failures []error
	tried, hopped := map[string]bool{}, false
	for todo := addresses; len(todo) > 0; {
		address := base(todo[0])
		todo = todo[1:]
		if tried[address] || time.Now().Before(r.notBefore[address]) {
			continue
		}
		tried[address] = true
		err := r.send(ctx, address, q)
		if err == nil || wire.IsCode(err, wire.CodeLeaseUnknown) {
			r.present = address
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		failures = append(failures, fmt.Errorf("%s: %w", address, err))
		if p, ok := errors.AsType[*wire.Problem](err); ok && p.Status == http.StatusTooManyRequests {
			r.resume = time.Now().Add(min(p.RetryAfter, longestAfter))
			break
		}
		if next := elected(err, address, addresses); next != "" && !hopped {
			hopped = true
			todo = append([]string{next}, todo...)
		}
	}
	if len(failures) == 0 {
		return errors.New("every connector asked for a pause")
	}
	return errors.Join(failures...)
}

func elected(err error, from string, known []string) string {
	p, ok := errors.AsType[*wire.Problem](err)
	if !ok || p.Code != wire.CodeNotElected {
		return ""
	}
	return hint(from, p.ElectedURL, p.Elected, known)
}

func (r *rounds) send(ctx context.Context, address string, q request) error {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	req, err := newRequest(ctx, address, q)
	if err != nil {
		return err
	}
	resp, err := r.client.Do(req)
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err // its URL names the lease, which is a secret
	}
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	delete(r.notBefore, address)
	if resp.StatusCode/100 != 2 {
		p := wire.ReadProblem(resp)
		if p.RetryAfter > 0 {
			r.notBefore[address] = time.Now().Add(min(p.RetryAfter, longestAfter))
		}
		return p
	}
	return readAnswer(resp, q.out)
}

func newRequest(ctx context.Context, address string, q request) (*http.Request, error) {
	var body io.Reader
	if q.in != nil {
		b, err := json.Marshal(q.in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, q.method, address+q.path, body)
	if err == nil && q.in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, err
}

func readAnswer(resp *http.Response, out any) error {
	body := io.LimitReader(resp.Body, wire.MaxRegistration)
	if out == nil {
		_, err := io.Copy(io.Discard, body)
		return err
	}
	if err := json.NewDecoder(body).Decode(out); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return nil
}

// pause is how long the connectors have asked to be left alone, all of them.
func (r *rounds) pause(addresses []string) time.Duration {
	var first time.Duration
	for _, address := range addresses {
		left := time.Until(r.notBefore[base(address)])
		if left <= 0 {
			return 0
		}
		if first == 0 || left < first {
			first = left
		}
	}
	return first
}
