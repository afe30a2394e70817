package peer_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"understudy/env"
	"understudy/peer"
	"understudy/site"
	"understudy/wire"
)

const (
	self  = site.FQDN("cc01.example.test")
	other = site.FQDN("cc02.example.test")
)

// still is a mesh that does not run: only its handler is asked.
func still(t testing.TB, e env.Env) *peer.Mesh {
	t.Helper()
	m, err := peer.New(peer.Options{Env: e, Self: self, Site: "example", Zone: "west"})
	if err != nil {
		t.Fatal(err)
	}
	m.SetPeers([]site.Connector{{FQDN: other, Zone: "west", PeerURL: "http://127.0.0.1:1"}})
	return m
}

// Design 4: "newest only". Whatever comes on a stream of facts, what the mesh then
// knows of a peer is a word that this peer said of itself in this zone; and nobody
// else is heard.
func FuzzFacts(f *testing.F) {
	add := func(lines ...string) {
		f.Add(string(other), "west", "example", strings.Join(lines, "\n")+"\n")
	}
	good := `{"fqdn":"cc02.example.test","site":"example","zone":"west","boot":"b","seq":1,"state":"Normal","record":{"number":18446744073709551615,"mode":"later"}}`
	add(good)
	add(good, strings.Replace(good, "cc02", "cc01", 1))
	add(good, strings.Replace(good, `"seq":1`, `"seq":1,"leaving":true`, 1), "{}")
	add(good, strings.Replace(good, `"west"`, `"east"`, 1))
	add(strings.Replace(good, `"fqdn":"cc02.example.test"`, `"fqdn":"CC02.Example.Test.","fqdn":"x"`, 1))
	add(strings.Replace(good, `"boot":"b"`, `"boot":"`+strings.Repeat("b", 9000)+`","heard":[{"fqdn":""},null]`, 1))
	add(strings.Repeat(" ", 70000)+good, good)
	add(strings.Repeat("[", 11000))
	add(`{"` + strings.Repeat("x", 9000) + `":1}`)
	f.Add("CC02.EXAMPLE.TEST.", "", "", good+"\n"+good)
	f.Add(string(self), "west", "example", strings.ReplaceAll(good, "cc02", "cc01"))
	e := env.Real()
	e.Dial = nobody
	f.Fuzz(func(t *testing.T, name, zone, ofSite, text string) {
		m := still(t, e)
		r := httptest.NewRequest(http.MethodPost, "/peer/v1/facts", &oneLine{text})
		r.URL.RawQuery = "site=" + ofSite
		r.Header.Set(wire.HeaderConnector, name)
		r.Header.Set(wire.HeaderZone, zone)
		w := httptest.NewRecorder()
		m.Handler().ServeHTTP(w, r)
		if w.Code != http.StatusNoContent {
			p := wire.ReadProblem(&http.Response{StatusCode: w.Code, Body: w.Result().Body})
			if p.Code == "" || w.Code >= 500 || len(p.Error()) > 2*wire.MaxDetail {
				t.Errorf("got %d %.300v", w.Code, p)
			}
		}
		checkSights(t, m.Sights(time.Now()), text)
	})
}

func checkSights(t *testing.T, sights []peer.Sight, text string) {
	t.Helper()
	if len(sights) != 1 || sights[0].FQDN != other {
		t.Fatalf("got %+v, want the one peer", sights)
	}
	s := sights[0]
	if s.At.IsZero() {
		return
	}
	if s.Facts.FQDN != other || s.Facts.Site != "example" || s.Facts.Zone != "west" || s.Facts.Validate() != nil {
		t.Errorf("%s was heard with %+v", other, s.Facts)
	}
	said, err := json.Marshal(s.Facts)
	if err != nil || len(said) > 8*wire.MaxRegistration {
		t.Errorf("what was heard is %d bytes: %v", len(said), err)
	}
	for line := range strings.SplitSeq(text, "\n") {
		var f wire.Facts
		if json.Unmarshal([]byte(line), &f) != nil {
			continue
		}
		if again, err := json.Marshal(f); err == nil && bytes.Equal(again, said) {
			return
		}
	}
	t.Errorf("nobody said %s", said)
}

// A peer that answers a request with nonsense makes an error of bounded size, or a
// value; a list of connectors that it gives can be used as the zone's.
func FuzzAnswer(f *testing.F) {
	reply := func(status, headers, body string) {
		f.Add([]byte("HTTP/1.1 " + status + "\r\n" + headers + "\r\n\r\n" + body))
	}
	reply("200 OK", "Content-Type: application/json", `{"version":{"history":"h","number":7},"connectors":[{"fqdn":"cc03.example.test","zone":"west","peer_url":"http://127.0.0.1:9"},{"fqdn":"","peer_url":"%"},{"fqdn":"cc01.example.test"}]}`)
	reply("503 Later", "Retry-After: 9223372036854775807\r\nContent-Type: application/problem+json", `{"code":"not_elected","detail":"`+strings.Repeat("x", 9000)+`"}`)
	reply("000 "+strings.Repeat("x", 9000), "Content-Length: 0", "")
	reply("101 Switching", "Upgrade: x", "x")
	reply("204 None", "", "x")
	reply("200 OK", "Transfer-Encoding: chunked", "5\r\n[[[[[\r\nffffffffffffffff\r\n")
	reply("200 OK", "Content-Length: 99999999999", strings.Repeat("[", 11000))
	f.Add([]byte("\x16\x03\x01"))
	f.Fuzz(func(t *testing.T, answer []byte) {
		e := env.Real()
		e.Dial = saying(answer)
		m := still(t, e)
		var list wire.ConnectorList
		if err := m.Do(t.Context(), other, http.MethodGet, "/peer/v1/connectors", nil, &list); err != nil {
			if len(err.Error()) > 4*wire.MaxDetail {
				t.Errorf("an error of %d bytes: %.300s", len(err.Error()), err)
			}
			return
		}
		m.SetPeers(list.Connectors)
		for _, s := range m.Sights(time.Now()) {
			if s.FQDN == self || s.Heard {
				t.Errorf("after the list %+v there is %+v", list, s)
			}
		}
	})
}
