package vda_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"understudy/vda"
	"understudy/wire"
)

type host func(*http.Request) (*http.Response, error)

func (h host) RoundTrip(r *http.Request) (*http.Response, error) { return h(r) }

func answering(status int, body string) host {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{
			StatusCode: status, Body: io.NopCloser(strings.NewReader(body)),
			Header: http.Header{"Location": {"http://elsewhere.test/"}},
		}, nil
	}
}

func call() wire.Call {
	return wire.Call{ID: "7", Machine: "p1.example.test", Callback: "https://p1.example.test:7485/m/", Method: "POST", Path: "/v1/sessions", Body: json.RawMessage(`{"a":1}`)}
}

func TestCaller(t *testing.T) {
	for name, c := range map[string]struct {
		host   host
		status int
		body   string
		fails  bool
	}{
		"prepared":                    {answering(201, `{"port":1}`), 201, `{"port":1}`, false},
		"a refusal is an answer":      {answering(409, `{"code":"busy"}`), 409, `{"code":"busy"}`, false},
		"no body":                     {answering(204, ""), 204, "", false},
		"a redirect is not followed":  {answering(302, ""), 302, "", false},
		"HTML is no answer":           {answering(200, "<html>"), 0, "", true},
		"64 KiB is enough for anyone": {answering(200, `"`+strings.Repeat("x", wire.MaxRegistration)+`"`), 0, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			caller := vda.Caller{Client: &http.Client{Transport: c.host}}
			got, err := caller.Call(t.Context(), call())
			if (err != nil) != c.fails || got.Status != c.status || string(got.Body) != c.body {
				t.Errorf("got %+v %s, %v; want %d %s", got, got.Body, err, c.status, c.body)
			}
			if err == nil && got.ID != "7" {
				t.Errorf("got id %q, want 7", got.ID)
			}
		})
	}
}

func TestCallerSendsTheCall(t *testing.T) {
	var got *http.Request
	var body []byte
	caller := vda.Caller{Client: &http.Client{Transport: host(func(r *http.Request) (*http.Response, error) {
		got = r
		body, _ = io.ReadAll(r.Body)
		return answering(201, "")(r)
	})}}
	if _, err := caller.Call(t.Context(), call()); err != nil {
		t.Fatal(err)
	}
	if got.URL.String() != "https://p1.example.test:7485/m/v1/sessions" || got.Method != "POST" || string(body) != `{"a":1}` {
		t.Errorf("got %s %s %s", got.Method, got.URL, body)
	}
}

// A connector sends nothing but calls of the callback API.
func TestCallerRefuses(t *testing.T) {
	caller := vda.Caller{Client: &http.Client{Transport: answering(200, "")}}
	for name, change := range map[string]func(*wire.Call){
		"another method":  func(c *wire.Call) { c.Method = "GET" },
		"another path":    func(c *wire.Call) { c.Path = "/admin" },
		"another scheme":  func(c *wire.Call) { c.Callback = "file:///etc" },
		"no callback":     func(c *wire.Call) { c.Callback = "" },
		"a path upwards":  func(c *wire.Call) { c.Path = "/v1/../admin" },
		"an encoded path": func(c *wire.Call) { c.Path = "/v1/%2e%2e/admin" },
	} {
		c := call()
		change(&c)
		if _, err := caller.Call(t.Context(), c); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}

// Design 11: "A prepare has 3 s a machine".
func TestCallerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		caller := vda.Caller{Client: &http.Client{Transport: host(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, context.Cause(r.Context())
		})}}
		began := time.Now()
		if _, err := caller.Call(t.Context(), call()); err == nil || time.Since(began) != 3*time.Second {
			t.Errorf("got %v after %v, want an error after 3 s", err, time.Since(began))
		}
	})
}

// VPN-02: a host at which nobody listens is told from one that does not answer.
func TestCallerTellsWhoIsGone(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		gone bool
	}{
		"refused":  {&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, true},
		"no route": {&net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}, false},
		"reset":    {&net.OpError{Op: "read", Err: syscall.ECONNRESET}, false},
	} {
		caller := vda.Caller{Client: &http.Client{Transport: host(func(*http.Request) (*http.Response, error) { return nil, c.err })}}
		if _, err := caller.Call(t.Context(), call()); err == nil || wire.IsCode(err, wire.CodeGone) != c.gone {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
