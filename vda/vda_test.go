package vda_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"understudy/broker"
	"understudy/site"
	"understudy/vda"
	"understudy/wire"
)

const machine = site.FQDN("p1.example.test")

func company() *site.Site {
	return &site.Site{
		Name:     "acme",
		Zones:    []site.Zone{{Name: "east"}, {Name: "west"}},
		Groups:   []site.DeliveryGroup{{Name: "pool", Kind: site.Pooled, Zones: []string{"east"}, Desktop: "Pool"}},
		Machines: []site.Machine{{Name: machine, Group: "pool", Zone: "east"}, {Name: "pw.example.test", Group: "pool", Zone: "west"}},
	}
}

// bench is the API over an engine, with what it set off.
type bench struct {
	handler http.Handler
	engine  *broker.Engine
	records []broker.Record
	resets  []broker.Reset
	terms   []string
	diskErr error
}

func (b *bench) Record(_ context.Context, records []broker.Record) error {
	b.records = append(b.records, records...)
	return b.diskErr
}

func newBench(t testing.TB, change func(*vda.Options)) *bench {
	t.Helper()
	b := &bench{engine: broker.New(broker.Options{Broker: "cc01.example.test", Zone: "east"}, site.NewIndex(company()))}
	o := vda.Options{
		Engine: b.engine, Recorder: b, Rand: rand.Reader,
		Connectors: func(zone string) []string { return []string{"http://" + zone} },
		OnTerm:     func(zone string, term uint64) { b.terms = append(b.terms, fmt.Sprint(zone, term)) },
		OnReset:    func(_ context.Context, r broker.Reset) { b.resets = append(b.resets, r) },
	}
	if change != nil {
		change(&o)
	}
	api, err := vda.New(o)
	if err != nil {
		t.Fatal(err)
	}
	router := chi.NewRouter()
	api.Routes(router)
	b.handler = router
	return b
}

func registration() wire.Registration {
	return wire.Registration{Machine: machine, Zone: "east", Protocol: wire.VDAProtocol, Callback: "https://p1.example.test:7485", Capacity: 1}
}

// do sends a request; the answer is its status, and its code if it is a problem.
func (b *bench) do(t testing.TB, method, path string, in any, change ...func(*http.Request)) (string, []byte) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(method, path, bytes.NewReader(body))
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	answer := fmt.Sprint(w.Code)
	if w.Code >= 400 {
		answer += " " + wire.ReadProblem(&http.Response{StatusCode: w.Code, Body: w.Result().Body}).Code
	}
	return answer, w.Body.Bytes()
}

// retryAfter posts and returns when the answer says to try again.
func (b *bench) retryAfter(t testing.TB, path string, in any) string {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body)))
	return w.Header().Get("Retry-After")
}

func (b *bench) register(t testing.TB) wire.Lease {
	t.Helper()
	answer, body := b.do(t, "POST", "/vda/v1/registrations", registration())
	var lease wire.Lease
	if err := json.Unmarshal(body, &lease); err != nil || answer != "201" {
		t.Fatalf("register: got %s %s (%v)", answer, body, err)
	}
	return lease
}

func path(l wire.Lease) string { return "/vda/v1/registrations/" + l.Lease }

