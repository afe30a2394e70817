package console_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/go-cmp/cmp"

	"understudy/console"
	"understudy/events"
	"understudy/roles"
	"understudy/wire"
)

// people are accounts, each with its own name as token.
type people map[string]roles.Who

func (p people) Who(token string) (roles.Who, bool) {
	who, ok := p[token]
	return who, ok
}

// everybody is one account of each sort, seen from a connector of zone berlin.
func everybody() people {
	p := people{}
	for _, role := range append(roles.All(), "stranger") {
		for suffix, scope := range map[string]roles.Scope{
			"":               {},
			"-of-berlin":     {Zones: []string{"berlin", "paris"}},
			"-of-tokyo":      {Zones: []string{"tokyo"}},
			"-of-farm":       {Groups: []string{"farm"}},
			"-of-berlinfarm": {Groups: []string{"farm"}, Zones: []string{"berlin"}},
			"-of-tokyofarm":  {Groups: []string{"farm"}, Zones: []string{"tokyo"}},
		} {
			name := string(role) + suffix
			p[name] = roles.Who{Name: name, Role: role, Scope: scope}
		}
	}
	return p
}

// Who may make a request of a kind, of everybody.
var (
	whole = []string{"operator", "operator-of-berlin"}
	read  = append([]string{"viewer", "viewer-of-berlin"}, whole...)
	part  = append([]string{"viewer-of-farm", "viewer-of-berlinfarm", "operator-of-farm", "operator-of-berlinfarm"}, read...)
)

// permissions say who may make each request of the API; a body goes with orders.
var permissions = map[string]struct {
	may  []string
	body string
}{
	"GET /admin/v1/whoami":         {slices.Concat(part, []string{"viewer-of-tokyo", "viewer-of-tokyofarm", "operator-of-tokyo", "operator-of-tokyofarm"}), ""},
	"GET /admin/v1/status":         {part, ""},
	"GET /admin/v1/peers":          {part, ""},
	"GET /admin/v1/snapshots":      {part, ""},
	"GET /admin/v1/snapshots/diff": {read, ""},
	"POST /admin/v1/snapshots":     {whole, `{"action":"verify"}`},
	"GET /admin/v1/registrations":  {part, ""},
	"GET /admin/v1/sessions":       {part, ""},
	"GET /admin/v1/groups":         {part, ""},
	"GET /admin/v1/sessions/peaks": {part, ""},
	"GET /admin/v1/events":         {part, ""},
	"GET /admin/v1/journal":        {part, ""},
	"GET /admin/v1/goroutines":     {read, ""},
	"POST /admin/v1/outage":        {whole, `{"action":"force"}`},
	"POST /admin/v1/election":      {whole, `{"action":"drain"}`},
	"POST /admin/v1/reload":        {whole, `{}`},
}

// stage is a console, and the deeds that it told of.
type stage struct {
	http.Handler
	router chi.Router
	deeds  []console.Deed
}

func newStage(t testing.TB, change func(*console.Options)) *stage {
	t.Helper()
	s := &stage{router: chi.NewRouter()}
	o := options(&story{})
	o.Accounts, o.Tell = everybody(), func(d console.Deed) { s.deeds = append(s.deeds, d) }
	if change != nil {
		change(&o)
	}
	c, err := console.New(o)
	if err != nil {
		t.Fatal(err)
	}
	c.Routes(s.router)
	s.Handler = s.router
	return s
}

func (s *stage) ask(method, path, token, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), method, path, strings.NewReader(body))
	r.RemoteAddr = "192.0.2.7:4242"
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// Trust 3: "Roles on the admin API": every route of the router, for everybody. A route
// that the table does not name fails, so nobody adds one without saying whose it is.
func TestEveryRouteForEverybody(t *testing.T) {
	s := newStage(t, nil)
	seen := 0
	err := chi.Walk(s.router, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		key := method + " " + route
		want, known := permissions[key]
		if !known {
			t.Errorf("nothing says who may %s", key)
			return nil
		}
		seen++
		for name := range everybody() {
			s.deeds = nil
			w := s.ask(method, route, name, want.body)
			may := slices.Contains(want.may, name)
			if got := w.Code == http.StatusOK; got != may || !may && w.Code != http.StatusForbidden {
				t.Errorf("%s as %s: %d %s, want %v", key, name, w.Code, w.Body, may)
			}
			if method != http.MethodGet {
				judgeDeed(t, key+" as "+name, s.deeds, name, may)
			} else if len(s.deeds) > 0 {
				t.Errorf("%s as %s: told %+v", key, name, s.deeds)
			}
		}
		return nil
	})
	if err != nil || seen != len(permissions) {
		t.Errorf("%d of %d routes are there: %v", seen, len(permissions), err)
	}
}

