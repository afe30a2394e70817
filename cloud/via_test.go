package cloud_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"understudy/cloud"
	"understudy/env"
	"understudy/wire"
)

// NEW-03: through a peer no token is sent, and what that answers by itself is no answer
// of the cloud broker, not even a refusal.
func TestThroughAPeer(t *testing.T) {
	marked := false
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" || r.URL.Path != "/peer/v1/relay/cloud/v1/health" {
			t.Errorf("asked %s with %q", r.URL, r.Header.Get("Authorization"))
		}
		if marked {
			w.Header().Set(wire.HeaderVia, "CC2.example.")
			wire.WriteJSON(w, http.StatusOK, wire.CloudHealth{Site: "example"})
			return
		}
		wire.WriteError(w, wire.NewProblem(http.StatusForbidden, wire.CodeNotInZone, "who are you"))
	}))
	defer s.Close()
	c, err := cloud.New(cloud.Options{
		Env: env.Real(), URL: s.URL + "/peer/v1/relay", Site: "example", Connector: "cc1.example", Zone: "east", Token: env.Always("secret"), Via: "cc2.example",
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Health(t.Context()); err == nil || wire.IsCode(err, wire.CodeNotInZone) || !strings.Contains(err.Error(), "who are you") {
		t.Errorf("a peer's own refusal: %v", err)
	}
	marked = true
	if _, err := c.Health(t.Context()); err != nil {
		t.Errorf("passed on: %v", err)
	}
}

// What is passed on names the peer that asks, is marked, and carries the own token.
func TestPassedOn(t *testing.T) {
	var got *http.Request
	c := client(t, func(w http.ResponseWriter, r *http.Request) { got = r; w.WriteHeader(http.StatusNoContent) })
	resp, err := c.Pass(t.Context(), wire.Passed{Peer: "cc2.example", Method: http.MethodPut, Target: "/vda/v1/registrations/x?a=b", Body: strings.NewReader("{}")})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	h := got.Header
	if h.Get(wire.HeaderConnector) != "cc2.example" || h.Get(wire.HeaderVia) != "cc1.example" || h.Get("Authorization") != "Bearer secret" || got.RequestURI != "/vda/v1/registrations/x?a=b" {
		t.Errorf("%s %v", got.RequestURI, h)
	}
}