// LHC-30: "accepts VDA registrations"; LHC-32: every 5 min, dropped after two
// missed periods.
func TestLifeOfALease(t *testing.T) {
	b := newBench(t, nil)
	lease := b.register(t)
	if lease.Broker != "cc01.example.test" || lease.Interval.D() != 5*time.Minute || lease.Lifetime.D() != 10*time.Minute ||
		!slices.Equal(lease.Connectors, []string{"http://east"}) || len(lease.Lease) != 32 {
		t.Errorf("got lease %+v", lease)
	}
	for _, c := range []struct {
		name, method, path string
		body               any
		want               string
	}{
		{"heartbeat", "PUT", path(lease), wire.Heartbeat{Load: 10}, "200"},
		{"unknown fields are ignored", "PUT", path(lease), map[string]any{"later": 1}, "200"},
		{"look-up", "GET", path(lease), nil, "200"},
		{"report", "POST", path(lease) + "/sessions", started(), "204"},
		{"unregister", "DELETE", path(lease), nil, "204"},
		{"heartbeat without a lease", "PUT", path(lease), wire.Heartbeat{}, "404 lease_unknown"},
		{"look-up without a lease", "GET", path(lease), nil, "404 lease_unknown"},
		{"report without a lease", "POST", path(lease) + "/sessions", started(), "404 lease_unknown"},
		{"unregister again", "DELETE", path(lease), nil, "404 lease_unknown"},
	} {
		if got, body := b.do(t, c.method, c.path, c.body); got != c.want {
			t.Errorf("%s: got %s, want %s (%s)", c.name, got, c.want, body)
		}
	}
}

func started() wire.SessionReport {
	return wire.SessionReport{Seq: 1, Event: wire.SessionStarted, Used: true, Session: wire.Session{ID: "s1", User: "alice", Resource: "desktop:pool", State: wire.Active}}
}

func TestRefusedRegistrations(t *testing.T) {
	b := newBench(t, nil)
	edit := func(change func(*wire.Registration)) wire.Registration {
		r := registration()
		change(&r)
		return r
	}
	for name, c := range map[string]struct {
		body any
		want string
	}{
		"LHC-33: another zone": {edit(func(r *wire.Registration) { r.Machine, r.Zone = "pw.example.test", "west" }), "403 not_in_zone"},
		"not in the site":      {edit(func(r *wire.Registration) { r.Machine = "x.example.test" }), "403 unknown_machine"},
		"no callback":          {edit(func(r *wire.Registration) { r.Callback = "" }), "400 bad_request"},
		"no object":            {[]int{1}, "400 bad_request"},
		"too large":            {strings.Repeat("x", wire.MaxRegistration+1), "413 too_large"},
	} {
		if got, body := b.do(t, "POST", "/vda/v1/registrations", c.body); got != c.want {
			t.Errorf("%s: got %s, want %s (%s)", name, got, c.want, body)
		}
	}
}

// LHC-31: "registering, a VDA also hands over its current sessions".
func TestHandsOverSessions(t *testing.T) {
	b := newBench(t, nil)
	r := registration()
	r.Used, r.Sessions = true, []wire.Session{{ID: "s1", User: "alice", Resource: "desktop:pool", State: wire.Disconnected}}
	if got, body := b.do(t, "POST", "/vda/v1/registrations", r); got != "201" {
		t.Fatalf("got %s %s", got, body)
	}
	sessions := b.engine.Sessions()
	if len(sessions) != 1 || sessions[0].ID != "s1" || sessions[0].User != "alice" || sessions[0].State != broker.Disconnected {
		t.Errorf("got sessions %+v, want alice's", sessions)
	}
}

// Design 7: durable records "are on disk before their answer goes out". Without
// the disk there is a 503, which makes a host keep its lease and try elsewhere.
func TestRecordsBeforeAnswer(t *testing.T) {
	b := newBench(t, nil)
	lease := b.register(t)
	b.records = nil
	if got, body := b.do(t, "POST", path(lease)+"/sessions", started()); got != "204" {
		t.Fatalf("report: got %s %s", got, body)
	}
	if !slices.ContainsFunc(b.records, func(r broker.Record) bool { return r.Kind == broker.UsedMark && r.Used }) {
		t.Errorf("got records %+v, want the used mark", b.records)
	}
	b.diskErr = errors.New("disk full at /secret/path")
	if got := b.retryAfter(t, path(lease)+"/sessions", started()); got != "1" {
		t.Errorf("got Retry-After %q, want 1", got)
	}
	ended := started()
	ended.Seq, ended.Event = 2, wire.SessionEnded
	got, body := b.do(t, "POST", path(lease)+"/sessions", ended)
	if got != "503 disk_failed" || bytes.Contains(body, []byte("secret")) {
		t.Errorf("got %s %s, want 503 disk_failed without internal text", got, body)
	}
	if len(b.resets) != 0 {
		t.Errorf("got resets %+v although the logoff is not on disk", b.resets)
	}
}

