package contract_test

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/cloud/contract"
	"understudy/cloud/server"
	"understudy/env"
)

const (
	connectorToken = "connector-secret-0001"
	adminToken     = "admin-secret-00000001"
)

// start runs our cloud broker for the test and returns its URL.
func start(t *testing.T) string {
	t.Helper()
	logger := logrus.New()
	logger.SetOutput(t.Output())
	s, err := server.New(server.Options{
		Env: env.Real(), Data: t.TempDir(), Site: "contract", Listen: "127.0.0.1:0", KeepAlive: 500 * time.Millisecond, Logger: logger,
		Tokens: env.Always([]server.Token{server.NewToken("zone", server.Connector, connectorToken), server.NewToken("ops", server.Admin, adminToken)}),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the cloud broker ended with %v", err)
		}
	})
	return "http://" + s.Addr().String()
}

func options(url string) contract.Options {
	return contract.Options{Env: env.Real(), URL: url, Site: "contract", Connector: connectorToken, Admin: adminToken, Scratch: true}
}

// Our own cloud broker keeps the whole contract, and does so again with the site
// that the first run left, when nothing may be changed.
func TestOurCloudBrokerPasses(t *testing.T) {
	o := options(start(t))
	for _, scratch := range []bool{true, false} {
		o.Scratch = scratch
		report, err := contract.Run(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range report.Checks {
			if c.Outcome == contract.Failed {
				t.Errorf("scratch %t: %s: %s", scratch, c.Name, c.Reason)
			}
		}
		if got := report.Count(contract.Skipped) == 0; got != scratch {
			t.Errorf("scratch %t: %d checks were skipped", scratch, report.Count(contract.Skipped))
		}
	}
}

// A broker that breaks a sentence of the contract fails exactly there.
func TestBreachesAreFound(t *testing.T) {
	cases := []struct{ name, target, want string }{
		{"health without a token", "/cloud/v1/health", "health: 401 unauthorized without a token"},
		{"configuration", "/cloud/v1/sites/contract/configuration", "configuration: 304 without a body while nothing changed (LHC-01)"},
		{"lease", "/vda/v1/registrations/nobodys", "lease: 404 lease_unknown for a lease that nobody holds"},
		{"resources", "/storefront/v1/resources", "resources: a dry run lists what a user may launch"},
	}
	url := start(t)
	o := options(url)
	if _, err := contract.Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			proxy := httptest.NewServer(lying(t, url, c.target))
			defer proxy.Close()
			o := options(proxy.URL)
			o.Scratch = false
			report, err := contract.Run(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			if got := outcome(report, c.want); got != contract.Failed {
				t.Errorf("%s: %q, want failed", c.want, got)
			}
			if report.OK() || report.Count(contract.Passed) == 0 {
				t.Errorf("%d passed, %d failed", report.Count(contract.Passed), report.Count(contract.Failed))
			}
		})
	}
}

func outcome(r contract.Report, name string) contract.Outcome {
	for _, c := range r.Checks {
		if c.Name == name {
			return c.Outcome
		}
	}
	return ""
}

// lying passes everything on but one path, which gets a cheerful page.
func lying(t *testing.T, url, target string) http.Handler {
	t.Helper()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == target {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<html>All is well.</html>")
			return
		}
		body, _ := io.ReadAll(r.Body)
		q, err := http.NewRequestWithContext(r.Context(), r.Method, url+r.URL.RequestURI(), bytes.NewReader(body))
		if err != nil {
			t.Error(err)
			return
		}
		q.Header = r.Header
		resp, err := http.DefaultTransport.RoundTrip(q)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		maps.Copy(w.Header(), resp.Header)
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
	})
}

func TestOptionsAreChecked(t *testing.T) {
	o := options("http://127.0.0.1:1")
	o.Admin = ""
	if _, err := contract.Run(t.Context(), o); err == nil || err.Error() != "contract: Admin token is missing" {
		t.Errorf("got %v", err)
	}
}
