package agent

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"understudy/broker"
	"understudy/callin"
	"understudy/relay"
	"understudy/site"
	"understudy/wire"
	"understudy/zone"
)

// leaseUses is each use of a lease, with a body that is good.
var leaseUses = []struct{ method, path, body string }{
	{http.MethodGet, "", ""},
	{http.MethodPut, "", `{"load":0,"term":1}`},
	{http.MethodPost, "/sessions", `{"seq":1,"event":"ended","session":{"id":"s","user":"u","resource":"r","state":"active"}}`},
	{http.MethodDelete, "", ""},
}

func berlin() *site.Index {
	return site.NewIndex(&site.Site{
		Zones: []site.Zone{{Name: "berlin"}}, Groups: []site.DeliveryGroup{{Name: "g", Kind: site.Pooled, Zones: []string{"berlin"}}},
		Machines: []site.Machine{{Name: "ws1.example.test", Zone: "berlin", Group: "g"}, {Name: "ws2.example.test", Zone: "berlin", Group: "g"}},
	})
}

// secured is an agent with TLS for clients, or without.
func secured(with bool) *Agent {
	a := muted(Options{Insecure: !with})
	if with {
		a.o.TLS.Client = &tls.Config{MinVersion: tls.VersionTLS13}
	}
	a.list.Store(&wire.ConnectorList{})
	a.stance.Store(&stance{})
	a.known = callin.NewDirectory(maxDesktops)
	return a
}

// asks sends a request of a desktop and returns the status and the code of a problem.
func asks(h http.Handler, method, path, body string, state *tls.ConnectionState) (int, string) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.TLS = state
	r.Header.Set(wire.HeaderMachines, "ws1.example.test") // whatever it says itself
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var p wire.Problem
	_ = json.Unmarshal(w.Body.Bytes(), &p)
	return w.Code, p.Code
}

// brokers serves the registration API over an engine, as the secondary broker does.
func (a *Agent) brokers(t testing.TB, engine *broker.Engine) http.Handler {
	t.Helper()
	desks, err := a.newDesks(engine, unrecorded{})
	if err != nil {
		t.Fatal(err)
	}
	routes := chi.NewRouter()
	routes.Use(a.desktops)
	desks.Routes(routes)
	return routes
}

// Issue 6, 1: "A VDA may register only the machine its certificate names": with each use
// of its lease too, in an outage and after a takeover, in which the lease is a copy.
func TestLeasesAreTheirMachines(t *testing.T) {
	now := time.Now()
	first := broker.New(broker.Options{Broker: "cc1", Zone: "berlin", HA: true}, berlin())
	first.Mirror()
	lease, _, err := first.Register(now, "the-lease", broker.Registration{Machine: "ws1.example.test", Zone: "berlin", Capacity: 1})
	if err != nil {
		t.Fatal(err)
	}
	tail, _ := first.Tail(now, 0, 100, nil)
	second := broker.New(broker.Options{Broker: "cc2", Zone: "berlin", HA: true}, berlin())
	second.Import(now, tail.Items)
	for name, engine := range map[string]*broker.Engine{"the broker that gave it": first, "its successor": second} {
		routes, path := secured(true).brokers(t, engine), "/vda/v1/registrations/"+lease.ID
		for _, use := range leaseUses {
			if status, code := asks(routes, use.method, path+use.path, use.body, shown("ws2.example.test")); status != http.StatusForbidden || code != wire.CodeForbidden {
				t.Errorf("%s: %s%s by another machine got %d %s, want 403 forbidden", name, use.method, use.path, status, code)
			}
			if status, _ := asks(routes, use.method, path+use.path, use.body, &tls.ConnectionState{}); status != http.StatusForbidden {
				t.Errorf("%s: %s%s without a certificate got %d, want 403", name, use.method, use.path, status)
			}
		}
		for _, use := range leaseUses {
			if status, code := asks(routes, use.method, path+use.path, use.body, shown("WS1.example.test.")); status/100 != 2 {
				t.Errorf("%s: %s%s by its machine got %d %s", name, use.method, use.path, status, code)
			}
		}
	}
	third := broker.New(broker.Options{Broker: "cc3", Zone: "berlin", HA: true}, berlin())
	third.Import(now, tail.Items)
	if status, code := asks(secured(false).brokers(t, third), http.MethodPut, "/vda/v1/registrations/"+lease.ID, "{}", nil); status != http.StatusOK {
		t.Errorf("without TLS a lease is all that a host can show: got %d %s", status, code)
	}
}

// In Normal the cloud broker knows whose a lease is: what is relayed says which machines
// the certificate names, whatever the host says; without TLS nobody knows.
func TestWhatIsRelayedNamesTheMachine(t *testing.T) {
	for _, with := range []bool{true, false} {
		a := secured(with)
		a.stance.Store(&stance{state: zone.Normal})
		var said []string
		var err error
		a.relay, err = relay.New(relay.Options{
			Env: a.o.Env, Self: "cc1", Call: func(context.Context, wire.Call) wire.CallAnswer { return wire.CallAnswer{} },
			Cloud: heard(func(h http.Header) { said = append(said, h.Get(wire.HeaderMachines)) }),
		})
		if err != nil {
			t.Fatal(err)
		}
		routes := a.clientRoutes()
		registration := `{"machine":"ws2.example.test","zone":"berlin","callback":"https://ws2.example.test"}`
		asks(routes, http.MethodPost, "/vda/v1/registrations", registration, shown("ws2.example.test", "alias.example.test"))
		for _, use := range leaseUses {
			asks(routes, use.method, "/vda/v1/registrations/l"+use.path, use.body, shown("ws2.example.test", "alias.example.test"))
		}
		want := "ws2.example.test,alias.example.test"
		if !with {
			want = "ws1.example.test"
		}
		if len(said) != 1+len(leaseUses) || slices.ContainsFunc(said, func(s string) bool { return s != want }) {
			t.Errorf("TLS %t: relayed with %q, want %q each time", with, said, want)
		}
		said = nil
		if status, _ := asks(routes, http.MethodPut, "/vda/v1/registrations/l", "{}", shown()); with && (status != http.StatusForbidden || said != nil) {
			t.Errorf("a certificate that names no machine got %d, relayed %q", status, said)
		}
	}
}

// Beside controllers our desktops wait in a room of the connector, which goes by the same.
func TestRoomGoesByTheCertificate(t *testing.T) {
	m := &room{a: secured(true)}
	if err := m.open(berlin()); err != nil {
		t.Fatal(err)
	}
	for machine, want := range map[string]int{"ws1.example.test": http.StatusCreated, "ws2.example.test": http.StatusForbidden} {
		body := `{"machine":"` + machine + `","zone":"berlin","callback":"https://` + machine + `","protocol":"1.0","capacity":1}`
		if status, code := asks(m.routes, http.MethodPost, "/vda/v1/registrations", body, nil); status != want {
			t.Errorf("%s: got %d %s, want %d", machine, status, code, want)
		}
	}
}

// heard is a cloud broker that is told the headers of what is relayed.
type heard func(http.Header)

func (heard) Health(context.Context) (wire.CloudHealth, error) { return wire.CloudHealth{}, nil }

func (h heard) Forward(_ context.Context, _, _ string, header http.Header, _ []byte) (*http.Response, error) {
	h(header)
	return &http.Response{StatusCode: http.StatusNoContent, Header: http.Header{}, Body: http.NoBody}, nil
}

func (heard) Calls(context.Context) (io.ReadWriteCloser, error) { return nil, errors.New("none") }
