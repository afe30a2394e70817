package vda_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"understudy/vda"
	"understudy/wire"
)

// hostile sends any body and returns the answer, of which it checks the form.
func (b *bench) hostile(t *testing.T, method, path, zone, term, body string) (int, []byte) {
	t.Helper()
	r := httptest.NewRequest(method, "/", strings.NewReader(body))
	r.URL.Path = path
	r.Header.Set(wire.HeaderZone, zone)
	r.Header.Set(wire.HeaderTerm, term)
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	if w.Code >= 400 && w.Body.Len() > 0 && strings.HasPrefix(w.Header().Get("Content-Type"), "application/problem") {
		p := wire.ReadProblem(&http.Response{StatusCode: w.Code, Body: w.Result().Body})
		if p.Code == "" || p.Code == wire.CodeInternal {
			t.Errorf("%s %s: got %d %+v", method, path, w.Code, p)
		}
	}
	if w.Code >= 500 || w.Body.Len() > 2*wire.MaxDetail {
		t.Errorf("%s %s: got %d with %d bytes: %.300s", method, path, w.Code, w.Body.Len(), w.Body)
	}
	return w.Code, w.Body.Bytes()
}

// vdaRequests are what a desktop host may send; LEASE stands for its lease.
var vdaRequests = [...]struct{ method, path string }{
	{"POST", "/vda/v1/registrations"},
	{"PUT", "/vda/v1/registrations/LEASE"},
	{"POST", "/vda/v1/registrations/LEASE/sessions"},
	{"DELETE", "/vda/v1/registrations/LEASE"},
	{"GET", "/vda/v1/registrations/LEASE"},
}

// LHC-30: "accepts VDA registrations": of machines of its zone, and whatever else
// a host sends, in whatever order, what the engine then holds is its site's, can be
// written, and the machine can register again.
func FuzzHost(f *testing.F) {
	seed := func(lines ...string) { f.Add(strings.Join(lines, "\n"), "east", "7") }
	good, err := json.Marshal(registration())
	if err != nil {
		f.Fatal(err)
	}
	session := `{"id":"s1","user":"alice","resource":"desktop:pool","state":"active","started":"2026-01-01T00:00:00Z"}`
	seed("0"+string(good), `1{"load":10000,"used":true,"sessions":[`+session+`]}`, `2{"seq":1,"event":"ended","session":`+session+`}`, "3")
	seed("0"+string(good), `2{"seq":18446744073709551615,"event":"started","session":`+session+`}`, `2{"seq":1,"event":"connected","session":`+session+`}`, "4")
	seed(`0{"machine":"P1.EXAMPLE.TEST.","zone":"east","callback":"http://x","capacity":10000,"sessions":[`+session+","+session+`]}`, `1{"sessions":null}`)
	seed(`0{"machine":"p1.example.test","zone":"west","callback":"http://x","capacity":1}`, `0{"machine":"pw.example.test","zone":"east","callback":"http://x","capacity":1}`)
	seed(`0{"machine":"p1.example.test","zone":"east","callback":"http://x","capacity":1,"load":1e4,"term":18446744073709551615}`, `1{"load":NaN}`, `1{"load":-1}`)
	seed(`1{"assigned_user":"`+strings.Repeat("x", 70000)+`"}`, `2`+strings.Repeat("[", 9000), `0{"machine":"p1.example.test","zone":"east","callback":"http://`+strings.Repeat("%", 3000)+`","capacity":1}`)
	f.Fuzz(func(t *testing.T, script, zone, term string) {
		b := newBench(t, func(o *vda.Options) { o.TrustRelay = true })
		lease := b.register(t).Lease
		lines := strings.Split(script, "\n")
		for _, line := range lines[:min(len(lines), 12)] {
			if line == "" {
				continue
			}
			q := vdaRequests[int(line[0])%len(vdaRequests)]
			if line[0] >= '0' && line[0] <= '9' {
				q = vdaRequests[int(line[0]-'0')%len(vdaRequests)]
			}
			status, answer := b.hostile(t, q.method, strings.Replace(q.path, "LEASE", lease, 1), zone, term, line[1:])
			var granted wire.Lease
			if status == http.StatusCreated && json.Unmarshal(answer, &granted) == nil {
				lease = granted.Lease
			}
		}
		b.checkEngine(t)
	})
}

func (b *bench) checkEngine(t *testing.T) {
	t.Helper()
	if stats := b.engine.Stats(); stats.Registrations > len(company().Machines) || stats.Sessions > 1000 {
		t.Errorf("the engine holds %+v", stats)
	}
	for _, r := range b.records {
		text, err := json.Marshal(r)
		if err != nil || len(text) > 4*wire.MaxRegistration {
			t.Errorf("a record of %d bytes: %v", len(text), err)
		}
		if r.Machine != machine {
			t.Errorf("a record of %q: %+v", r.Machine, r)
		}
	}
	answer, text := b.do(t, "POST", "/vda/v1/registrations", registration())
	var lease wire.Lease
	if err := json.Unmarshal(text, &lease); err != nil || answer != "201" || len(lease.Lease) != 32 {
		t.Errorf("the machine cannot register any more: %s %s (%v)", answer, text, err)
	}
}

// A machine that answers a call with nonsense makes an error, or a body of JSON.
func FuzzCallback(f *testing.F) {
	f.Add("POST", "/v1/sessions", "http://p1.example.test:7485", 201, []byte(`{"address":"10.0.0.1","port":3389}`))
	f.Add("DELETE", "/v1/sessions/../../x?withdraw=true", "http://p1/m/p1", 204, []byte(" "))
	f.Add("POST", "/v1/%2e%2e/x", "http://p1@evil/", 500, bytes.Repeat([]byte("["), 70000))
	f.Add("GET", "/v1/reset", "ftp://x", 0, []byte("\xff"))
	f.Fuzz(func(t *testing.T, method, path, callback string, status int, answer []byte) {
		var asked *http.Request
		client := &http.Client{Transport: carrier(func(r *http.Request) (*http.Response, error) {
			asked = r
			w := httptest.NewRecorder()
			w.Body.Write(answer)
			resp := w.Result()
			resp.StatusCode = status
			return resp, nil
		})}
		a, err := vda.Caller{Client: client}.Call(t.Context(), wire.Call{ID: "1", Machine: machine, Callback: callback, Method: method, Path: path, Body: []byte("{}")})
		if asked != nil && (asked.URL.Host == "" || !strings.Contains(asked.URL.Path, "/v1/") || strings.Contains(asked.URL.Path, "/../")) {
			t.Errorf("%s %s at %s asked for %s", method, path, callback, asked.URL)
		}
		if err != nil {
			return
		}
		if asked == nil || a.Status != status || len(a.Body) > wire.MaxRegistration || len(a.Body) > 0 && !json.Valid(a.Body) {
			t.Errorf("got %d with %d bytes", a.Status, len(a.Body))
		}
		if _, err := json.Marshal(a); err != nil {
			t.Errorf("the answer cannot be passed on: %v", err)
		}
	})
}

type carrier func(*http.Request) (*http.Response, error)

func (c carrier) RoundTrip(r *http.Request) (*http.Response, error) { return c(r) }