// NEW-04: a full journal is told as that, not as a disk that fails, with its own time to
// come back.
func TestFullJournalIsNoFailedDisk(t *testing.T) {
	b := newBench(t, nil)
	lease := b.register(t)
	full := wire.NewProblem(http.StatusServiceUnavailable, wire.CodeJournalFull, "no more records")
	full.RetryAfter = 30 * time.Second
	b.diskErr = fmt.Errorf("%w: at /secret/path", full)
	if got := b.retryAfter(t, path(lease)+"/sessions", started()); got != "30" {
		t.Errorf("got Retry-After %q, want 30", got)
	}
	got, body := b.do(t, "POST", path(lease)+"/sessions", started())
	if got != "503 journal_full" || bytes.Contains(body, []byte("secret")) {
		t.Errorf("got %s %s, want 503 journal_full without internal text", got, body)
	}
}

// LHC-36: an owner whom the disk did not take is on it before the next answer: the
// engine tells of each only once.
func TestOwedRecords(t *testing.T) {
	own := site.Site{
		Name: "x", Zones: []site.Zone{{Name: "east"}},
		Groups:   []site.DeliveryGroup{{Name: "own", Kind: site.Assigned, Zones: []string{"east"}, Desktop: "Own"}},
		Machines: []site.Machine{{Name: registration().Machine, Group: "own", Zone: "east"}},
	}
	b := newBench(t, nil)
	b.engine.SetIndex(site.NewIndex(&own))
	body := registration()
	body.AssignedUser = "alice"
	b.diskErr = errors.New("disk full")
	if got, _ := b.do(t, "POST", "/vda/v1/registrations", body); got != "503 disk_failed" {
		t.Errorf("got %s, want 503 disk_failed", got)
	}
	b.diskErr, b.records = nil, nil
	if got, _ := b.do(t, "POST", "/vda/v1/registrations", body); got != "201" {
		t.Errorf("again: got %s, want 201", got)
	}
	owned := func(r broker.Record) bool { return r.Kind == broker.Assignment && r.User == "alice" }
	if !slices.ContainsFunc(b.records, owned) {
		t.Errorf("got records %+v, want alice's machine", b.records)
	}
	b.records = nil
	b.do(t, "POST", "/vda/v1/registrations", body)
	if slices.ContainsFunc(b.records, owned) {
		t.Errorf("got records %+v, want alice's machine once", b.records)
	}
}

// LHC-33: who runs the broker hears which desktop was refused, and why.
func TestRefusedRegistrationsAreToldOf(t *testing.T) {
	var told []string
	b := newBench(t, func(o *vda.Options) {
		o.OnRefused = func(m site.FQDN, reason string) { told = append(told, string(m)+" "+reason) }
		o.CheckCallback = vda.OwnCallback
	})
	b.register(t)
	elsewhere, unknown := registration(), registration()
	elsewhere.Callback = "https://evil.example.test:7485"
	unknown.Machine, unknown.Callback = "p9.example.test", "https://p9.example.test:7485"
	for _, r := range []wire.Registration{elsewhere, unknown} {
		if got, _ := b.do(t, "POST", "/vda/v1/registrations", r); got[:3] != "403" {
			t.Errorf("%s at %s: got %s, want 403", r.Machine, r.Callback, got)
		}
	}
	if len(told) != 2 || !strings.HasPrefix(told[0], string(machine)+" forbidden") || !strings.HasPrefix(told[1], "p9.example.test unknown_machine") {
		t.Errorf("told of %q, want both refusals with their reasons", told)
	}
}

