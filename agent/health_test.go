package agent

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"understudy/cloud"
	"understudy/env"
	"understudy/relay"
	"understudy/wire"
	"understudy/zone"
)

// checkable is an agent with as much as its health paths look at; its cloud
// broker was never asked.
func checkable(t testing.TB, s stance) *Agent {
	t.Helper()
	a := withSnapshot(t, true)
	a.o.Env = env.Real()
	a.disk = &disk{log: newLog(&a.o)}
	client, err := cloud.New(cloud.Options{Env: a.o.Env, URL: "http://127.0.0.1:1", Site: "example", Connector: "c0", Zone: "berlin"})
	if err != nil {
		t.Fatal(err)
	}
	a.relay, err = relay.New(relay.Options{
		Env: a.o.Env, Cloud: client, Call: a.call, Term: func() uint64 { return 0 }, Authority: "STA",
		Interval: func() time.Duration { return time.Second }, Timeout: a.relayTimeout,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.self, s.until = "c0", time.Now().Add(time.Hour)
	a.stance.Store(&s)
	return a
}

func (a *Agent) probe(t testing.TB, path string) *httptest.ResponseRecorder {
	t.Helper()
	r := chi.NewRouter()
	a.healthRoutes(r)
	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

// Design 8: `/healthz` and `/health/*` are answered locally in every state: 200, or
// 503 with the reason.
func TestHealthPaths(t *testing.T) {
	elected := stance{state: zone.ExtendedHA, elected: "c0", serving: &serving{}}
	for _, c := range []struct {
		name, path string
		stance     stance
		status     int
		reason     string
	}{
		{"alive while it starts", "/healthz", stance{state: zone.Normal, starting: true}, 200, ""},
		{"the elected one", "/health/elected", elected, 200, ""},
		{"another one", "/health/elected", stance{state: zone.ExtendedHA, elected: "c1"}, 503, `"c1" is elected`},
		{"a starting one", "/health/elected", stance{state: zone.Normal, starting: true, elected: "c0"}, 503, "elected"},
		{"it brokers", "/health/broker", elected, 200, ""},
		{"it relays", "/health/broker", stance{state: zone.Normal, elected: "c1"}, 200, ""},
		{"LHC-22: it rejects", "/health/broker", stance{state: zone.InitialHA, elected: "c1"}, 503, "c1 serves"},
		{"it redeems", "/health/sta", elected, 200, ""},
		{"LHC-22: it redeems nothing", "/health/sta", stance{state: zone.InitialHA, elected: "c1"}, 503, "c1 serves"},
		{"nothing is relayed in HA mode", "/health/relay", elected, 503, "the state is ExtendedHA"},
		{"the cloud broker was not checked yet", "/health/relay", stance{state: zone.Normal}, 503, "no health check has finished"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := checkable(t, c.stance).probe(t, c.path)
			if w.Code != c.status {
				t.Errorf("%s: got %d %s, want %d", c.path, w.Code, w.Body, c.status)
			}
			var p wire.Problem
			if c.status == 200 {
				return
			}
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || !strings.Contains(p.Detail, c.reason) {
				t.Errorf("%s: got %s (%v), want the reason %q", c.path, w.Body, err, c.reason)
			}
		})
	}
}

// Design 8, `max_config_age`: a configuration that nobody has confirmed for longer
// fails the check; one that was confirmed unchanged does not, however old it is.
func TestMaxConfigAge(t *testing.T) {
	a := checkable(t, stance{state: zone.Normal})
	path := "/health/broker?max_config_age="
	if w := a.probe(t, path+"1h"); w.Code != 503 || !strings.Contains(w.Body.String(), "no usable snapshot") {
		t.Errorf("without a snapshot: got %d %s", w.Code, w.Body)
	}
	a.learnSite(t)
	if w := a.probe(t, path+"1h"); w.Code != 200 {
		t.Errorf("just imported: got %d %s", w.Code, w.Body)
	}
	a.o.Env.Now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	if w := a.probe(t, path+"1h"); w.Code != 503 {
		t.Errorf("imported 2h ago: got %d %s", w.Code, w.Body)
	}
	lately := time.Now().Add(-time.Minute)
	a.confirmed.Store(&lately)
	if w := a.probe(t, path+"1h"); w.Code != 200 {
		t.Errorf("confirmed a minute ago: got %d %s", w.Code, w.Body)
	}
	if w := a.probe(t, path+"soon"); w.Code != 400 {
		t.Errorf("no duration: got %d %s, want 400", w.Code, w.Body)
	}
}

// `/readyz` lists what is not ready, by name.
func TestReady(t *testing.T) {
	names := func(a *Agent) (int, []string) {
		w := a.probe(t, "/readyz")
		var r ready
		if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil || r.Ready != (w.Code == 200) {
			t.Errorf("got %d %s (%v)", w.Code, w.Body, err)
		}
		var out []string
		for _, n := range r.NotReady {
			name, _, _ := strings.Cut(n, ":")
			out = append(out, name)
		}
		return w.Code, out
	}
	a := checkable(t, stance{state: zone.Normal, starting: true})
	a.disk.since, a.disk.err = time.Now().Add(-time.Minute), http.ErrAbortHandler
	if code, got := names(a); code != 503 || !slices.Equal(got, []string{"peers", "snapshot", "relay", "disk"}) {
		t.Errorf("got %d %q, want everything to be missing", code, got)
	}
	a = checkable(t, stance{state: zone.ExtendedHA})
	a.learnSite(t)
	if code, got := names(a); code != 200 || len(got) != 0 {
		t.Errorf("in HA mode: got %d %q, want it ready without the cloud broker", code, got)
	}
}
