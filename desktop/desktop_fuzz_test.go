package desktop_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/sirupsen/logrus"

	"understudy/desktop"
	"understudy/site"
	"understudy/wire"
)

const fuzzed = site.FQDN("d1.example.test")

// calls are what brokers ask of a host.
var calls = [...]struct{ method, path string }{
	{"POST", "/v1/sessions"},
	{"DELETE", "/v1/sessions/"},
	{"POST", "/v1/reset"},
}

// aHost serves a state that a file may hold.
func aHost(capacity int, s desktop.State) (http.Handler, func() desktop.State, *desktop.Memory) {
	log := logrus.New()
	log.SetOutput(io.Discard)
	disk := &desktop.Memory{Saved: s}
	h, now := desktop.Host(fuzzed, capacity, s, disk, &desktop.Simulated{Machine: fuzzed}, log)
	return h, now, disk
}

// checkHost: what the host holds is on its disk, is no more than it has room for,
// and can be reported to a broker.
func checkHost(t *testing.T, capacity int, s desktop.State, disk *desktop.Memory) {
	t.Helper()
	if diff := cmp.Diff(s, disk.Saved, sameState); diff != "" {
		t.Errorf("in memory and on disk (-memory +disk):\n%s", diff)
	}
	if len(s.Sessions) > capacity {
		t.Errorf("%d sessions on a host for %d", len(s.Sessions), capacity)
	}
	r := wire.Registration{Machine: fuzzed, Zone: "east", Callback: "http://x", Capacity: capacity, Term: s.Term, AssignedUser: s.AssignedUser}
	ids := map[string]bool{}
	for _, h := range s.Sessions {
		if ids[h.ID] {
			t.Errorf("two sessions are named %q", h.ID)
		}
		ids[h.ID] = true
		r.Sessions = append(r.Sessions, h.Session)
	}
	text, err := json.Marshal(r)
	if err != nil || r.Validate() != nil || len(text) > wire.MaxRegistration {
		t.Errorf("no broker takes what the host holds: %d bytes, %v, %v", len(text), err, r.Validate())
	}
}

var sameState = cmp.Options{
	cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(desktop.State{}, desktop.Held{}),
}

// LHC-25: whatever comes to the callback, the host does nothing for who does not
// hold its lease, takes no second user, and never answers before it is durable.
func FuzzHost(f *testing.F) {
	seed := func(lines ...string) { f.Add(strings.Join(lines, "\n")) }
	seed(`0{"lease":"l","term":5,"session":"s1","user":"alice","resource":"desktop:pool","life":"200s"}`, `0{"lease":"l","term":5,"session":"s2","user":"bob","reuse":true}`, "1s1?withdraw=true", `2{"lease":"l","term":5}`)
	seed(`0{"lease":"l","term":18446744073709551615,"session":"s1","user":"alice","assign":true,"life":"-1ns"}`, `0{"lease":"l","term":5,"session":"s1","user":"ALICE"}`, "1s1")
	seed(`0{"lease":"l","term":6,"session":"s1","user":"alice","life":"2562047h47m16.854775807s"}`, `0{"lease":"l","term":6,"session":"s3","user":"Alice"}`)
	long := strings.Repeat("s", 60000)
	seed(`0{"lease":"l","term":6,"session":"a`+long+`","user":"alice"}`, `0{"lease":"l","term":6,"session":"b`+long+`","user":"bob"}`)
	seed(`0{"lease":"l","term":6,"session":"s","user":"` + strings.Repeat("\\u0000", 9000) + `"}`)
	seed(`0{"lease":"l","term":6,"session":"s","user":"a","resource":"` + strings.Repeat("r", 60000) + `"}`)
	seed(`0{"lease":"x","term":6,"session":"s","user":"a"}`, `2{"lease":"","term":9}`, "1%2e%2e", "1a/b", "2[[[[[", "0"+strings.Repeat(" ", 70000))
	f.Fuzz(func(t *testing.T, script string) {
		const capacity = 2
		h, now, disk := aHost(capacity, desktop.State{Machine: fuzzed, Term: 5, Lease: "l"})
		lines := strings.Split(script, "\n")
		for _, line := range lines[:min(len(lines), 12)] {
			if line == "" {
				continue
			}
			was := now()
			status := ask(t, h, int(line[0]), line[1:])
			checkRight(t, line, status, was, now())
			checkHost(t, capacity, now(), disk)
		}
	})
}

