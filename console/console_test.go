package console_test

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"understudy/console"
	"understudy/env"
	"understudy/events"
	"understudy/site"
	"understudy/wire"
	"understudy/zone"
)

const token = "secret"

// story is a table of events that grows while it is followed.
type story struct {
	mu      sync.Mutex // guards entries
	entries []events.Entry
}

func (s *story) add(names ...events.Name) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range names {
		s.entries = append(s.entries, events.Entry{ID: int64(len(s.entries) + 1), Event: n})
	}
}

func (s *story) read(_ context.Context, q console.Query) ([]events.Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := q.After
	if q.Newest {
		from = max(0, int64(len(s.entries)-q.Limit))
	}
	out := s.entries[min(from, int64(len(s.entries))):]
	return append([]events.Entry(nil), out[:min(q.Limit, len(out))]...), nil
}

func options(s *story) console.Options {
	return console.Options{
		Status: func() wire.Status { return wire.Status{State: zone.ExtendedHA, Reason: "the cloud is away"} },
		Events: s.read,
		Peers: func() wire.List[wire.PeerStatus] {
			return wire.List[wire.PeerStatus]{Items: []wire.PeerStatus{{FQDN: "cc01"}}}
		},
		Snapshots: func() wire.List[wire.SnapshotStatus] {
			return wire.List[wire.SnapshotStatus]{Items: []wire.SnapshotStatus{}}
		},
		Registrations: func() wire.List[wire.RegistrationStatus] {
			return wire.List[wire.RegistrationStatus]{Items: []wire.RegistrationStatus{}, Note: "not serving"}
		},
		Journal: func(_ context.Context, after uint64, limit int) (wire.JournalPage, error) {
			page := wire.JournalPage{Journal: wire.JournalStatus{ID: "j1", Records: 3, Limit: 100}, Items: []wire.JournalItem{}}
			for n := after + 1; n <= 3 && len(page.Items) < limit; n++ {
				page.Items = append(page.Items, wire.JournalItem{OutageRecord: wire.OutageRecord{Journal: "j1", Sequence: n, Kind: "launch"}})
			}
			return page, nil
		},
		Groups: groups,
		SessionPeaks: func(_ context.Context, days int) (wire.List[wire.SessionPeak], error) {
			return wire.List[wire.SessionPeak]{Items: sessionPeaks(days)}, nil
		},
		Sessions: func() wire.List[wire.SessionStatus] {
			return wire.List[wire.SessionStatus]{Items: []wire.SessionStatus{}}
		},
		Outage: func(_ context.Context, o wire.OutageOrder) (wire.OutageAnswer, error) {
			if o.Reason == "no snapshot" {
				return wire.OutageAnswer{}, wire.NewProblem(http.StatusConflict, wire.CodeRefused, "there is no usable snapshot")
			}
			return wire.OutageAnswer{Record: zone.Record{Number: 7, Mode: zone.InitialHA, Reason: o.Action + " by " + o.By}}, nil
		},
		Election: func(_ context.Context, o wire.ElectionOrder) (wire.ElectionAnswer, error) {
			if o.Action == wire.Promote {
				return wire.ElectionAnswer{}, wire.NewProblem(http.StatusConflict, wire.CodeRefused, "cc02 is seen and serves")
			}
			return wire.ElectionAnswer{Connector: "cc01", Election: wire.ElectionStatus{Draining: o.Action == wire.Drain, Reason: o.Action + " by " + o.By}}, nil
		},
		SnapshotDiff: func(context.Context) (wire.SnapshotDiff, error) {
			return wire.SnapshotDiff{Kinds: []wire.KindDiff{{Kind: "machines", Removed: 3}}}, nil
		},
		SnapshotOrder: func(_ context.Context, o wire.SnapshotOrder) (wire.SnapshotAnswer, error) {
			if o.Action == wire.RollbackSnapshot {
				return wire.SnapshotAnswer{}, wire.NewProblem(http.StatusConflict, wire.CodeRefused, "there is no older generation")
			}
			return wire.SnapshotAnswer{Version: site.Version{History: o.Action, Number: 3}}, nil
		},
		Zone: "berlin", GroupOf: groupOf, Tell: func(console.Deed) {},
		Reload: func(context.Context, wire.ReloadOrder) (wire.ReloadAnswer, error) {
			return wire.ReloadAnswer{Changed: []string{"the certificate of cc01.pem"}, Unreadable: []string{}}, nil
		},
		Token: token, Poll: 5 * time.Millisecond,
	}
}

// groupOf: the machines of this zone are called by their group and a number.
func groupOf(machine string) (string, bool) {
	group, _, ok := strings.Cut(machine, "-")
	return group, ok
}

