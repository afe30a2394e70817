package storefront_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"understudy/broker"
	"understudy/site"
	"understudy/storefront"
	"understudy/wire"
	"understudy/zone"
)

// hosts answers calls in place of desktop hosts, and keeps them.
type hosts struct {
	mu     sync.Mutex // guards calls
	calls  []wire.Call
	answer func(ctx context.Context, c wire.Call) (wire.CallAnswer, error)
}

func (h *hosts) Call(ctx context.Context, c wire.Call) (wire.CallAnswer, error) {
	h.mu.Lock()
	h.calls = append(h.calls, c)
	h.mu.Unlock()
	return h.answer(ctx, c)
}

func (h *hosts) log() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var lines []string
	for _, c := range h.calls {
		path, _, _ := strings.Cut(strings.TrimPrefix(c.Path, "/v1/"), "/")
		lines = append(lines, fmt.Sprintf("%s %s %s", c.Machine, c.Method, path))
	}
	return strings.Join(lines, ", ")
}

func agree(_ context.Context, c wire.Call) (wire.CallAnswer, error) {
	b, err := json.Marshal(wire.Prepared{Address: "10.0.0.1", Port: 3389, Protocol: "rdp"})
	return wire.CallAnswer{ID: c.ID, Status: http.StatusCreated, Body: b}, err
}

func refuse(status int, code string) (wire.CallAnswer, error) {
	b, err := json.Marshal(wire.NewProblem(status, code, ""))
	return wire.CallAnswer{Status: status, Body: b}, err
}

type disk struct {
	mu      sync.Mutex // guards records
	records []broker.Record
	fault   error
}

func (d *disk) Record(_ context.Context, records []broker.Record) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fault == nil {
		d.records = append(d.records, records...)
	}
	return d.fault
}

// front is the API over an engine with two pooled machines registered, of three.
type front struct {
	engine *broker.Engine
	hosts  *hosts
	disk   *disk
	router chi.Router
	used   int
}

