package server_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/sirupsen/logrus"

	"understudy/roles"
	"understudy/site"
	"understudy/wire"
)

// people are accounts, each with its own name as token.
type people map[string]roles.Who

func (p people) Who(token string) (roles.Who, bool) {
	who, ok := p[token]
	return who, ok
}

func everybody() people {
	p := people{}
	for _, role := range append(roles.All(), "stranger") {
		for suffix, scope := range map[string]roles.Scope{
			"": {}, "-of-east": {Zones: []string{"east"}}, "-of-own": {Groups: []string{"Own"}}, "-of-both": {Groups: []string{"Own"}, Zones: []string{"east"}},
		} {
			name := string(role) + suffix
			p[name] = roles.Who{Name: name, Role: role, Scope: scope}
		}
	}
	return p
}

// lines is a log that a test reads while it is written.
type lines struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// events returns the lines of an event.
func (l *lines) events(t *testing.T, name string) []map[string]any {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []map[string]any
	for line := range strings.Lines(l.text.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatal(err)
		}
		if fields["event"] == name {
			out = append(out, fields)
		}
	}
	return out
}

func startWithAccounts(t *testing.T) (running, *lines) {
	t.Helper()
	log := &lines{}
	o := options(t, t.TempDir())
	o.Accounts, o.Logger = everybody(), logrus.New()
	o.Logger.SetFormatter(&logrus.JSONFormatter{})
	o.Logger.SetOutput(log)
	return startWith(t, o), log
}

// status is that of the answer to a request.
func (r running) status(t testing.TB, method, path, token, body string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+r.Addr().String()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// Who may make each request of an administrator; nobody of them makes any other.
var (
	anybody = []string{"viewer", "viewer-of-east", "viewer-of-own", "viewer-of-both", "operator", "operator-of-east", "operator-of-own", "operator-of-both"}

	administration = map[string][]string{
		"GET /cloud/v1/health":                      anybody,
		"GET /cloud/v1/sites/example/":              anybody,
		"GET /cloud/v1/sites/example/findings":      anybody,
		"GET /cloud/v1/sites/example/configuration": {"viewer", "operator"},
		"PUT /cloud/v1/sites/example/":              {"operator", "operator-of-east", "operator-of-own", "operator-of-both"},
	}
)

// Trust 3: "Roles on the admin API": every route of the cloud broker's router, for
// everybody with an account.
func TestEveryRouteForEverybody(t *testing.T) {
	s, _ := startWithAccounts(t)
	router, ok := s.Router().(chi.Routes)
	if !ok {
		t.Fatal("the server has no router")
	}
	seen := 0
	err := chi.Walk(router, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		path := strings.NewReplacer("{site}", "example", "{lease}", "x", "{fqdn}", "cc1.example").Replace(route)
		may := administration[method+" "+path]
		if may != nil {
			seen++
		}
		for name := range everybody() {
			status := s.status(t, method, path, name, "")
			refused := status == http.StatusForbidden || status == http.StatusUnauthorized
			if refused == slices.Contains(may, name) {
				t.Errorf("%s %s as %s: %d", method, path, name, status)
			}
		}
		return nil
	})
	if err != nil || seen != len(administration) {
		t.Errorf("%d of %d routes are there: %v", seen, len(administration), err)
	}
}

// twoGroups is a site with one more group than the accounts know.
func twoGroups() *site.Site {
	s := exampleSite()
	s.Groups = append(s.Groups, site.DeliveryGroup{Name: "Farm", Kind: site.MultiSession, Zones: []string{"east"}, Desktop: "Farm"})
	s.Machines = append(s.Machines, site.Machine{Name: "f1.example", Group: "Farm", Zone: "east"})
	return s
}

