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
	launch := func() ([]byte, error) {
		c, err := client.New(client.Options{Env: env.Real(), Connectors: []string{server.URL}})
		if err != nil {
			t.Fatal(err)
		}
		return c.LaunchFile(t.Context(), bob, "application/x-rdp")
	}
	if got, err := launch(); err != nil || string(got) != "full address:s:a\r\n" {
		t.Errorf("got %q, %v", got, err)
	}
	typ = "application/json"
	if got, err := launch(); err == nil || !strings.Contains(err.Error(), "application/json") {
		t.Errorf("JSON instead: got %q, %v", got, err)
	}
}
