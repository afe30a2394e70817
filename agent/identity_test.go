package agent

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/sirupsen/logrus"

	"understudy/broker"
	"understudy/callin"
	"understudy/env"
	"understudy/events"
	"understudy/site"
	"understudy/trust"
	"understudy/wire"
)

// shown is the TLS of a request whose client showed a certificate of that name,
// which the listener verified.
func shown(names ...string) *tls.ConnectionState {
	c := &x509.Certificate{DNSNames: names}
	return &tls.ConnectionState{PeerCertificates: []*x509.Certificate{c}, VerifiedChains: [][]*x509.Certificate{{c}}}
}

// muted returns an agent that keeps its events instead of writing them.
func muted(o Options) *Agent {
	o.Env = env.Real()
	o.Logger = logrus.New()
	o.Logger.SetOutput(io.Discard)
	a := &Agent{o: o}
	a.log = newLog(&a.o)
	return a
}

// raised empties the event table and returns the names.
func (a *Agent) raised() []events.Name {
	var names []events.Name
	for {
		select {
		case e := <-a.log.rows:
			names = append(names, e.Event)
		default:
			return names
		}
	}
}

// Design 9: "the certificate's DNS name is the FQDN; a VDA may register only that
// machine"; "a callback URL must be the machine's own name".
func TestWhoMayRegister(t *testing.T) {
	const machine = "ws1.example.test"
	const own, loopback = "https://ws1.example.test:7485", "http://127.0.0.1:7485/m/ws1.example.test"
	for _, c := range []struct {
		name     string
		tls      bool // of the listener
		insecure bool
		shown    *tls.ConnectionState
		callback string
		status   int
	}{
		{"its own certificate and name", true, false, shown(machine), own, 200},
		{"in another case", true, false, shown("WS1.Example.Test."), own, 200},
		{"another machine's certificate", true, false, shown("ws2.example.test"), own, 403},
		{"no certificate", true, false, &tls.ConnectionState{}, own, 403},
		{"no TLS at all", true, false, nil, own, 403},
		{"a callback elsewhere", true, false, shown(machine), "https://evil.example.test", 403},
		{"a loopback callback", true, false, shown(machine), loopback, 403},
		{"insecure, a loopback callback", false, true, nil, loopback, 200},
		{"insecure, its own name", false, true, nil, own, 200},
		{"insecure, another machine's path", false, true, nil, "http://127.0.0.1:7485/m/ws2.example.test", 403},
		{"insecure, another host", false, true, nil, "http://192.0.2.1/m/ws1.example.test", 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := muted(Options{Insecure: c.insecure})
			if c.tls {
				a.o.TLS.Client = &tls.Config{MinVersion: tls.VersionTLS13}
			}
			body, err := json.Marshal(wire.Registration{Machine: machine, Zone: "berlin", Capacity: 1, Callback: c.callback})
			if err != nil {
				t.Fatal(err)
			}
			if got := a.register(t, bytes.NewReader(body), c.shown, body); got != c.status {
				t.Errorf("relayed: status %d, want %d", got, c.status)
			}
			if got := a.brokered(t, body, c.shown); got != c.status {
				t.Errorf("brokered: status %d, want %d", got, c.status)
			}
		})
	}
}

// brokered sends a registration of ws1 to a secondary broker; 200 stands for a lease.
func (a *Agent) brokered(t testing.TB, body []byte, state *tls.ConnectionState) int {
	t.Helper()
	a.list.Store(&wire.ConnectorList{})
	a.stance.Store(&stance{})
	a.journal = &journal{}
	a.known = callin.NewDirectory(maxDesktops)
	desks, err := a.newDesks(broker.New(broker.Options{}, site.NewIndex(&site.Site{
		Zones: []site.Zone{{Name: "berlin"}}, Groups: []site.DeliveryGroup{{Name: "g", Kind: site.Pooled, Zones: []string{"berlin"}}},
		Machines: []site.Machine{{Name: "ws1.example.test", Zone: "berlin", Group: "g"}},
	})), a.journal)
	if err != nil {
		t.Fatal(err)
	}
	router := chi.NewRouter()
	router.Use(a.desktops)
	desks.Routes(router)
	r := httptest.NewRequest(http.MethodPost, "/vda/v1/registrations", bytes.NewReader(body))
	r.TLS = state
	w := httptest.NewRecorder()
	router.ServeHTTP(w, r)
	if w.Code == http.StatusCreated {
		return http.StatusOK
	}
	return w.Code
}

