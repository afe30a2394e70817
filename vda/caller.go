package vda

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"understudy/broker"
	"understudy/env"
	"understudy/site"
	"understudy/wire"
)

// CallTimeout bounds one call of a desktop host.
const CallTimeout = 3 * time.Second

// ResetCall asks a host to reset itself.
func ResetCall(r broker.Reset) wire.Call {
	body, _ := json.Marshal(wire.Reset{Lease: r.Lease, Term: r.Term}) // two plain fields
	return wire.Call{Machine: r.Machine, Callback: r.Callback, Method: http.MethodPost, Path: "/v1/reset", Body: body}
}

// Caller calls desktop hosts at their callbacks.
type Caller struct {
	Client *http.Client
}

// Call makes the request and returns the host's answer, whatever its status. An
// error means that there is none; it is machine_gone where nobody listens.
func (c Caller) Call(ctx context.Context, call wire.Call) (wire.CallAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, CallTimeout)
	defer cancel()
	req, err := callRequest(ctx, call)
	if err != nil {
		return wire.CallAnswer{}, fmt.Errorf("call %s: %w", call.Machine, err)
	}
	client := *c.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	if env.NobodyListens(err) {
		return wire.CallAnswer{}, wire.Problemf(http.StatusBadGateway, wire.CodeGone, "nobody listens at the callback of %s", call.Machine)
	}
	if err != nil {
		return wire.CallAnswer{}, fmt.Errorf("call %s: %w", call.Machine, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := readCallBody(resp.Body)
	if err != nil {
		return wire.CallAnswer{}, fmt.Errorf("call %s: read the answer: %w", call.Machine, err)
	}
	return wire.CallAnswer{ID: call.ID, Status: resp.StatusCode, Body: body}, nil
}

// callRequest refuses what is no call of the callback API, so that nobody can have
// a connector send anything else.
func callRequest(ctx context.Context, call wire.Call) (*http.Request, error) {
	if fault := site.URLFault(call.Callback); fault != "" {
		return nil, fmt.Errorf("callback %s", fault)
	}
	if call.Method != http.MethodPost && call.Method != http.MethodDelete || !callPath(call.Path) {
		return nil, fmt.Errorf("%s %s is not a call of a desktop host", call.Method, call.Path)
	}
	target := strings.TrimSuffix(call.Callback, "/") + call.Path
	req, err := http.NewRequestWithContext(ctx, call.Method, target, bytes.NewReader(call.Body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	return req, nil
}

// callPath reports whether a path stays within the callback API.
func callPath(p string) bool {
	u, err := url.Parse(p)
	return err == nil && strings.HasPrefix(p, "/v1/") && path.Clean(u.Path) == u.Path
}

// readCallBody reads a body of JSON, or none.
func readCallBody(r io.Reader) (json.RawMessage, error) {
	body, err := io.ReadAll(io.LimitReader(r, wire.MaxRegistration+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > wire.MaxRegistration:
		return nil, fmt.Errorf("it is larger than %d bytes", wire.MaxRegistration)
	case len(bytes.TrimSpace(body)) == 0:
		return nil, nil
	case !json.Valid(body):
		return nil, errors.New("it is not JSON")
	}
	return body, nil
}
