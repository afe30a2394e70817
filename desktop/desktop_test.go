package desktop_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/desktop"
	"understudy/env"
	"understudy/wire"
)

func options(t *testing.T) desktop.Options {
	t.Helper()
	log := logrus.New()
	log.SetOutput(t.Output())
	return desktop.Options{
		Env: env.Real(), Machines: []desktop.Machine{{Name: "d1.example.test"}}, Zone: "Berlin", Data: t.TempDir(),
		Connectors: [][]string{{connector("a1")}}, Listen: "127.0.0.1:0", Logger: log,
	}
}

func TestOptions(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*desktop.Options)
		want   string
	}{
		"no machine":       {func(o *desktop.Options) { o.Machines = nil }, "Machines is missing"},
		"two real ones":    {func(o *desktop.Options) { o.Machines = append(o.Machines, desktop.Machine{Name: "d2"}) }, "only simulated machines"},
		"the same twice":   {func(o *desktop.Options) { o.Machines = append(o.Machines, o.Machines[0]) }, "there twice"},
		"bad name":         {func(o *desktop.Options) { o.Machines[0].Name = "a b" }, "Machines[0]"},
		"no connector":     {func(o *desktop.Options) { o.Connectors = nil }, "Connectors is missing"},
		"bad connector":    {func(o *desktop.Options) { o.Connectors[0][0] = "cc01:7480" }, "Connectors[0][0]"},
		"no zone":          {func(o *desktop.Options) { o.Zone = "" }, "Zone is missing"},
		"no listener":      {func(o *desktop.Options) { o.Listen = "" }, "Listen is missing"},
		"no logger":        {func(o *desktop.Options) { o.Logger = nil }, "Logger is missing"},
		"no random source": {func(o *desktop.Options) { o.Env.Rand = nil }, "Rand is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t)
			c.change(&o)
			if _, err := desktop.New(o); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// "A data folder that is not writable or in use by another process: a clear
// refusal."
func TestDataFolderInUse(t *testing.T) {
	o := options(t)
	first, err := desktop.New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer runtime.KeepAlive(first) // with its lock
	if _, err := desktop.New(o); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("got %v, want a refusal of the folder that is in use", err)
	}
	o.Data = filepath.Join(o.Data, "LOCK")
	if _, err := desktop.New(o); err == nil || !strings.Contains(err.Error(), "is not writable") {
		t.Errorf("got %v, want a refusal of what is no folder", err)
	}
}

func TestDamagedStateStopsTheStart(t *testing.T) {
	o := options(t)
	if err := os.WriteFile(filepath.Join(o.Data, "desktop.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := desktop.New(o)
	if _, ok := errors.AsType[*desktop.DamagedError](err); !ok {
		t.Errorf("got %v, want a DamagedError", err)
	}
}

// What the host cannot make durable, it does not promise.
func TestFullDisk(t *testing.T) {
	bubble(t, 20, plain, func(r *rig) {
		t := r.t
		if err := os.RemoveAll(filepath.Join(r.options.Data, "pool-01.example.test")); err != nil {
			t.Fatal(err)
		}
		if got := r.prepare(t, "alice", "s1"); got != "500 disk_failed" {
			t.Errorf("got %s, want 500 disk_failed", got)
		}
		if err := os.Mkdir(filepath.Join(r.options.Data, "pool-01.example.test"), 0o700); err != nil {
			t.Fatal(err)
		}
		if got := r.prepare(t, "bob", "s2"); got != "201" {
			t.Errorf("got %s, want 201: alice was promised nothing", got)
		}
	})
}

func TestCallback(t *testing.T) {
	bubble(t, 21, plain, func(r *rig) {
		t := r.t
		if got := r.prepare(t, "alice", "s1"); got != "201" {
			t.Fatalf("prepare: got %s", got)
		}
		for _, c := range []struct {
			name, method, path string
			body               any
			want               string
		}{
			{"prepare again", "POST", "/v1/sessions", wire.Prepare{Lease: "lease1", Term: 1, Session: "s1", User: "Alice"}, "201"},
			{"unknown fields are ignored", "POST", "/v1/sessions", map[string]any{"lease": "lease1", "term": 1, "session": "s1", "user": "alice", "later": 1}, "201"},
			{"no user", "POST", "/v1/sessions", wire.Prepare{Lease: "lease1", Session: "s1"}, "400 bad_request"},
			{"no object", "POST", "/v1/sessions", "text", "400 bad_request"},
			{"too large", "POST", "/v1/sessions", strings.Repeat("x", 70<<10), "413 too_large"},
			{"unknown session", "DELETE", "/v1/sessions/none", nil, "404 not_found"},
			{"unknown simulated session", "POST", "/sim/v1/sessions/none/connect", nil, "404 not_found"},
			{"disconnect nobody", "POST", "/sim/v1/sessions/s1/disconnect", nil, "409 conflict"},
			{"connect", "POST", "/sim/v1/sessions/s1/connect", nil, "204"},
			{"withdraw under a user", "DELETE", "/v1/sessions/s1?withdraw=true", nil, "409 busy"},
			{"disconnect", "POST", "/v1/sessions/s1/disconnect", nil, "204"},
			{"disconnect nobody", "POST", "/v1/sessions/none/disconnect", nil, "404 not_found"},
			{"end", "DELETE", "/v1/sessions/s1", nil, "204"},
			{"end again", "DELETE", "/v1/sessions/s1", nil, "404 not_found"},
			{"alive", "GET", "/healthz", nil, "200"},
			{"no such path", "GET", "/v1/else", nil, "404 not_found"},
		} {
			if got := r.call(t, c.method, c.path, c.body); got != c.want {
				t.Errorf("%s: got %s, want %s", c.name, got, c.want)
			}
		}
	})
}

// A real host has no simulation paths, its machine's own name in its callback, and
// a socket that is gone after Run.
func TestRealHost(t *testing.T) {
	o := options(t)
	z := &fakeZone{start: time.Now()}
	registered := make(chan seen, 1)
	z.answer = func(s seen) (int, any, string) {
		if s.path == "/vda/v1/registrations" {
			registered <- s
		}
		return z.serve(s)
	}
	o.Transport = z
	a, err := desktop.New(o)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { done <- a.Run(ctx) }()
	body := decode[wire.Registration](t, <-registered)
	_, port, _ := strings.Cut(a.Addr().String(), ":")
	if want := "http://d1.example.test:" + port; body.Callback != want {
		t.Errorf("got callback %s, want %s", body.Callback, want)
	}
	for path, want := range map[string]int{"/healthz": 200, "/sim/v1/sessions": 404} {
		if got := status(t, "http://"+a.Addr().String()+path); got != want {
			t.Errorf("%s: got %d, want %d", path, got, want)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("run: %v", err)
	}
	if _, err := desktop.New(o); err != nil {
		t.Errorf("after Run: %v, want the folder free again", err)
	}
}

func status(t *testing.T, url string) int {
	t.Helper()
	client := &http.Client{Transport: env.Real().Transport(nil)}
	defer client.CloseIdleConnections()
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	return resp.StatusCode
}