// register sends a registration past the check, and returns the status of what
// comes out; what goes on must still have its body.
func (a *Agent) register(t testing.TB, body io.Reader, state *tls.ConnectionState, want []byte) int {
	t.Helper()
	h := a.desktops(a.vouched(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if got, err := io.ReadAll(r.Body); err != nil || !bytes.Equal(got, want) {
			t.Errorf("the body that goes on is %q (%v), want %q", got, err, want)
		}
	})))
	r := httptest.NewRequest(http.MethodPost, "/vda/v1/registrations", body)
	r.TLS = state
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

func TestRegistrationBodiesAreBounded(t *testing.T) {
	a := muted(Options{Insecure: true})
	if got := a.register(t, strings.NewReader("no JSON"), nil, nil); got != http.StatusBadRequest {
		t.Errorf("malformed: status %d, want 400", got)
	}
	if got := a.register(t, strings.NewReader(strings.Repeat(" ", wire.MaxRegistration+1)), nil, nil); got != http.StatusRequestEntityTooLarge {
		t.Errorf("too large: status %d, want 413", got)
	}
}

// LHC-33: operators hear of a refused registration, once in a while for each
// machine and never so often that it does harm.
func TestRefusedRegistrationsAreToldOfOnce(t *testing.T) {
	a := muted(Options{Insecure: true})
	body := []byte(`{"machine":"ws1.example.test","callback":"http://192.0.2.1/m/ws1.example.test"}`)
	for range 3 {
		a.register(t, bytes.NewReader(body), nil, body)
	}
	if got := a.raised(); len(got) != 1 || got[0] != events.RegistrationRefused {
		t.Errorf("raised %q, want registration_refused once", got)
	}
}

func TestRefusalsAreRateLimited(t *testing.T) {
	var r refusals
	name := func(i int) site.FQDN { return site.FQDN(strings.Repeat("a", i+1)) }
	for i := range refusalLimit {
		if !r.worth(simNow, name(i)) {
			t.Fatalf("machine %d was not told of", i)
		}
	}
	for what, c := range map[string]struct {
		machine site.FQDN
		want    bool
	}{
		"again":                 {name(0), false},
		"one more than allowed": {name(refusalLimit), false},
	} {
		if got := r.worth(simNow.Add(refusalQuiet-1), c.machine); got != c.want {
			t.Errorf("%s: got %t, want %t", what, got, c.want)
		}
	}
	later := simNow.Add(refusalQuiet)
	if !r.worth(later, name(refusalLimit)) || !r.worth(later, name(0)) || r.worth(later, name(0)) {
		t.Error("after the quiet time each machine is told of once again")
	}
}

