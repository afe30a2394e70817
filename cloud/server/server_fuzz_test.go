package server_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/sirupsen/logrus"

	"understudy/broker"
	"understudy/cloud"
	"understudy/cloud/server"
	"understudy/site"
	"understudy/wire"
)

// idle is a server that does not run: only its handler is asked.
func idle(f *testing.F) *server.Server {
	f.Helper()
	o := options(f, f.TempDir())
	logger := logrus.New()
	logger.SetOutput(io.Discard)
	o.Logger = logger
	s, err := server.New(o)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(s.Close)
	return s
}

func submit(s *server.Server, method, path string, header http.Header, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/", strings.NewReader(body))
	r.URL.Path = path
	r.Header = header
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

// A site that is put is published as it is, and can be fetched as a configuration;
// one that is refused changes nothing.
func FuzzPutSite(f *testing.F) {
	good, err := json.Marshal(exampleSite())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(good), "", adminSecret)
	f.Add(string(good), `"none"`, adminSecret)
	f.Add(string(good), "*", connectorSecret)
	f.Add(string(good)+"{}", "W/\x00", adminSecret)
	f.Add(strings.Replace(string(good), `"bob"`, `"`+strings.Repeat("b", 9000)+`"`, 1), "", adminSecret)
	f.Add(strings.ReplaceAll(string(good), `"alice"`, `"\ud800"`), "", adminSecret)
	f.Add(strings.Replace(string(good), `"zone":"east"`, `"zone":"east","zone":"west"`, 1), "", adminSecret)
	f.Add(strings.Replace(string(good), `"zones":[`, `"later":[[[`, 1), "", adminSecret)
	f.Add(strings.Repeat("[", 11000), strings.Repeat("x", 9000), adminSecret)
	s := idle(f)
	admin := http.Header{"Authorization": {"Bearer " + adminSecret}}
	f.Fuzz(func(t *testing.T, body, ifMatch, secret string) {
		was := submit(s, http.MethodGet, "/cloud/v1/sites/example/configuration", admin, "")
		header := http.Header{"Authorization": {"Bearer " + secret}}
		if ifMatch != "" {
			header.Set("If-Match", ifMatch)
		}
		w := submit(s, http.MethodPut, "/cloud/v1/sites/example", header, body)
		is := submit(s, http.MethodGet, "/cloud/v1/sites/example/configuration", admin, "")
		if w.Code != http.StatusOK {
			p := wire.ReadProblem(&http.Response{StatusCode: w.Code, Body: w.Result().Body})
			if p.Code == "" || w.Code >= 500 || is.Header().Get("ETag") != was.Header().Get("ETag") {
				t.Errorf("got %d %+v; the tag was %s and is %s", w.Code, p, was.Header().Get("ETag"), is.Header().Get("ETag"))
			}
			return
		}
		checkPublished(t, secret, body, w, is)
	})
}

func checkPublished(t *testing.T, secret, body string, w, is *httptest.ResponseRecorder) {
	t.Helper()
	var put site.Site
	var p cloud.Published
	if secret != adminSecret {
		t.Errorf("%q published a site", secret)
	}
	if err := json.NewDecoder(strings.NewReader(body)).Decode(&put); err != nil || len(put.Validate()) > 0 {
		t.Fatalf("published, but it has the faults %v (%v)", put.Validate(), err)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	got, header, err := wire.ReadConfig(is.Body)
	if err != nil || header.Version != p.Version || wire.Digest(got) != p.Digest || wire.Digest(&put) != p.Digest {
		t.Fatalf("published as %+v, fetched as %+v: %v", p, header, err)
	}
	byText := cmpopts.SortSlices(func(a, b string) bool { return a < b })
	if diff := cmp.Diff(&put, got, cmpopts.EquateEmpty(), byText); diff != "" {
		t.Errorf("put and fetched (-put +fetched):\n%s", diff)
	}
}

// What a connector sends on its call stream ends the stream or is an answer; only
// the call that waits for it gets it, and no word runs away with the term.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`{"id":"1","status":201,"body":{"address":"x"},"term":7}` + "\n{}\n"))
	f.Add([]byte(`{"id":"2","term":18446744073709551615}` + "\n" + `{"id":"1","status":-1,"body":null}` + "\n" + `{"id":"1","status":200}`))
	f.Add([]byte(`{"id":1}` + "\n"))
	f.Add(append(bytes.Repeat([]byte("["), 11000), '\n'))
	f.Add(append([]byte(`{"`+strings.Repeat("x", 9000)+`":1,"term":-1}`), '\n'))
	s := idle(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		_, before, _ := s.Answers(site.Connector{FQDN: "cc1.example", Zone: "east"}, io.NopCloser(strings.NewReader("")))
		delivered, term, err := s.Answers(site.Connector{FQDN: "cc1.example", Zone: "east"}, io.NopCloser(bytes.NewReader(text)))
		if err == nil || len(err.Error()) > 2*wire.MaxDetail {
			t.Errorf("the stream ended with %.300v", err)
		}
		lines := uint64(bytes.Count(text, []byte("\n")) + 1)
		if term < before || term-before > lines*broker.TermLeap {
			t.Errorf("%d lines took the term from %d to %d", lines, before, term)
		}
		for _, a := range delivered {
			if b, err := json.Marshal(a); a.ID != "1" || err != nil || len(b) > 8*wire.MaxObject {
				t.Errorf("delivered an answer to %q of %d bytes: %v", a.ID, len(b), err)
			}
		}
	})
}

// A tokens file is read whole or refused, and an error never quotes a secret.
func FuzzTokens(f *testing.F) {
	f.Add("# who may\nops admin secret-00000000001\ncc1.example connector secret-00000000002\r\n")
	f.Add("ops admin short\n")
	f.Add("ops root secret-00000000001\n")
	f.Add("ops secret-00000000001 admin\n")
	f.Add("a b c d\n\xff\x00\n")
	f.Add(strings.Repeat("x", 70000))
	f.Fuzz(func(t *testing.T, text string) {
		tokens, err := server.ReadTokens(strings.NewReader(text))
		if err != nil {
			if tokens != nil || len(err.Error()) > 400 {
				t.Errorf("got %d tokens and an error of %d bytes", len(tokens), len(err.Error()))
			}
			checkUnquoted(t, text, err)
			return
		}
		if len(tokens) == 0 {
			t.Error("no token and no error")
		}
		for _, token := range tokens {
			line := token.String()
			token.Plain = false
			again, err := server.ReadTokens(strings.NewReader(line))
			if err != nil || len(again) != 1 || again[0] != token {
				t.Errorf("%q reads as %+v (%v), not %+v", line, again, err, token)
			}
		}
	})
}

// checkUnquoted finds in an error what may be a secret, also one in the wrong place.
func checkUnquoted(t *testing.T, text string, err error) {
	t.Helper()
	for line := range strings.Lines(text) {
		for word := range strings.FieldsSeq(line) {
			if len(word) >= 16 && strings.Contains(err.Error(), word) {
				t.Errorf("%v quotes a secret", err)
			}
		}
	}
}