// Design 6, reset: in Normal a pooled desktop is asked to reset at logoff.
func TestResetAfterLogoff(t *testing.T) {
	b := newBench(t, nil)
	lease := b.register(t)
	ended := started()
	ended.Seq, ended.Event = 2, wire.SessionEnded
	b.do(t, "POST", path(lease)+"/sessions", started())
	b.do(t, "POST", path(lease)+"/sessions", ended)
	if len(b.resets) != 1 || b.resets[0].Machine != machine || b.resets[0].Lease != lease.Lease {
		t.Errorf("got resets %+v, want one of %s", b.resets, machine)
	}
}

// Design 6: the cloud broker "uses the highest seen per zone in its leases".
func TestHighestTerm(t *testing.T) {
	relayed := func(term, zone string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set(wire.HeaderTerm, term)
			r.Header.Set(wire.HeaderZone, zone)
		}
	}
	for name, c := range map[string]struct {
		trust  bool
		header func(*http.Request)
		want   uint64
	}{
		"relayed":             {true, relayed("9", "east"), 9},
		"lower than the host": {true, relayed("3", "east"), 5},
		"for another zone":    {true, relayed("9", "west"), 5},
		"nonsense":            {true, relayed("x", "east"), 5},
		"not from a relay":    {false, relayed("9", "east"), 5},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, func(o *vda.Options) { o.TrustRelay = c.trust })
			r := registration()
			r.Term = 5
			_, body := b.do(t, "POST", "/vda/v1/registrations", r, c.header)
			var lease wire.Lease
			if err := json.Unmarshal(body, &lease); err != nil || lease.Term != c.want {
				t.Errorf("got lease %s (%v), want term %d", body, err, c.want)
			}
			if want := fmt.Sprint("east", c.want); !slices.Equal(b.terms, []string{want}) {
				t.Errorf("got terms %v, want %s", b.terms, want)
			}
		})
	}
}

func withCertificate(names ...string) func(*http.Request) {
	return func(r *http.Request) {
		r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{DNSNames: names}}}
	}
}

// Design 9: "a VDA may register only that machine" which its certificate names;
// the same holds for its lease.
func TestCertificateNamesTheMachine(t *testing.T) {
	b := newBench(t, func(o *vda.Options) { o.Authorize = vda.ClientCertificate })
	for name, c := range map[string]struct {
		change func(*http.Request)
		want   string
	}{
		"own":     {withCertificate("P1.example.test."), "201"},
		"other":   {withCertificate("p2.example.test"), "403 forbidden"},
		"none":    {func(*http.Request) {}, "403 forbidden"},
		"several": {withCertificate("x.example.test", "p1.example.test"), "201"},
	} {
		if got, _ := b.do(t, "POST", "/vda/v1/registrations", registration(), c.change); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
	_, body := b.do(t, "POST", "/vda/v1/registrations", registration(), withCertificate(string(machine)))
	var lease wire.Lease
	if err := json.Unmarshal(body, &lease); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, path string
		body         any
	}{{"GET", path(lease), nil}, {"PUT", path(lease), wire.Heartbeat{}}, {"POST", path(lease) + "/sessions", started()}, {"DELETE", path(lease), nil}} {
		if got, _ := b.do(t, c.method, c.path, c.body, withCertificate("p2.example.test")); got != "403 forbidden" {
			t.Errorf("%s %s with another's certificate: got %s, want 403 forbidden", c.method, c.path, got)
		}
	}
}