// judgeDeed: "every change is an event with who, from where, what"; the refused ones
// too, until there are too many.
func judgeDeed(t *testing.T, key string, deeds []console.Deed, name string, may bool) {
	t.Helper()
	if len(deeds) == 0 && !may {
		return // bounded: TestRefusalsAreBounded
	}
	if len(deeds) != 1 {
		t.Errorf("%s: %d deeds", key, len(deeds))
		return
	}
	d := deeds[0]
	what, _, _ := strings.Cut(key, " as ")
	if d.Name != name || d.From != "192.0.2.7:4242" || !strings.HasPrefix(d.What, what) || d.Refused == may || (d.Result == console.Done) != may {
		t.Errorf("%s: %+v", key, d)
	}
}

// A refusal says which role is needed and who one is.
func TestARefusalSaysWhatIsNeeded(t *testing.T) {
	s := newStage(t, nil)
	for who, want := range map[string]string{
		"viewer":            "you are viewer, viewer: this needs an operator",
		"operator-of-farm":  "you are operator-of-farm, operator for delivery group farm: this needs an operator who is not limited to less than the whole zone berlin",
		"operator-of-tokyo": "you are operator-of-tokyo, operator in zone tokyo: this needs an operator who is not limited to less than the whole zone berlin",
	} {
		var p wire.Problem
		w := s.ask("POST", "/admin/v1/outage", who, `{"action":"force"}`)
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Code != wire.CodeForbidden || p.Detail != want {
			t.Errorf("%s: %s (%v)", who, w.Body, err)
		}
	}
}

// An order is given in the name of the account, whatever it says; who shares the token
// of the data folder is known by what they say.
func TestOrdersAreSigned(t *testing.T) {
	for who, want := range map[string]struct{ name, by string }{"operator": {"operator", "operator"}, token: {roles.Local, "mallory"}} {
		var by string
		s := newStage(t, func(o *console.Options) {
			o.Outage = func(_ context.Context, o wire.OutageOrder) (wire.OutageAnswer, error) {
				by = o.By
				return wire.OutageAnswer{}, wire.NewProblem(http.StatusConflict, wire.CodeRefused, "not now")
			}
		})
		s.ask("POST", "/admin/v1/outage", who, `{"action":"force","reason":"drill","by":"mallory"}`)
		if by != want.by {
			t.Errorf("%s: by %s, want %s", who, by, want.by)
		}
		d := console.Deed{
			Who:  roles.Who{Name: want.name, Role: roles.Operator, From: "192.0.2.7:4242"},
			What: "POST /admin/v1/outage force", Reason: "drill", Said: "mallory", Result: wire.CodeRefused,
		}
		if diff := cmp.Diff([]console.Deed{d}, s.deeds); diff != "" {
			t.Error(diff)
		}
	}
}

// Refused changes are told, but not more than a bounded number; the next one that is
// told says how many were not. Strangers do not crowd out who is known.
func TestRefusalsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		for range 100 {
			s.ask("POST", "/admin/v1/outage", "guess", `{"action":"force"}`)
			s.ask("GET", "/admin/v1/status", "guess", "")
		}
		if len(s.deeds) != 20 || s.deeds[0].Name != roles.Unknown || !s.deeds[0].Refused || s.deeds[0].Result != wire.CodeUnauthorized {
			t.Fatalf("%d deeds, the first %+v", len(s.deeds), s.deeds[0])
		}
		s.ask("POST", "/admin/v1/outage", "viewer", `{"action":"force"}`)
		if d := s.deeds[len(s.deeds)-1]; len(s.deeds) != 21 || d.Untold != 0 || d.Name != "viewer" {
			t.Fatalf("one who is known: %d deeds, the last %+v", len(s.deeds), d)
		}
		time.Sleep(time.Minute)
		s.ask("POST", "/admin/v1/outage", "guess", `{"action":"force"}`)
		if d := s.deeds[len(s.deeds)-1]; len(s.deeds) != 22 || d.Untold != 80 || d.Name != roles.Unknown {
			t.Fatalf("%d deeds, the last %+v", len(s.deeds), d)
		}
	})
}

