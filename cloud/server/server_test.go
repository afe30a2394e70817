package server_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/cloud"
	"understudy/cloud/server"
	"understudy/datadir"
	"understudy/env"
	"understudy/site"
	"understudy/wire"
)

const (
	connectorSecret = "connector-secret-0001"
	boundSecret     = "connector-secret-0002"
	adminSecret     = "admin-secret-00000001"
)

func tokens() []server.Token {
	return []server.Token{
		server.NewToken("zone", server.Connector, connectorSecret),
		server.NewToken("cc1.example", server.Connector, boundSecret),
		server.NewToken("ops", server.Admin, adminSecret),
	}
}

// running is a cloud broker that the test can stop and start again.
type running struct {
	*server.Server
	stop func()
}

func options(t testing.TB, data string) server.Options {
	t.Helper()
	logger := logrus.New()
	logger.SetOutput(t.Output())
	return server.Options{Env: env.Real(), Data: data, Site: "example", Listen: "127.0.0.1:0", Tokens: tokens, Logger: logger}
}

func start(t testing.TB, data string) running {
	t.Helper()
	return startWith(t, options(t, data))
}

func startWith(t testing.TB, o server.Options) running {
	t.Helper()
	s, err := server.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
	t.Cleanup(stop)
	return running{s, stop}
}