func groups() wire.GroupList { return wire.GroupList{Items: []wire.GroupStatus{{Name: "farm"}}} }

func sessionPeaks(days int) []wire.SessionPeak {
	return []wire.SessionPeak{{Day: "2026-01-02", Sessions: days}}
}

// serve returns the address of a console on a TCP port or a Unix socket.
func serve(t testing.TB, network string, s *story) string {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "admin.sock")
	}
	return serveWith(t, network, address, func(o *console.Options) { o.Events = s.read })
}

// serveWith serves a console as a connector does.
func serveWith(t testing.TB, network, address string, change func(*console.Options)) string {
	t.Helper()
	o := options(&story{})
	change(&o)
	c, err := console.New(o)
	if err != nil {
		t.Fatal(err)
	}
	r := chi.NewRouter()
	c.Routes(r)
	l, err := (&net.ListenConfig{}).Listen(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: r}
	bound := env.Bound(l, server, env.Room{Share: 1})
	go func() { _ = server.Serve(bound) }()
	t.Cleanup(func() { _ = server.Close() })
	return l.Addr().String()
}

func ask(t testing.TB, method, url, bearer, body string) *wire.Problem {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return wire.ReadProblem(resp)
}

func TestBadRequestsGetProblems(t *testing.T) {
	base := "http://" + serve(t, "tcp", &story{}) + "/admin/v1"
	tests := []struct {
		name, method, path, bearer, body string
		status                           int
		code                             string
	}{
		{"no token", "GET", "/status", "", "", 401, wire.CodeUnauthorized},
		{"wrong token", "GET", "/status", "guess", "", 401, wire.CodeUnauthorized},
		{"unknown path without a token", "GET", "/secrets", "", "", 401, wire.CodeUnauthorized},
		{"unknown path", "GET", "/secrets", token, "", 404, wire.CodeNotFound},
		{"wrong method", "DELETE", "/status", token, "", 405, wire.CodeMethod},
		{"unknown field", "POST", "/outage", token, `{"action":"force","force":true}`, 400, wire.CodeBadRequest},
		{"unknown action", "POST", "/outage", token, `{"action":"toggle"}`, 400, wire.CodeBadRequest},
		{"not JSON", "POST", "/outage", token, `force`, 400, wire.CodeBadRequest},
		{"too large", "POST", "/outage", token, `{"reason":"` + strings.Repeat("x", 2<<20) + `"}`, 413, wire.CodeTooLarge},
		{"refused by state", "POST", "/outage", token, `{"action":"force","reason":"no snapshot"}`, 409, wire.CodeRefused},
		{"unknown order", "POST", "/election", token, `{"action":"resign"}`, 400, wire.CodeBadRequest},
		{"unknown field of an order", "POST", "/election", token, `{"action":"drain","yes":true}`, 400, wire.CodeBadRequest},
		{"order refused by state", "POST", "/election", token, `{"action":"promote"}`, 409, wire.CodeRefused},
		{"order read", "GET", "/election", token, "", 405, wire.CodeMethod},
		{"order without a token", "POST", "/election", "", `{"action":"drain"}`, 401, wire.CodeUnauthorized},
		{"bad limit", "GET", "/events?limit=0", token, "", 400, wire.CodeBadRequest},
		{"bad after", "GET", "/events?after=x", token, "", 400, wire.CodeBadRequest},
		{"unknown parameter", "GET", "/events?since=1", token, "", 400, wire.CodeBadRequest},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := ask(t, tt.method, base+tt.path, tt.bearer, tt.body)
			if p.Status != tt.status || p.Code != tt.code {
				t.Errorf("%d %s (%s), want %d %s", p.Status, p.Code, p.Detail, tt.status, tt.code)
			}
		})
	}
}

func TestNobodyGetsInOverTCPWithoutAToken(t *testing.T) {
	o := options(&story{})
	o.Token = ""
	c, err := console.New(o)
	if err != nil {
		t.Fatal(err)
	}
	r := chi.NewRouter()
	c.Routes(r)
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: r}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	if got := ask(t, "GET", "http://"+l.Addr().String()+"/admin/v1/status", "", "").Status; got != http.StatusUnauthorized {
		t.Errorf("status %d, want 401", got)
	}
}

func TestOptionsNameTheMissingField(t *testing.T) {
	for field, spoil := range map[string]func(*console.Options){
		"Status": func(o *console.Options) { o.Status = nil }, "Outage": func(o *console.Options) { o.Outage = nil },
		"Election": func(o *console.Options) { o.Election = nil },
	} {
		o := options(&story{})
		spoil(&o)
		if _, err := console.New(o); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("without %s: %v", field, err)
		}
	}
}