func ask(t *testing.T, h http.Handler, kind int, text string) int {
	t.Helper()
	c, query := calls[(kind+len(calls)-'0'%len(calls))%len(calls)], ""
	path, body := c.path, text
	if c.method == http.MethodDelete {
		text, query, _ = strings.Cut(text, "?")
		path, body = path+text, ""
	}
	r := httptest.NewRequest(c.method, "/", strings.NewReader(body))
	r.URL.Path, r.URL.RawQuery = path, query
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code >= 400 && w.Code != http.StatusNotFound && w.Code != http.StatusMethodNotAllowed {
		p := wire.ReadProblem(&http.Response{StatusCode: w.Code, Body: w.Result().Body})
		if p.Code == "" || w.Code >= 500 {
			t.Errorf("%s %s: got %d %+v", c.method, path, w.Code, p)
		}
	}
	return w.Code
}

// checkRight: a prepare or reset that is taken came with the lease, and no lower
// term; one that is refused changes nothing; the term never goes back.
func checkRight(t *testing.T, line string, status int, was, is desktop.State) {
	t.Helper()
	var said struct {
		Lease string `json:"lease"`
		Term  uint64 `json:"term"`
	}
	if line[0] != '1' && status/100 == 2 && json.Unmarshal([]byte(line[1:]), &said) == nil && (line[0] == '0' || line[0] == '2') {
		if said.Lease != was.Lease || said.Term < was.Term {
			t.Errorf("%.200s: taken with term %d and lease %q, the host has %d and %q", line, said.Term, said.Lease, was.Term, was.Lease)
		}
	}
	if status/100 != 2 && cmp.Diff(was, is, sameState) != "" {
		t.Errorf("%.200s: refused with %d, but changed:\n%s", line, status, cmp.Diff(was, is, sameState))
	}
	if is.Term < was.Term || is.Lease != was.Lease {
		t.Errorf("%.200s: term %d, lease %q became %d, %q", line, was.Term, was.Lease, is.Term, is.Lease)
	}
}

// A state file is the whole of what was saved or is refused, and a host that starts
// from one keeps its promises.
func FuzzState(f *testing.F) {
	full := desktop.State{
		Machine: fuzzed, Term: 1 << 63, Lease: "l", Used: true, AssignedUser: "alice", Boot: "b", Seq: 9, Connectors: []string{"http://cc01:7480"},
		Sessions: []desktop.Held{{Session: wire.Session{ID: "s", User: "alice", State: wire.Reserved, Started: time.Unix(0, 0).UTC()}, Life: 1, Assigned: true}},
		Reports:  []wire.SessionReport{{Seq: 9, Event: wire.SessionEnded, Session: wire.Session{ID: "t", User: "bob", State: wire.Active}}},
	}
	b, err := desktop.EncodeState(full)
	if err != nil {
		f.Fatal(err)
	}
	var doc struct {
		State json.RawMessage `json:"state"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		f.Fatal(err)
	}
	f.Add(b, false)
	f.Add(b[:len(b)-2], false)
	f.Add([]byte(doc.State), true)
	f.Add([]byte(`{"machine":"d1.example.test","sessions":[{"id":"s","user":"a","state":"later","life":"-5h"},{"id":"s"}],"lease":"l"}`), true)
	f.Add(bytes.Repeat([]byte("["), 11000), true)
	f.Add([]byte(`null`), true)
	f.Fuzz(func(t *testing.T, b []byte, mend bool) {
		if mend {
			b = []byte(`{"format":1,"sha256":"` + desktop.Digest(b) + `","state":` + string(b) + `}`)
		}
		s, err := desktop.DecodeState(b)
		if err != nil {
			if len(err.Error()) > 2*wire.MaxDetail {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		text, err := desktop.EncodeState(s)
		if err != nil {
			t.Fatalf("what was read cannot be saved: %v", err)
		}
		again, err := desktop.DecodeState(text)
		if diff := cmp.Diff(s, again, sameState); err != nil || diff != "" {
			t.Errorf("saved and read again: %v (-was +is):\n%s", err, diff)
		}
		h, now, disk := aHost(1, s)
		before := len(now().Sessions)
		ask(t, h, '0', `{"lease":"l","term":18446744073709551615,"session":"new","user":"carol","reuse":true,"single":true}`)
		ask(t, h, '2', `{"lease":"l","term":18446744073709551615}`)
		checkHost(t, max(1, before), now(), disk)
		if got := now().Booted("another boot").Sessions; len(got) > 0 {
			t.Errorf("after another boot there is %+v", got)
		}
	})
}