func (r running) client(t testing.TB, token string, as site.FQDN) *cloud.Client {
	t.Helper()
	c, err := cloud.New(cloud.Options{
		Env: env.Real(), URL: "http://" + r.Addr().String(), Site: "example", Connector: as, Zone: "east", Token: env.Always(token), Timeout: 5 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func exampleSite() *site.Site {
	connector := func(name string) site.Connector {
		return site.Connector{FQDN: site.FQDN(name), Zone: "east", ClientURL: "https://" + name + ":7480", PeerURL: "https://" + name + ":7489"}
	}
	return &site.Site{
		Name:         "example",
		Zones:        []site.Zone{{Name: "east"}},
		Connectors:   []site.Connector{connector("cc1.example"), connector("cc2.example")},
		Groups:       []site.DeliveryGroup{{Name: "Own", Kind: site.Assigned, Zones: []string{"east"}, Desktop: "Mine"}},
		Machines:     []site.Machine{{Name: "d1.example", Group: "Own", Zone: "east"}, {Name: "d2.example", Group: "Own", Zone: "east"}},
		Users:        []site.User{{Name: "alice"}, {Name: "bob"}},
		Entitlements: []site.Entitlement{{User: "alice", Desktop: "Own"}},
	}
}

// LHC-01: versions and content survive a restart, and numbers go on.
func TestSiteSurvivesRestart(t *testing.T) {
	data := t.TempDir()
	first := start(t, data)
	was, err := first.client(t, adminSecret, "").PutSite(t.Context(), exampleSite(), site.Version{})
	if err != nil {
		t.Fatal(err)
	}
	first.stop()

	admin := start(t, data).client(t, adminSecret, "")
	is, err := admin.Site(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if is.Version != was.Version || is.Digest != was.Digest || len(is.Site.Machines) != 2 {
		t.Errorf("got %+v, want %+v", is, was)
	}
	changed := exampleSite()
	changed.Machines = changed.Machines[:1]
	next, err := admin.PutSite(t.Context(), changed, is.Version)
	if err != nil {
		t.Fatal(err)
	}
	if next.Version.History != was.Version.History || next.Version.Number != was.Version.Number+1 {
		t.Errorf("version %s after %s", next.Version, was.Version)
	}
}

func TestNewStoreHasNoSiteYet(t *testing.T) {
	s := start(t, t.TempDir())
	if h, err := s.client(t, connectorSecret, "cc1.example").Health(t.Context()); err != nil || !h.Version.IsZero() {
		t.Errorf("health %+v, %v", h, err)
	}
	_, _, err := s.client(t, connectorSecret, "cc1.example").Configuration(t.Context(), wire.ConfigAsk{})
	if !wire.IsCode(err, wire.CodeNotFound) {
		t.Errorf("configuration: %v, want not_found", err)
	}
}

// A data folder in use by another process, or of another site: a clear refusal.
func TestFolderIsRefused(t *testing.T) {
	data := t.TempDir()
	first := start(t, data)
	if _, err := server.New(options(t, data)); !errors.Is(err, datadir.ErrInUse) {
		t.Errorf("in use: %v", err)
	}
	first.stop()
	o := options(t, data)
	o.Site = "another"
	if _, err := server.New(o); err == nil || !strings.Contains(err.Error(), `it holds site "example" and not "another"`) {
		t.Errorf("another site: %v", err)
	}
	if err := os.WriteFile(filepath.Join(data, "cloud.db"), []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := server.New(options(t, data)); err == nil || !strings.Contains(err.Error(), "open the store") {
		t.Errorf("no database: %v", err)
	}
}

// A connector's token that names the connector is good for that one alone.
func TestTokenIsBoundToItsConnector(t *testing.T) {
	s := start(t, t.TempDir())
	if _, err := s.client(t, adminSecret, "").PutSite(t.Context(), exampleSite(), site.Version{}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		as     site.FQDN
		secret string
		want   int
	}{
		{"cc1.example", boundSecret, http.StatusNotFound},
		{"cc2.example", boundSecret, http.StatusForbidden},
		{"cc2.example", connectorSecret, http.StatusNotFound},
	} {
		resp, err := s.client(t, c.secret, c.as).Forward(t.Context(), http.MethodGet, "/vda/v1/registrations/x", nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.want {
			t.Errorf("as %s: %d, want %d", c.as, resp.StatusCode, c.want)
		}
	}
}

// An open call stream and a client that hangs do not hold up the stop.
func TestStopIsBounded(t *testing.T) {
	s := start(t, t.TempDir())
	if _, err := s.client(t, adminSecret, "").PutSite(t.Context(), exampleSite(), site.Version{}); err != nil {
		t.Fatal(err)
	}
	stream, err := s.client(t, connectorSecret, "cc1.example").Calls(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	conn, err := env.Real().Dial(t.Context(), "tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("PUT /cloud/v1/sites/example HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + adminSecret + "\r\nContent-Length: 1000\r\n\r\n{")); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	s.stop()
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("the stop took %s", took)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	o := options(t, t.TempDir())
	o.Tokens = nil
	if _, err := server.New(o); err == nil || err.Error() != "server: Tokens are missing" {
		t.Errorf("got %v", err)
	}
}

// NEW-02: "at a pace the cloud broker asks for": registrations beyond the bound are
// answered 429 with Retry-After, and nothing else is.
func TestRegistrationsAreBounded(t *testing.T) {
	o := options(t, t.TempDir())
	o.RegistrationRate = 2
	s := startWith(t, o)
	if _, err := s.client(t, adminSecret, "").PutSite(t.Context(), exampleSite(), site.Version{}); err != nil {
		t.Fatal(err)
	}
	c := s.client(t, connectorSecret, "cc1.example")
	ask := func(method, path string) (status int, retryAfter string) {
		resp, err := c.Forward(t.Context(), method, path, http.Header{}, []byte(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		if err := resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, resp.Header.Get("Retry-After")
	}
	refused := 0
	for range 20 {
		if status, retryAfter := ask(http.MethodPost, "/vda/v1/registrations"); status == http.StatusTooManyRequests {
			refused++
			if retryAfter == "" {
				t.Error("got 429 without Retry-After")
			}
		}
	}
	if refused < 10 {
		t.Errorf("%d of 20 registrations at once were refused", refused)
	}
	if status, _ := ask(http.MethodPut, "/vda/v1/registrations/l1"); status == http.StatusTooManyRequests {
		t.Error("a heartbeat was refused")
	}
}