func newFront(t testing.TB) *front {
	t.Helper()
	s := &site.Site{
		Name: "acme", Zones: []site.Zone{{Name: "east"}, {Name: "west"}},
		Groups: []site.DeliveryGroup{
			{Name: "pool", Kind: site.Pooled, Zones: []string{"east"}, Desktop: "Pool"},
			{Name: "far", Kind: site.Pooled, Zones: []string{"west"}, Desktop: "Far"},
			{Name: "own", Kind: site.Assigned, Zones: []string{"east"}, Desktop: "Own"},
		},
		Machines: []site.Machine{
			{Name: "p1", Group: "pool", Zone: "east"},
			{Name: "p2", Group: "pool", Zone: "east"},
			{Name: "p3", Group: "pool", Zone: "east"},
			{Name: "f1", Group: "far", Zone: "west"},
			{Name: "a1", Group: "own", Zone: "east"},
			{Name: "a2", Group: "own", Zone: "east"},
		},
		Entitlements: []site.Entitlement{{User: "bob", Desktop: "pool"}, {User: "alice", Desktop: "pool"}, {User: "bob", Desktop: "far"}, {User: "carol", Desktop: "own"}},
	}
	f := &front{
		engine: broker.New(broker.Options{Broker: "cc01", Zone: "east", HA: true}, site.NewIndex(s)),
		hosts:  &hosts{answer: agree}, disk: &disk{}, router: chi.NewRouter(),
	}
	f.register(t, "p1", "p2")
	h, err := storefront.New(storefront.Options{
		Engine: f.engine, Caller: f.hosts, Recorder: f.disk, Rand: rand.Reader, Authority: "STA1", TrustRelay: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	h.Routes(f.router)
	return f
}

func (f *front) register(t testing.TB, names ...site.FQDN) {
	t.Helper()
	for _, name := range names {
		_, _, err := f.engine.Register(time.Now(), "lease-"+string(name), broker.Registration{
			Machine: name, Zone: "east", Callback: "http://" + string(name), Capacity: 1, Term: 4,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (f *front) post(path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/storefront/v1/"+path, strings.NewReader(body))
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	f.router.ServeHTTP(w, r)
	return w
}

func read[T any](t testing.TB, w *httptest.ResponseRecorder, status int) T {
	t.Helper()
	var v T
	if w.Code != status {
		t.Fatalf("status %d, want %d: %s", w.Code, status, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func wantProblem(t testing.TB, w *httptest.ResponseRecorder, status int, code string) wire.Problem {
	t.Helper()
	p := read[wire.Problem](t, w, status)
	if p.Code != code {
		t.Fatalf("code %s, want %s", p.Code, code)
	}
	return p
}

const bobsPool = `{"user":"bob","resource":"desktop:pool"}`

// LHC-30: "The secondary broker enumerates resources, brokers launches, … and is an
// STA provider."
func TestEnumerateLaunchRedeem(t *testing.T) {
	f := newFront(t)
	list := read[wire.ResourcesAnswer](t, f.post("resources", `{"user":"bob"}`), 200).Resources
	if len(list) != 2 || list[1].ID != "desktop:pool" || list[1].Group != "pool" || list[1].Zones[0] != "east" {
		t.Fatalf("resources %+v", list)
	}
	got := read[wire.LaunchAnswer](t, f.post("sessions", bobsPool), 201)
	if got.Machine != "p1" || got.Address != "10.0.0.1" || got.Port != 3389 || got.Reconnected || got.Authority != "STA1" {
		t.Errorf("launch %+v", got)
	}
	if got.Lifetime.D() != 100*time.Second {
		t.Errorf("ticket lifetime %s, want 100s", got.Lifetime)
	}
	var asked wire.Prepare
	if err := json.Unmarshal(f.hosts.calls[0].Body, &asked); err != nil {
		t.Fatal(err)
	}
	if asked.Lease != "lease-p1" || asked.Term != 4 || asked.User != "bob" || asked.Session != got.Session || asked.Reuse {
		t.Errorf("prepare %+v", asked)
	}
	if len(f.disk.records) != 1 || f.disk.records[0].Kind != broker.Launched {
		t.Errorf("records %+v, want the launch", f.disk.records)
	}
	ticket := `{"ticket":"` + got.Ticket + `"}`
	read[wire.RedeemAnswer](t, f.post("tickets/redeem?dry_run=true", ticket), 200)
	if r := read[wire.RedeemAnswer](t, f.post("tickets/redeem", ticket), 200); r.Machine != "p1" || r.Session != got.Session || r.User != "bob" {
		t.Errorf("redeemed %+v", r)
	}
	wantProblem(t, f.post("tickets/redeem", ticket), 410, wire.CodeTicketUsed)
	wantProblem(t, f.post("tickets/redeem", `{"ticket":"none"}`), 404, wire.CodeTicketUnknown)
}

func TestRelayedLaunchNamesTheRelaysAuthority(t *testing.T) {
	got := read[wire.LaunchAnswer](t, newFront(t).post("sessions", bobsPool, wire.HeaderAuthority, "STA2"), 201)
	if got.Authority != "STA2" {
		t.Errorf("authority %s", got.Authority)
	}
}

func TestRefusals(t *testing.T) {
	f := newFront(t)
	for _, c := range []struct {
		name, path, body string
		status           int
		code             string
	}{
		{"unknown resource", "sessions", `{"user":"bob","resource":"desktop:none"}`, 404, wire.CodeUnknownResource},
		{"not entitled", "sessions", `{"user":"eve","resource":"desktop:pool"}`, 403, wire.CodeNotEntitled},
		{"not entitled, dry", "sessions?dry_run=true", `{"user":"eve","resource":"desktop:pool"}`, 403, wire.CodeNotEntitled},
		{"unknown field", "sessions", `{"user":"bob","resource":"desktop:pool","x":1}`, 400, wire.CodeBadRequest},
		{"no user", "resources", `{}`, 400, wire.CodeBadRequest},
		{"malformed", "tickets/redeem", `{`, 400, wire.CodeBadRequest},
		{"dry_run is no boolean", "resources?dry_run=perhaps", `{"user":"bob"}`, 400, wire.CodeBadRequest},
		{"too large", "resources", `{"user":"` + strings.Repeat("x", wire.MaxBody) + `"}`, 413, wire.CodeTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) { wantProblem(t, f.post(c.path, c.body), c.status, c.code) })
	}
	// LHC-41: the refusal names the right zones.
	if p := wantProblem(t, f.post("sessions", `{"user":"bob","resource":"desktop:far"}`), 409, wire.CodeWrongZone); p.Zones[0] != "west" {
		t.Errorf("zones %v, want west", p.Zones)
	}
	wantProblem(t, f.post("sessions", bobsPool, wire.HeaderIdempotency, strings.Repeat("k", 256)), 400, wire.CodeBadRequest)
}

func TestDryRunReservesNothing(t *testing.T) {
	f := newFront(t)
	got := read[wire.LaunchAnswer](t, f.post("sessions?dry_run=true", bobsPool), 200)
	if got.Machine != "p1" || got.Ticket != "" {
		t.Errorf("answer %+v", got)
	}
	if s := f.engine.Stats(); s.Sessions+s.Tickets != 0 || f.hosts.log() != "" {
		t.Errorf("stats %+v, calls %q, want nothing", s, f.hosts.log())
	}
}

// "A refused broker learns from the answer and goes on to the next machine."
func TestNextMachineAfterRefusal(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func() (wire.CallAnswer, error)
	}{
		{"busy", func() (wire.CallAnswer, error) { return refuse(409, wire.CodeBusy) }},
		{"used", func() (wire.CallAnswer, error) { return refuse(409, wire.CodeUsed) }},
		{"assigned", func() (wire.CallAnswer, error) { return refuse(409, wire.CodeAssigned) }},
		{"stale lease", func() (wire.CallAnswer, error) { return refuse(403, wire.CodeLeaseStale) }},
		{"unreachable", func() (wire.CallAnswer, error) { return wire.CallAnswer{}, errors.New("connection refused") }},
		{"an answer that is no JSON", func() (wire.CallAnswer, error) { return wire.CallAnswer{Status: 201, Body: []byte("<html>")}, nil }},
		{"no address", func() (wire.CallAnswer, error) { return wire.CallAnswer{Status: 201, Body: []byte("{}")}, nil }},
		{"a server error", func() (wire.CallAnswer, error) { return wire.CallAnswer{Status: 500}, nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFront(t)
			f.hosts.answer = func(ctx context.Context, call wire.Call) (wire.CallAnswer, error) {
				if call.Machine == "p1" {
					return c.answer()
				}
				return agree(ctx, call)
			}
			if got := read[wire.LaunchAnswer](t, f.post("sessions", bobsPool), 201); got.Machine != "p2" {
				t.Errorf("got %s, want p2", got.Machine)
			}
			if s := f.engine.Stats(); s.Sessions != 1 {
				t.Errorf("%d sessions, want the refused reservation released", s.Sessions)
			}
		})
	}
}

func TestAllMachinesRefuse(t *testing.T) {
	f := newFront(t)
	f.hosts.answer = func(context.Context, wire.Call) (wire.CallAnswer, error) { return refuse(409, wire.CodeBusy) }
	w := f.post("sessions", bobsPool)
	wantProblem(t, w, 503, wire.CodeNoMachine)
	if got := w.Header().Get("Retry-After"); got != "5" {
		t.Errorf("Retry-After %q, want 5", got)
	}
	if got := f.hosts.log(); got != "p1 POST sessions, p2 POST sessions" {
		t.Errorf("calls %q, want each machine once", got)
	}
}

func TestUnreachableZoneEndsTheLaunch(t *testing.T) {
	f := newFront(t)
	f.hosts.answer = func(context.Context, wire.Call) (wire.CallAnswer, error) {
		return wire.CallAnswer{}, wire.NewProblem(503, wire.CodeZoneUnreachable, "")
	}
	wantProblem(t, f.post("sessions", bobsPool), 503, wire.CodeZoneUnreachable)
	if got := f.hosts.log(); got != "p1 POST sessions" {
		t.Errorf("calls %q, want one", got)
	}
}

// "The order is: reserve in memory, prepare, make durable, answer."
func TestDiskFailureUndoesTheLaunch(t *testing.T) {
	f := newFront(t)
	f.disk.fault = errors.New("disk full at /secret/path")
	w := f.post("sessions", bobsPool)
	wantProblem(t, w, 503, wire.CodeDisk)
	if strings.Contains(w.Body.String(), "secret") || w.Header().Get("Retry-After") != "1" {
		t.Errorf("answer %s, Retry-After %q", w.Body, w.Header().Get("Retry-After"))
	}
	if got := f.hosts.log(); got != "p1 POST sessions, p1 DELETE sessions" {
		t.Errorf("calls %q, want the session withdrawn on the host", got)
	}
	if got := f.hosts.calls[1].Path; !strings.HasSuffix(got, "?withdraw=true") {
		t.Errorf("DELETE %s would log off a user who has connected meanwhile, want a withdrawal", got)
	}
	if s := f.engine.Stats(); s.Sessions+s.Tickets != 0 {
		t.Errorf("stats %+v, want nothing left", s)
	}
}

// LHC-37: a prepare that fails takes nothing from a user who reconnects.
func TestFailedReconnectionLeavesTheSession(t *testing.T) {
	for name, answer := range map[string]func() (wire.CallAnswer, error){
		"no answer":    func() (wire.CallAnswer, error) { return wire.CallAnswer{}, context.DeadlineExceeded },
		"server error": func() (wire.CallAnswer, error) { return wire.CallAnswer{Status: 500}, nil },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFront(t)
			live := broker.Session{ID: "s1", User: "bob", Resource: "desktop:pool", State: broker.Active}
			if _, _, err := f.engine.Register(time.Now(), "lease-p1", broker.Registration{
				Machine: "p1", Zone: "east", Callback: "http://p1", Sessions: []broker.Session{live},
			}); err != nil {
				t.Fatal(err)
			}
			f.hosts.answer = func(ctx context.Context, c wire.Call) (wire.CallAnswer, error) {
				if c.Machine == "p1" {
					return answer()
				}
				return agree(ctx, c)
			}
			f.post("sessions", bobsPool)
			if got := f.hosts.log(); strings.Contains(got, "DELETE") {
				t.Errorf("calls %q, want nothing ended", got)
			}
			if got := f.engine.Sessions(); len(got) == 0 || got[0].ID != "s1" || got[0].State != broker.Active {
				t.Errorf("sessions %+v, want s1 as it was", got)
			}
		})
	}
}

func TestHeartbeat(t *testing.T) {
	for _, c := range []struct {
		name    string
		problem *wire.Problem
		status  int
	}{
		{"serving", nil, 200},
		{"not elected", wire.NewProblem(503, wire.CodeNotElected, ""), 503},
	} {
		h := storefront.Heartbeat(func() (wire.FrontHeartbeat, *wire.Problem) {
			return wire.FrontHeartbeat{Farm: "acme", State: zone.Normal}, c.problem
		})
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/storefront/v1/heartbeat", nil))
		if w.Code != c.status {
			t.Errorf("%s: status %d, want %d", c.name, w.Code, c.status)
		}
	}
}

func TestAuthority(t *testing.T) {
	a, b := storefront.Authority("cc01.example.test"), storefront.Authority("cc02.example.test")
	if len(a) != 15 || a[:3] != "STA" || strings.ToUpper(a) != a || a == b {
		t.Errorf("authorities %s and %s", a, b)
	}
}

func TestOptionsNameWhatIsMissing(t *testing.T) {
	if _, err := storefront.New(storefront.Options{}); err == nil || !strings.Contains(err.Error(), "Engine") {
		t.Errorf("error %v, want one that names Engine", err)
	}
}