// Trust 3: who is limited to delivery groups sees theirs.
func TestListsAreCut(t *testing.T) {
	s := newStage(t, cutStory)
	for path, want := range map[string]struct{ shown, hidden []string }{
		"/status":             {[]string{"farm is short", "cc02 is lost", `"group":"farm"`}, []string{"office"}},
		"/snapshots":          {[]string{`"name":"farm"`}, []string{"office"}},
		"/registrations":      {[]string{"farm-1"}, []string{"office"}},
		"/sessions":           {[]string{"farm-1"}, []string{"office"}},
		"/groups":             {[]string{`"name":"farm"`}, []string{"office"}},
		"/sessions/peaks":     {[]string{`"sessions":7`}, []string{"office", `"sessions":12`}},
		"/events":             {[]string{"an outage began", "farm-1 was used"}, []string{"office", "somewhere"}},
		"/events?follow=true": {[]string{"an outage began", "farm-1 was used"}, []string{"office", "somewhere"}},
		"/journal":            {[]string{"farm-1"}, []string{"office"}},
	} {
		for _, who := range []string{"operator-of-farm", "viewer-of-berlinfarm", "viewer", token} {
			text := s.ask("GET", "/admin/v1"+path, who, "").Body.String()
			for _, word := range want.shown {
				if !strings.Contains(text, word) {
					t.Errorf("%s as %s does not say %q: %s", path, who, word, text)
				}
			}
			for _, word := range want.hidden {
				if limited := strings.Contains(who, "farm"); strings.Contains(text, word) == limited {
					t.Errorf("%s as %s: %q, want it hidden: %v: %s", path, who, word, limited, text)
				}
			}
		}
	}
}

// cutStory has everything of two groups.
func cutStory(o *console.Options) {
	o.Status = func() wire.Status {
		return wire.Status{
			Pools:     []wire.PoolStatus{{Group: "farm"}, {Group: "office"}},
			Missing:   []string{"cc02 is lost", "farm is short", "office is short"},
			MissingOf: map[string]string{"farm is short": "farm", "office is short": "office"},
			Snapshot:  &wire.SnapshotStatus{QuarantinedObjects: []wire.QuarantinedObject{{Kind: "machines", Name: "office-9"}}},
		}
	}
	o.Snapshots = func() wire.List[wire.SnapshotStatus] {
		return wire.List[wire.SnapshotStatus]{Items: []wire.SnapshotStatus{{QuarantinedObjects: []wire.QuarantinedObject{
			{Kind: "groups", Name: "farm"}, {Kind: "groups", Name: "office"}, {Kind: "machines", Name: "office-9"},
		}}}}
	}
	o.Registrations = func() wire.List[wire.RegistrationStatus] {
		return wire.List[wire.RegistrationStatus]{Items: []wire.RegistrationStatus{{Machine: "farm-1", Group: "farm"}, {Machine: "office-1", Group: "office"}}}
	}
	o.Sessions = func() wire.List[wire.SessionStatus] {
		return wire.List[wire.SessionStatus]{Items: []wire.SessionStatus{{Machine: "farm-1", Group: "farm"}, {Machine: "office-1", Group: "office"}}}
	}
	o.Groups = func() wire.GroupList {
		return wire.GroupList{Items: []wire.GroupStatus{{Name: "farm"}, {Name: "office"}}}
	}
	o.SessionPeaks = func(context.Context, int) (wire.List[wire.SessionPeak], error) {
		return wire.List[wire.SessionPeak]{Items: []wire.SessionPeak{{Sessions: 12}, {Group: "farm", Sessions: 7}, {Group: "office", Sessions: 5}}}, nil
	}
	o.Journal = func(context.Context, uint64, int) (wire.JournalPage, error) {
		return wire.JournalPage{Items: []wire.JournalItem{
			{OutageRecord: wire.OutageRecord{Machine: "farm-1"}}, {OutageRecord: wire.OutageRecord{Machine: "office-1", Group: "office"}},
		}}, nil
	}
	o.Events = func(ctx context.Context, q console.Query) ([]events.Entry, error) {
		if q.After > 0 {
			return nil, fmt.Errorf("that was all: %w", context.Canceled)
		}
		kind := func(name events.Name, reason string, fields map[string]any) events.Entry {
			return events.Entry{ID: 5, Code: events.Lookup(name).Code, Event: name, Reason: reason, Fields: fields}
		}
		return []events.Entry{
			kind(events.OutageBegan, "an outage began", nil), kind(events.MachineUsed, "farm-1 was used", map[string]any{"machine": "farm-1"}),
			kind(events.MachineUsed, "office-1 was used", map[string]any{"machine": "office-1"}), kind(events.RecordRejected, "of somewhere", nil),
		}, nil
	}
}