// Design 9: "StoreFront and gateways: a certificate or a key from a file". A host
// of the site speaks for itself only, never for users.
func TestWhoIsAFrontEnd(t *testing.T) {
	known := withSnapshot(t, false)
	known.learnSite(t)
	keys := trust.Keys{{Name: "first", Hash: trust.HashOf("first-key")}, {Name: "second", Hash: trust.HashOf("second-key")}}
	for _, c := range []struct {
		name          string
		tls           bool
		keys          trust.Keys
		shown         *tls.ConnectionState
		authorization string
		want          int
	}{
		{"plain, on loopback", false, nil, nil, "", 200},
		{"plain with keys, none shown", false, keys, nil, "", 401},
		{"plain with keys, one shown", false, keys, nil, "Bearer second-key", 200},
		{"a certificate that front_ends names", true, nil, shown("sf1.example.test"), "", 200},
		{"in another case", true, nil, shown("SF1.Example.Test."), "", 200},
		{"a certificate that front_ends does not name", true, nil, shown("sf2.example.test"), "", 401},
		{"one that also names a desktop", true, nil, shown("sf1.example.test", "ws1.example.test"), "", 401},
		{"a desktop's certificate", true, nil, shown("ws1.example.test"), "", 401},
		{"a connector's certificate", true, nil, shown("d0.example.test"), "", 401},
		{"no certificate", true, nil, &tls.ConnectionState{}, "", 401},
		{"a key instead of a certificate", true, keys, &tls.ConnectionState{}, "Bearer first-key", 200},
		{"a wrong key", true, keys, &tls.ConnectionState{}, "Bearer third-key", 401},
		{"part of a key", true, keys, &tls.ConnectionState{}, "Bearer first", 401},
		{"an empty key", true, keys, &tls.ConnectionState{}, "Bearer ", 401},
		{"an empty key and no keys", true, nil, &tls.ConnectionState{}, "Bearer ", 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := muted(Options{FrontEnds: []site.FQDN{"sf1.example.test", "ws1.example.test", "d0.example.test"}})
			if c.keys != nil {
				a.o.FrontKeys = func() trust.Keys { return c.keys }
			}
			a.snapshots = known.snapshots
			a.front = newFront(simNow, 0, false)
			if c.tls {
				a.o.TLS.Client = &tls.Config{MinVersion: tls.VersionTLS13}
			}
			r := httptest.NewRequest(http.MethodGet, "/storefront/v1/heartbeat", nil)
			r.TLS = c.shown
			r.Header.Set("Authorization", c.authorization)
			w := httptest.NewRecorder()
			a.frontEnds(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
			if w.Code != c.want {
				t.Errorf("status %d, want %d", w.Code, c.want)
			}
			// LHC-06: only a front end that we know makes the connector take part.
			if _, asked := a.front.idle(simNow); asked != (c.want == 200) {
				t.Errorf("counted as a request: %t, want %t", asked, c.want == 200)
			}
		})
	}
}

// The token of the admin API is made once, for the owner's eyes only.
func TestAdminTokenIsKept(t *testing.T) {
	a := muted(Options{Data: t.TempDir()})
	first, err := a.adminToken()
	if err != nil || len(first) != 32 {
		t.Fatalf("got %q, %v", first, err)
	}
	if again, err := a.adminToken(); err != nil || again != first {
		t.Errorf("after a restart: got %q, %v, want the same", again, err)
	}
	file := filepath.Join(a.o.Data, tokenFile)
	wantPrivate(t, file)
	if err := os.WriteFile(file, []byte("  chosen by hand \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := a.adminToken(); err != nil || got != "chosen by hand" {
		t.Errorf("got %q, %v, want what the file says", got, err)
	}
	a.o.Data = filepath.Join(a.o.Data, "none")
	if got, err := a.adminToken(); err == nil {
		t.Errorf("got %q without a folder, want an error", got)
	}
}

func wantPrivate(t testing.TB, file string) {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("%s has mode %o, want 600", file, got)
	}
}

// leaveSocket makes a socket without a listener, as kill -9 leaves one.
func leaveSocket(t testing.TB, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// The Unix socket of the admin API is its owner's, and one that a crash left
// behind is no obstacle.
func TestAdminSocket(t *testing.T) {
	a := muted(Options{})
	path := filepath.Join(t.TempDir(), "admin.sock")
	for _, left := range []bool{false, true} {
		if left {
			leaveSocket(t, path)
		}
		l, err := a.listen(t.Context(), "admin", "unix:"+path)
		if err != nil {
			t.Fatalf("left behind %t: %v", left, err)
		}
		wantPrivate(t, path)
		_ = l.Close()
	}
	if _, err := a.listen(t.Context(), "client", "unix:"+path); err == nil {
		t.Error("the client listener has a Unix socket")
	}
}