// Trust 3: an operator of a group changes its settings and desktops, and nothing else;
// the version names the author; every try is in the log with who, from where, what.
func TestAnOperatorOfAGroup(t *testing.T) {
	s, log := startWithAccounts(t)
	if _, err := s.client(t, adminSecret, "").PutSite(t.Context(), twoGroups(), site.Version{}); err != nil {
		t.Fatal(err)
	}
	group := s.client(t, "operator-of-own", "")
	mine, err := group.Site(t.Context())
	if err != nil || len(mine.Site.Groups) != 1 || len(mine.Site.Machines) != 2 {
		t.Fatalf("%+v, %v", mine.Site, err)
	}
	mine.Site.Groups[0].MaxSessions, mine.Site.Machines[0].Maintenance = 7, true
	done, err := group.PutSite(t.Context(), mine.Site, mine.Version)
	if err != nil || done.Version.Number != mine.Version.Number+1 {
		t.Fatalf("%+v, %v", done, err)
	}
	if _, err := group.PutSite(t.Context(), twoGroups(), site.Version{}); !wire.IsCode(err, wire.CodeForbidden) || !strings.Contains(err.Error(), "delivery group Farm would change: you are operator-of-own") {
		t.Errorf("the whole site: %v", err)
	}
	mine.Site.MaxSessions = 1
	if _, err := group.PutSite(t.Context(), mine.Site, site.Version{}); !wire.IsCode(err, wire.CodeForbidden) {
		t.Errorf("the site's limit: %v", err)
	}
	if _, err := s.client(t, "viewer", "").PutSite(t.Context(), twoGroups(), site.Version{}); !wire.IsCode(err, wire.CodeForbidden) {
		t.Errorf("a viewer: %v", err)
	}
	now, err := s.client(t, adminSecret, "").Site(t.Context())
	if err != nil || len(now.Site.Groups) != 2 || now.Site.Groups[0].MaxSessions != 7 || now.Site.MaxSessions != 0 || len(now.Site.Machines) != 3 {
		t.Errorf("%+v, %v", now.Site, err)
	}
	judgeLog(t, log)
}

func judgeLog(t *testing.T, log *lines) {
	t.Helper()
	var who []any
	for _, e := range log.events(t, "admin_order") {
		who = append(who, e["who"])
		if from, _ := e["from"].(string); !strings.HasPrefix(from, "127.0.0.1:") || e["what"] != "PUT /cloud/v1/sites/example" || e["result"] != "done" || e["version"] == nil {
			t.Errorf("%v", e)
		}
	}
	if !slices.Equal(who, []any{"ops", "operator-of-own"}) {
		t.Errorf("orders of %v", who)
	}
	who = nil
	for _, e := range log.events(t, "admin_refused") {
		who = append(who, e["who"])
		if e["result"] != "forbidden" || e["reason"] == "" {
			t.Errorf("%v", e)
		}
	}
	if !slices.Equal(who, []any{"operator-of-own", "operator-of-own", "viewer"}) {
		t.Errorf("refusals of %v", who)
	}
	changes := log.events(t, "site_changed")
	if len(changes) != 2 || changes[1]["reason"] != "published by operator-of-own" {
		t.Errorf("changes %v", changes)
	}
}

// Without a token for it nothing is changed either, and that is told, within bounds.
func TestStrangersAreTold(t *testing.T) {
	s, log := startWithAccounts(t)
	for _, token := range []string{"guess-guess-guess-guess", connectorSecret} {
		for range 15 {
			s.status(t, http.MethodPut, "/cloud/v1/sites/example", token, "{}")
		}
	}
	told := log.events(t, "admin_refused")
	if len(told) != 20 || told[0]["who"] != "unknown" || told[0]["result"] != "unauthorized" || told[19]["result"] != "forbidden" {
		t.Errorf("%d lines, %v", len(told), told)
	}
	if text := log.text.String(); strings.Contains(text, "guess-guess") || strings.Contains(text, connectorSecret) {
		t.Error("a token is in the log")
	}
}

// Who is limited sees the findings of their groups and zones.
func TestFindingsAreCut(t *testing.T) {
	s, _ := startWithAccounts(t)
	if _, err := s.client(t, adminSecret, "").PutSite(t.Context(), twoGroups(), site.Version{}); err != nil {
		t.Fatal(err)
	}
	var list []wire.Finding
	for i, r := range []wire.OutageRecord{
		{Machine: "d1.example"}, {Machine: "f1.example"}, {Machine: "gone.example", Zone: "east", Group: "Own"}, {Machine: "gone.example"},
	} {
		r.Origin, r.Journal, r.Sequence = "cc1.example", "j", uint64(i+1)
		list = append(list, wire.Finding{Kind: wire.FindingRejected, What: "record " + strconv.Itoa(i+1), Record: r})
	}
	if err := s.AddFindings(t.Context(), list); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]uint64{"viewer": {1, 2, 3, 4}, "viewer-of-own": {1, 3}, "operator-of-east": {1, 2, 3}, "viewer-of-both": {1, 3}, adminSecret: {1, 2, 3, 4}} {
		page, err := s.client(t, name, "").Findings(t.Context(), 0, 100)
		if err != nil {
			t.Fatal(err)
		}
		var got []uint64
		for _, f := range page.Items {
			got = append(got, f.Record.Sequence)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s sees %v, want %v", name, got, want)
		}
	}
}
