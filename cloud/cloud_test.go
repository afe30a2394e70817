package cloud_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"understudy/cloud"
	"understudy/env"
	"understudy/site"
	"understudy/wire"
)

func client(t testing.TB, handler http.HandlerFunc) *cloud.Client {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	c, err := cloud.New(cloud.Options{
		Env: env.Real(), URL: s.URL + "/", Site: "example", Connector: "cc1.example", Zone: "east", Token: env.Always("secret"), Timeout: 200 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func page(status int, typ, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", typ)
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// A health check succeeds only with a complete answer about our own site.
func TestHealth(t *testing.T) {
	cases := []struct {
		name    string
		handler http.HandlerFunc
		want    string // in the error; empty for none
	}{
		{"our site", page(200, "application/json", `{"site":"example","version":{"history":"h","number":1}}`), ""},
		{"another site", page(200, "application/json", `{"site":"other"}`), `it serves site "other"`},
		{"a page", page(200, "text/html", "<html>"), `"text/html"`},
		{"half an answer", page(200, "application/json", `{"site":"exam`), "read the answer"},
		{"two answers", page(200, "application/json", `{"site":"example"}{}`), "more than one"},
		{"a redirect", page(302, "text/html", ""), "302"},
		{"refused", page(401, "application/problem+json", `{"code":"unauthorized"}`), "unauthorized"},
		{"an error", page(500, "text/plain", "oops"), "500"},
		{"no answer", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "deadline"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := client(t, c.handler).Health(t.Context())
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// LHC-01: "changed?" costs no body.
func TestConfigurationUnchanged(t *testing.T) {
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") == `"abc"` && r.URL.Path == "/cloud/v1/sites/example/configuration" && r.Header.Get("Authorization") == "Bearer secret" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("Content-Type", cloud.ConfigurationType)
		_, _ = io.WriteString(w, "a stream")
	})
	stream, unchanged, err := c.Configuration(t.Context(), wire.ConfigAsk{Digest: "abc"})
	if err != nil || unchanged != "abc" || stream != nil {
		t.Errorf("the same: %v, %q, %v", stream, unchanged, err)
	}
	stream, unchanged, err = c.Configuration(t.Context(), wire.ConfigAsk{})
	if err != nil || unchanged != "" {
		t.Fatalf("another: %q, %v", unchanged, err)
	}
	defer stream.Close()
	if got, err := io.ReadAll(stream); err != nil || string(got) != "a stream" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestConfigurationRefusesWhatIsNone(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{
		"a page":    page(200, "text/html", "<html>"),
		"an error":  page(500, "text/plain", ""),
		"no answer": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		stream, unchanged, err := client(t, handler).Configuration(t.Context(), wire.ConfigAsk{Digest: "abc"})
		if err == nil || unchanged != "" || stream != nil {
			t.Errorf("%s: %v, %q, %v", name, stream, unchanged, err)
		}
	}
}

// The time-out bounds the wait for a stream, and each silence in it, not its
// whole reading.
func TestConfigurationMayTakeItsTime(t *testing.T) {
	c := client(t, func(w http.ResponseWriter, r *http.Request) { trickle(w, r, 8, 50*time.Millisecond) })
	stream, _, err := c.Configuration(t.Context(), wire.ConfigAsk{})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	if got, err := io.ReadAll(stream); err != nil || string(got) != "........" {
		t.Errorf("got %q, %v", got, err)
	}
}

// A stream that stalls must not hold up syncs.
func TestConfigurationDoesNotStall(t *testing.T) {
	c := client(t, func(w http.ResponseWriter, r *http.Request) { trickle(w, r, 2, time.Minute) })
	stream, _, err := c.Configuration(t.Context(), wire.ConfigAsk{})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	if got, err := io.ReadAll(stream); err == nil || !strings.Contains(err.Error(), "nothing came for 200ms") || string(got) != "." {
		t.Errorf("got %q, %v; want what came, and that nothing more did", got, err)
	}
}

// trickle sends a stream of dots with pauses between them.
func trickle(w http.ResponseWriter, r *http.Request, dots int, pause time.Duration) {
	w.Header().Set("Content-Type", cloud.ConfigurationType)
	for range dots {
		_, _ = io.WriteString(w, ".")
		_ = http.NewResponseController(w).Flush()
		select {
		case <-time.After(pause):
		case <-r.Context().Done():
			return
		}
	}
}

func TestPutSiteTellsTheFaults(t *testing.T) {
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-Match") != `"h-3"` {
			t.Errorf("If-Match %s", r.Header.Get("If-Match"))
		}
		p := wire.NewProblem(http.StatusUnprocessableEntity, wire.CodeInvalidSite, "")
		p.Faults = []site.Fault{{Path: "zones", Text: "is empty"}}
		wire.WriteError(w, p)
	})
	_, err := c.PutSite(t.Context(), &site.Site{Name: "example"}, site.Version{History: "h", Number: 3})
	if !wire.IsCode(err, wire.CodeInvalidSite) {
		t.Errorf("got %v", err)
	}
}

// A cloud broker that does not take the call stream is a bounded wait.
func TestCallsAreABoundedWait(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	defer s.Close()
	c, err := cloud.New(cloud.Options{Env: env.Real(), URL: s.URL, Site: "example", Connector: "cc1.example", Timeout: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if stream, err := c.Calls(ctx); err == nil || ctx.Err() != nil {
		t.Errorf("got %v, %v", stream, err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	if _, err := cloud.New(cloud.Options{Env: env.Real(), URL: "cloud:7443", Site: "example"}); err == nil || !strings.Contains(err.Error(), "URL") {
		t.Errorf("got %v", err)
	}
}
