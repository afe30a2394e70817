package client_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"understudy/env"
	"understudy/storefront/client"
)

// A launch can be had as a file: it is asked for by its media type, taken as it comes,
// and nothing else is taken for it.
func TestLaunchFile(t *testing.T) {
	typ := "application/x-rdp; charset=utf-8"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/heartbeat") {
			_, _ = w.Write([]byte("{}"))
			return
		}
		if got := r.Header.Get("Accept"); got != "application/x-rdp" {
			t.Errorf("Accept %q", got)
		}
		w.Header().Set("Content-Type", typ)
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write([]byte("full address:s:a\r\n"))
	}))
	defer server.Close()
	c, err := client.New(client.Options{Env: env.Real(), Connectors: []string{server.URL}})
	if err != nil {
		t.Fatal(err)
	}
	c.Beat(t.Context())
	if got, err := c.LaunchFile(t.Context(), bob, "application/x-rdp"); err != nil || string(got) != "full address:s:a\r\n" {
		t.Errorf("got %q, %v", got, err)
	}
	typ = "application/json"
	c.Beat(t.Context())
	if got, err := c.LaunchFile(t.Context(), bob, "application/x-rdp"); err == nil || !strings.Contains(err.Error(), "application/json") {
		t.Errorf("JSON instead: got %q, %v", got, err)
	}
}

// A client that reads JSON says so: a group that prefers another form would answer in
// that.
func TestLaunchAsksForJSON(t *testing.T) {
	asked := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.Header.Get("Accept")
		_, _ = w.Write([]byte("{}"))
	}))
	defer server.Close()
	c, err := client.New(client.Options{Env: env.Real(), Connectors: []string{server.URL}})
	if err != nil {
		t.Fatal(err)
	}
	c.Beat(t.Context())
	if _, err := c.Launch(t.Context(), bob); err != nil || asked != "application/json" {
		t.Errorf("Accept %q, %v", asked, err)
	}
}