// "understudy whoami": who one is, where from, and whether one may change the zone.
func TestWhoami(t *testing.T) {
	s := newStage(t, nil)
	for who, want := range map[string]wire.Account{
		"viewer-of-berlinfarm": {Name: "viewer-of-berlinfarm", Role: "viewer", Groups: []string{"farm"}, Zones: []string{"berlin"}},
		"operator-of-berlin":   {Name: "operator-of-berlin", Role: "operator", Zones: []string{"berlin", "paris"}, Changes: true},
		token:                  {Name: "local", Role: "operator", Changes: true},
	} {
		want.From, want.Zone = "192.0.2.7:4242", "berlin"
		var got wire.Account
		if err := json.Unmarshal(s.ask("GET", "/admin/v1/whoami", who, "").Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	}
}

// On the socket the kernel says who asks; a token of an account makes one that account.
func TestTheSocketSaysWho(t *testing.T) {
	var d console.Deed
	address := serveWith(t, "unix", filepath.Join(t.TempDir(), "admin.sock"), func(o *console.Options) {
		o.Accounts, o.Tell = everybody(), func(told console.Deed) { d = told }
	})
	me := newClient(t, "unix:"+address, "")
	account, err := me.Whoami(t.Context())
	if err != nil || account.Name == "" || account.Role != "operator" || !strings.HasPrefix(account.From, "unix socket, ") || !account.Changes {
		t.Errorf("%+v, %v", account, err)
	}
	if _, err := me.Outage(t.Context(), wire.OutageOrder{Action: "force", By: "mallory"}); err != nil || d.Name != account.Name || d.From != account.From {
		t.Errorf("%v: %+v", err, d)
	}
	if account, err := newClient(t, "unix:"+address, "viewer").Whoami(t.Context()); err != nil || account.Name != "viewer" || account.Changes {
		t.Errorf("%+v, %v", account, err)
	}
}

// `understudy events --kind`: only those, also when they are followed.
func TestEventsOfAKind(t *testing.T) {
	var asked []console.Query
	s := newStage(t, func(o *console.Options) {
		o.Events = func(_ context.Context, q console.Query) ([]events.Entry, error) {
			asked = append(asked, q)
			if len(asked) > 2 {
				return nil, context.Canceled
			}
			return []events.Entry{{ID: int64(len(asked))}}, nil
		}
	})
	s.ask("GET", "/admin/v1/events?follow=true&kind=admin_order,elected", token, "")
	if len(asked) != 3 {
		t.Fatalf("asked %+v", asked)
	}
	for _, q := range asked {
		if !slices.Equal(q.Names, []events.Name{events.AdminOrder, events.Elected}) {
			t.Errorf("asked for %v", q.Names)
		}
	}
	if w := s.ask("GET", "/admin/v1/events?kind=nothing", token, ""); w.Code != http.StatusBadRequest {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// "Take an account out of a file: its token is good for nothing at once": also for who
// follows the events already; one that is limited from now on sees less.
func TestFollowingEndsWithTheAccount(t *testing.T) {
	story := &story{}
	var mu sync.Mutex // guards all
	all := everybody()
	address := serveWith(t, "tcp", "127.0.0.1:0", func(o *console.Options) {
		o.Events, o.Accounts = story.read, accountsNow(func(token string) (roles.Who, bool) {
			mu.Lock()
			defer mu.Unlock()
			return all.Who(token)
		})
	})
	change := func(who roles.Who, there bool) {
		mu.Lock()
		defer mu.Unlock()
		if all["viewer"] = who; !there {
			delete(all, "viewer")
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/admin/v1/events?follow=true", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer viewer")
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	story.tell(events.Entry{Event: events.Started}, events.Entry{Event: events.SyncFailed})
	for _, want := range []events.Name{events.Started, events.SyncFailed} {
		if !lines.Scan() || !strings.Contains(lines.Text(), string(want)) {
			t.Fatalf("got %q, %v, want %s", lines.Text(), lines.Err(), want)
		}
	}
	change(roles.Who{Name: "viewer", Role: roles.Viewer, Scope: roles.Scope{Groups: []string{"farm"}}}, true)
	story.tell(events.Entry{Code: 505, Event: events.SyncFailed}, events.Entry{Code: 100, Event: events.Stopped})
	if !lines.Scan() || !strings.Contains(lines.Text(), string(events.Stopped)) {
		t.Errorf("limited: got %q, %v", lines.Text(), lines.Err())
	}
	change(roles.Who{}, false)
	story.tell(events.Entry{Code: 101, Event: events.Stopped})
	if lines.Scan() || lines.Err() != nil {
		t.Errorf("without the account: got %q, %v, want the end", lines.Text(), lines.Err())
	}
}

// accountsNow are accounts that change.
type accountsNow func(token string) (roles.Who, bool)

func (a accountsNow) Who(token string) (roles.Who, bool) { return a(token) }

// tell adds entries at the same time.
func (s *story) tell(entries ...events.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range entries {
		e.ID = int64(len(s.entries) + 1)
		s.entries = append(s.entries, e)
	}
}
