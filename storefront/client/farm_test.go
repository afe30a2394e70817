package client_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"

	"understudy/wire"
)

// farm is connectors in memory: an http.RoundTripper that answers by host.
type farm struct {
	mu      sync.Mutex // guards log, answers, keys
	log     []string
	keys    []string // idempotency
	answers map[string]func(r *http.Request) (int, any)
}

func newFarm() *farm { return &farm{answers: map[string]func(*http.Request) (int, any){}} }

// set says what a connector answers on a path: "cc1 heartbeat".
func (f *farm) set(name string, status int, body any) {
	f.setFunc(name, func(*http.Request) (int, any) { return status, body })
}

func (f *farm) setFunc(name string, answer func(*http.Request) (int, any)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers[name] = answer
}

func (f *farm) good(host, zone string) {
	f.set(host+" heartbeat", 200, wire.FrontHeartbeat{Farm: "acme", Zone: zone})
}

func (f *farm) RoundTrip(r *http.Request) (*http.Response, error) {
	name := r.URL.Host + " " + r.URL.Path[len("/storefront/v1/"):]
	f.mu.Lock()
	f.log = append(f.log, name)
	f.keys = append(f.keys, r.Header.Get("Idempotency-Key"))
	answer := f.answers[name]
	f.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer secret" {
		return nil, errors.New("no key shown")
	}
	if answer == nil {
		return nil, errors.New("connection refused")
	}
	status, body := answer(r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return respond(status, body)
}

func respond(status int, body any) (*http.Response, error) {
	b, err := json.Marshal(body)
	header := http.Header{}
	if p, ok := body.(*wire.Problem); ok && p.RetryAfter > 0 {
		header.Set("Retry-After", fmt.Sprint(int(p.RetryAfter.Seconds())))
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(bytes.NewReader(b))}, err
}

// taken returns what was asked since the last call, heartbeats left out.
func (f *farm) taken() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	log := slices.DeleteFunc(f.log, func(s string) bool { return s[len(s)-len("heartbeat"):] == "heartbeat" })
	f.log = nil
	return log
}
