package console_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"understudy/console"
	"understudy/events"
	"understudy/wire"
)

// What an operator's command sends is answered by JSON or a problem, nothing is
// done for who has no token, and no page of events is larger than the largest.
func FuzzAdmin(f *testing.F) {
	f.Add("POST", "/admin/v1/outage", "", "Bearer secret", `{"action":"force","reason":"drill","by":"ops"}`)
	f.Add("POST", "/admin/v1/outage", "", "secret", `{"action":"force","action":"clear","force":true}`)
	f.Add("GET", "/admin/v1/events", "after=1&limit=2", "Bearer secret", "")
	f.Add("GET", "/admin/v1/events", "after=-9223372036854775808&limit=1000", "Bearer secret", "")
	f.Add("GET", "/admin/v1/events", "limit=1&limit=100000&follow=%74rue", "Bearer secret", "")
	f.Add("GET", "/admin/v1/events", strings.Repeat("x", 9000)+"=1", "Bearer secret", "")
	f.Add("GET", "/admin/v1/events", "after="+strings.Repeat("9", 9000), "Bearer secret", "")
	f.Add("GET", "/admin/v1/"+strings.Repeat("x", 9000), "", "Bearer secret", "")
	f.Add("BREW", "/admin/v1/status", ";", "Bearer secret", strings.Repeat("[", 11000))
	f.Fuzz(func(t *testing.T, method, path, query, authorization, body string) {
		s := &story{}
		s.add(make([]events.Name, 2*console.MaxLimit)...)
		o, orders := options(s), 0
		outage := o.Outage
		o.Outage = func(ctx context.Context, order wire.OutageOrder) (wire.OutageAnswer, error) {
			orders++
			if err := order.Validate(); err != nil || authorization != "Bearer "+token {
				t.Errorf("%+v was carried out: %v", order, err)
			}
			return outage(ctx, order)
		}
		c, err := console.New(o)
		if err != nil {
			t.Fatal(err)
		}
		router := chi.NewRouter()
		c.Routes(router)
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // so that a follow ends with its first page
		r := (&http.Request{Method: method, URL: &url.URL{Path: path, RawQuery: query}, Header: http.Header{"Authorization": {authorization}}, Body: closer{strings.NewReader(body)}}).WithContext(ctx)
		w := httptest.NewRecorder()
		router.ServeHTTP(w, r)
		checkAdmin(t, w, authorization)
	})
}

type closer struct{ *strings.Reader }

func (closer) Close() error { return nil }

func checkAdmin(t *testing.T, w *httptest.ResponseRecorder, authorization string) {
	t.Helper()
	kind := w.Header().Get("Content-Type")
	switch {
	case w.Code == http.StatusOK && authorization != "Bearer "+token:
		t.Errorf("%q was let in", authorization)
	case w.Code == http.StatusOK && kind == "application/x-ndjson":
		checkLines(t, w)
	case w.Code == http.StatusOK:
		var page wire.List[events.Entry]
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || len(page.Items) > console.MaxLimit {
			t.Errorf("a page of %d events: %v", len(page.Items), err)
		}
	case kind == "application/problem+json":
		p := wire.ReadProblem(&http.Response{StatusCode: w.Code, Body: w.Result().Body})
		if p.Code == "" || w.Code >= 500 {
			t.Errorf("got %d %+v", w.Code, p)
		}
	case w.Code != http.StatusNotFound && w.Code != http.StatusMethodNotAllowed: // chi's own, outside the API
		t.Errorf("got %d %s: %.200s", w.Code, kind, w.Body)
	}
}

func checkLines(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	n := 0
	for lines := bufio.NewScanner(w.Body); lines.Scan(); n++ {
		if !json.Valid(lines.Bytes()) {
			t.Errorf("a line is not JSON: %.200s", lines.Text())
		}
	}
	if n > console.MaxLimit {
		t.Errorf("a page of %d events", n)
	}
}
