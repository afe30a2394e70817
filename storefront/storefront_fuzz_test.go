package storefront_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"understudy/site"
	"understudy/wire"
)

var frontPaths = [...]string{"resources", "sessions", "tickets/redeem"}

// hostile sends any request and checks the form of the answer.
func (f *front) hostile(t *testing.T, path, query, key, zone, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/storefront/v1/"+path, strings.NewReader(body))
	r.URL.RawQuery = query
	r.Header[wire.HeaderIdempotency] = []string{key}
	r.Header[wire.HeaderZone] = []string{zone}
	w := httptest.NewRecorder()
	f.router.ServeHTTP(w, r)
	text := w.Body.Bytes()
	if w.Code >= 400 {
		p := wire.ReadProblem(&http.Response{StatusCode: w.Code, Header: w.Header(), Body: w.Result().Body})
		if p.Code == "" || p.Code == wire.CodeInternal || w.Code != http.StatusServiceUnavailable && w.Code >= 500 {
			t.Errorf("%s: got %d %+v", path, w.Code, p)
		}
		if len(text) > 2*wire.MaxDetail+len(zone) {
			t.Errorf("%s: a problem of %d bytes", path, len(text))
		}
	}
	if !json.Valid(text) {
		t.Errorf("%s: got %d with %.200q", path, w.Code, text)
	}
	return w
}

// NEW-02: what a StoreFront asks is answered by a session, a list, or a problem.
// Who is given a machine is entitled to it, and its machine is no other user's.
func FuzzFront(f *testing.F) {
	f.Add(uint8(1), "", "key-1", "east", `{"user":"bob","resource":"desktop:pool"}`)
	f.Add(uint8(1), "dry_run=true", "", "west", `{"user":"BOB","groups":["x"],"resource":"desktop:far","client":{"name":"n"}}`)
	f.Add(uint8(1), "dry_run=1&dry_run=%zz", strings.Repeat("k", 300), "\x00", `{"user":"carol","resource":"desktop:own"}`)
	f.Add(uint8(1), "dry_run="+strings.Repeat("x", 5000), "", "", `{}`)
	f.Add(uint8(1), "", "", "", `{"user":"bob","resource":"desktop:`+strings.Repeat("x", 9000)+`"}`)
	f.Add(uint8(1), "", "", "", `{"user":"bob","user":"dave","resource":"app:x","resource":"desktop:pool"}`)
	f.Add(uint8(1), "", "", "", `{"user":"bob","resource":"desktop:pool","later":1}`)
	f.Add(uint8(1), "", "", "", `{"user":"bob","resource":"desktop:pool"}{}`)
	f.Add(uint8(0), "", "", "", `{"user":"alice","groups":null}`)
	f.Add(uint8(0), "", "", "", `{"user":"\ud800","groups":[1e999]}`)
	f.Add(uint8(2), "", "", "", `{"ticket":"x"}`)
	f.Add(uint8(2), "dry_run=true", "", "", `{"ticket":"`+strings.Repeat("t", 9000)+`"} {}`)
	f.Add(uint8(2), "", "", "", strings.Repeat("[", 11000))
	f.Fuzz(func(t *testing.T, path uint8, query, key, zone, body string) {
		b := newFront(t)
		b.register(t, "a1")
		taken := b.post("sessions", `{"user":"alice","resource":"desktop:pool"}`)
		theirs := read[wire.LaunchAnswer](t, taken, http.StatusCreated)
		before := len(b.disk.records)
		w := b.hostile(t, frontPaths[int(path)%len(frontPaths)], query, key, zone, body)
		if w.Code == http.StatusCreated {
			checkLaunch(t, b, theirs, w, body)
		} else if len(b.disk.records) != before {
			t.Errorf("got %d, but %+v was recorded", w.Code, b.disk.records[before:])
		}
		redeemed := b.post("tickets/redeem", `{"ticket":"`+theirs.Ticket+`"}`)
		if got := read[wire.RedeemAnswer](t, redeemed, http.StatusOK); got.User != "alice" {
			t.Errorf("the ticket of alice is that of %q", got.User)
		}
	})
}

func checkLaunch(t *testing.T, b *front, theirs wire.LaunchAnswer, w *httptest.ResponseRecorder, body string) {
	t.Helper()
	got := read[wire.LaunchAnswer](t, w, http.StatusCreated)
	var asked wire.LaunchRequest
	d := json.NewDecoder(strings.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&asked); err != nil || d.More() || asked.Validate() != nil {
		t.Fatalf("taken, but not valid: %v, %v", err, asked.Validate())
	}
	index := b.engine.Resources(asked.User, asked.Groups)
	entitled := false
	for _, r := range index {
		entitled = entitled || r.ID == asked.Resource
	}
	if !entitled {
		t.Errorf("%q was given %s without being entitled to %q", asked.User, got.Machine, asked.Resource)
	}
	if got.Machine == theirs.Machine && site.UserKey(asked.User) != site.UserKey("alice") {
		t.Errorf("%q was given alice's machine", asked.User)
	}
}

// A machine, or a connector before it, that answers a prepare with nonsense makes
// a refusal, and holds nothing of the engine.
func FuzzPrepared(f *testing.F) {
	f.Add(201, []byte(`{"address":"10.0.0.1","port":3389,"protocol":"rdp"}`))
	f.Add(200, []byte(`{"address":"`+strings.Repeat("a", 5000)+`","port":-1}`))
	f.Add(201, []byte(`{"address":"x","port":1e3}`))
	f.Add(201, []byte(`{"address":"10.0.0.1","port":70000}`))
	f.Add(201, []byte(`{"port":9223372036854775808}`))
	f.Add(409, []byte(`{"code":"busy"}`))
	f.Add(503, []byte(`{"code":"zone_unreachable","status":-7}`))
	f.Add(-1, []byte(strings.Repeat("[", 11000)))
	f.Add(409, []byte(`{"code":"in_ha_mode","detail":"`+strings.Repeat("x", 9000)+`"}`))
	f.Fuzz(func(t *testing.T, status int, answer []byte) {
		b := newFront(t)
		b.hosts.answer = func(_ context.Context, c wire.Call) (wire.CallAnswer, error) {
			return wire.CallAnswer{ID: c.ID, Status: status, Body: answer}, nil
		}
		w := b.hostile(t, "sessions", "", "", "", `{"user":"bob","resource":"desktop:pool"}`)
		if w.Code == http.StatusCreated {
			got := read[wire.LaunchAnswer](t, w, http.StatusCreated)
			if got.Address == "" || got.Port < 1 || got.Port > 65535 || len(got.Address) > 255 {
				t.Errorf("a launch to %.300q port %d", got.Address, got.Port)
			}
			return
		}
		if len(b.disk.records) > 0 || b.engine.Stats().Sessions > 0 {
			t.Errorf("got %d, but there are %+v and %+v", w.Code, b.disk.records, b.engine.Stats())
		}
	})
}
