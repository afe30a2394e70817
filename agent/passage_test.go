package agent

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5"

	"understudy/relay"
	"understudy/site"
	"understudy/wire"
)

// reached is a cloud broker that answers checks.
type reached struct{}

func (reached) Health(context.Context) (wire.CloudHealth, error) { return wire.CloudHealth{}, nil }

func (reached) Forward(context.Context, string, string, http.Header, []byte) (*http.Response, error) {
	return nil, errors.New("not asked here")
}

func (reached) Calls(context.Context) (io.ReadWriteCloser, error) { return nil, errors.New("none") }

// NEW-03: a connector passes on what the cloud contract has for connectors, of its own
// site and in the name of who asks, and nothing else: it is no open proxy.
func TestWhatIsPassedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := muted(Options{Site: "s", FQDN: "cc2.example", PeerRelay: true})
		var passed []wire.Passed
		var err error
		a.relay, err = relay.New(relay.Options{
			Env: a.o.Env, Self: a.o.FQDN, Cloud: reached{}, Call: func(context.Context, wire.Call) wire.CallAnswer { return wire.CallAnswer{} },
			Pass: func(_ context.Context, p wire.Passed) (*http.Response, error) {
				passed = append(passed, p)
				return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody, ContentLength: 0}, nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- a.relay.Run(ctx) }()
		time.Sleep(time.Second)
		routes := newRouter()
		routes.Route(passPath, func(r chi.Router) { a.passRoutes(r) })
		for request, want := range map[string]string{
			"GET /cloud/v1/health":                                 "GET /cloud/v1/health",
			"GET /cloud/v1/sites/s/configuration?since=h-1":        "GET /cloud/v1/sites/s/configuration?since=h-1",
			"POST /cloud/v1/sites/s/connectors/CC1.example./calls": "POST /cloud/v1/sites/s/connectors/CC1.example./calls",
			"POST /storefront/v1/sessions?dry_run=true":            "POST /storefront/v1/sessions?dry_run=true",
			"PUT /vda/v1/registrations/abc":                        "PUT /vda/v1/registrations/abc",
			"GET /cloud/v1/sites/other/configuration":              "",
			"POST /cloud/v1/sites/s/connectors/cc3.example/calls":  "",
			"GET /cloud/v1/sites/s":                                "",
			"PUT /cloud/v1/sites/s":                                "",
			"GET /cloud/v1/sites/s/findings":                       "",
			"GET /cloud/v1/sites/s%2f..%2fother/configuration":     "",
			"GET //elsewhere.example/":                             "",
			"GET /http://elsewhere.example/cloud/v1/health":        "",
			"GET @elsewhere.example/cloud/v1/health":               "",
			"GET /admin/v1/status":                                 "",
			"GET /peer/v1/relay/cloud/v1/health":                   "",
		} {
			passed = nil
			method, path, _ := strings.Cut(request, " ")
			r := httptest.NewRequestWithContext(ctx, method, passPath+path, strings.NewReader("{}"))
			r.Header.Set(wire.HeaderConnector, "CC1.example.")
			w := httptest.NewRecorder()
			routes.ServeHTTP(w, r)
			got := ""
			for _, p := range passed {
				got = p.Method + " " + p.Target
				if p.Peer != "cc1.example" {
					t.Errorf("%s is passed on for %s", request, p.Peer)
				}
			}
			if got != want || want == "" && w.Header().Get(wire.HeaderVia) != "" {
				t.Errorf("%s: passed on %q, answered %d %s", request, got, w.Code, w.Body)
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// NEW-03: only a peer that says that it reaches the cloud broker directly is asked, and
// each connector begins with the next by name.
func TestWhichPeersAreAsked(t *testing.T) {
	word := func(name site.FQDN, change func(*wire.Facts)) peerWord {
		p := peerWord{fqdn: name, heard: true, facts: wire.Facts{Checked: true, Healthy: true, Relays: true}}
		if change != nil {
			change(&p.facts)
		}
		return p
	}
	got := relaying("cc3", []peerWord{
		word("cc1", nil),
		word("cc2", func(f *wire.Facts) { f.Via = "cc1" }),
		word("cc4", func(f *wire.Facts) { f.Relays = false }),
		word("cc5", nil),
		word("cc6", func(f *wire.Facts) { f.Leaving = true }),
		{fqdn: "cc7", facts: wire.Facts{Relays: true}},
	})
	if want := []site.FQDN{"cc5", "cc1"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