// Issue 6, 1: what a connector has verified of a host goes with its request to the broker
// that knows the lease, and nothing that the host said itself.
func TestNamesOfACertificateGoAlong(t *testing.T) {
	many := make([]string, 100)
	for i := range many {
		many[i] = fmt.Sprintf("p%d.example.test", i)
	}
	for name, c := range map[string]struct {
		names    []string
		machine  site.FQDN
		good, ok bool // it goes on, and may speak for the machine
	}{
		"its own":                {[]string{"P1.Example.Test."}, machine, true, true},
		"one of several":         {[]string{"x.example.test", "p1.example.test"}, machine, true, true},
		"another's":              {[]string{"p2.example.test"}, machine, true, false},
		"what begins like it":    {[]string{"p1.example.test.evil.test"}, machine, true, false},
		"two names in one":       {[]string{"x.example.test,p1.example.test"}, machine, false, false},
		"a wildcard":             {[]string{"*.example.test"}, machine, false, false},
		"a line that breaks":     {[]string{"p1.example.test\r\nX: y"}, machine, false, false},
		"none":                   {nil, machine, false, false},
		"more than a host has":   {many, "p99.example.test", true, false},
		"the first of that many": {many, machine, true, true},
	} {
		r := httptest.NewRequest("PUT", "/", nil)
		r.Header.Set(wire.HeaderMachines, string(c.machine)) // a lie
		withCertificate(c.names...)(r)
		if err := vda.Vouch(r); err == nil {
			t.Errorf("%s: a certificate that was not verified goes on", name)
		}
		r.TLS.VerifiedChains = [][]*x509.Certificate{r.TLS.PeerCertificates}
		err := vda.Vouch(r)
		if (err == nil) != c.good {
			t.Errorf("%s: goes on: got %v, want %t", name, err, c.good)
		}
		if got := err == nil && vda.VouchedFor(r, c.machine) == nil; got != c.ok {
			t.Errorf("%s: got %t for %s, want %t", name, got, c.machine, c.ok)
		}
	}
	if err := vda.VouchedFor(httptest.NewRequest("PUT", "/", nil), machine); err != nil {
		t.Errorf("where nobody has TLS: %v", err)
	}
}

// Design 9: "A callback URL must be the machine's own name (with insecure: true, a
// loopback address with a path per machine)".
func TestCallbacks(t *testing.T) {
	for _, c := range []struct {
		callback      string
		own, loopback bool
	}{
		{"https://p1.example.test:7485", true, true},
		{"https://P1.example.test.:7485", true, true},
		{"https://p2.example.test:7485", false, false},
		{"https://p1.example.test@evil.test", false, false},
		{"http://127.0.0.1:7485/m/p1.example.test", false, true},
		{"http://[::1]:7485/m/p1.example.test", false, true},
		{"http://127.0.0.1:7485", false, false},
		{"http://127.0.0.1:7485/m/p2.example.test", false, false},
		{"http://192.0.2.1/m/p1.example.test", false, false},
	} {
		r := registration()
		r.Callback = c.callback
		if got := vda.OwnCallback(nil, r) == nil; got != c.own {
			t.Errorf("%s: own: got %v, want %v", c.callback, got, c.own)
		}
		if got := vda.LoopbackCallback(nil, r) == nil; got != c.loopback {
			t.Errorf("%s: loopback: got %v, want %v", c.callback, got, c.loopback)
		}
	}
	b := newBench(t, func(o *vda.Options) { o.CheckCallback = vda.OwnCallback })
	r := registration()
	r.Callback = "http://127.0.0.1/m/p1.example.test"
	if got, _ := b.do(t, "POST", "/vda/v1/registrations", r); got != "403 forbidden" {
		t.Errorf("got %s, want 403 forbidden", got)
	}
}

func TestOptions(t *testing.T) {
	for _, name := range []string{"Engine", "Recorder", "Rand"} {
		o := vda.Options{Engine: broker.New(broker.Options{}, site.NewIndex(company())), Recorder: &bench{}, Rand: rand.Reader}
		switch name {
		case "Engine":
			o.Engine = nil
		case "Recorder":
			o.Recorder = nil
		case "Rand":
			o.Rand = nil
		}
		if _, err := vda.New(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want the name of the missing %s", err, name)
		}
	}
}
