package wire_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"understudy/wire"
)

// body is one kind of body that comes over the network.
type body struct {
	unknown wire.Unknown
	fresh   func() any
}

func of[T any]() func() any { return func() any { return new(T) } }

// bodies are all that handlers read whole, and lines of streams.
var bodies = []body{
	{wire.Ignore, of[wire.Registration]()},
	{wire.Ignore, of[wire.Heartbeat]()},
	{wire.Ignore, of[wire.SessionReport]()},
	{wire.Ignore, of[wire.Prepare]()},
	{wire.Ignore, of[wire.Reset]()},
	{wire.Refuse, of[wire.ResourcesRequest]()},
	{wire.Refuse, of[wire.LaunchRequest]()},
	{wire.Refuse, of[wire.RedeemRequest]()},
	{wire.Refuse, of[wire.OutageOrder]()},
	{wire.Ignore, of[wire.Facts]()},
	{wire.Ignore, of[wire.ConnectorList]()},
	{wire.Ignore, of[wire.Lease]()},
	{wire.Ignore, of[wire.CallAnswer]()},
	{wire.Ignore, of[wire.Call]()},
}

const bodyLimit = 8 << 10

func readBody(b body, text []byte) (any, error) {
	v := b.fresh()
	r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(text))
	return v, wire.Read(httptest.NewRecorder(), r, bodyLimit, b.unknown, v)
}

// Design 8: "errors are RFC 9457 problem details"; "bodies are bounded". What is
// accepted is what it says it is: written again, it reads the same.
func FuzzBody(f *testing.F) {
	for kind, seed := range []string{
		`{"machine":"P1.example.test.","zone":"east","callback":"http://p1:1","capacity":1,"load":10000,"term":18446744073709551615,"sessions":[{"id":"s","user":"u","state":"active","started":"9999-12-31T23:59:59-23:59"}]}`,
		`{"load":0,"sessions":[],"assigned_user":"alice"}`,
		`{"seq":1,"event":"ended","session":{"id":"s","user":"u","state":"reserved"}}`,
		`{"lease":"l","session":"s","user":"u","life":"200s","life":"-1ns"}`,
		`{"lease":"l","term":1e3}`,
		`{"user":"alice","groups":[]}`,
		`{"user":"alice","resource":"desktop:pool","client":{"name":"x"}}`,
		`{"ticket":"\ud800"}`,
		`{"action":"force"}{}`,
		`{"fqdn":"cc01","boot":"b","heard":[{"fqdn":""}],"front_idle":"1h","record":{"since":"0000-01-01T00:00:00+23:59","force":{}}}`,
		`{"version":{"history":"h","number":7},"connectors":[{"fqdn":"cc01.example.test"}]}`,
		`{"lease":"l","interval":"2562047h47m16.854775807s","connectors":[null]}`,
		`{"id":"1","status":-1,"body": {"a":"<&>"} ,"term":0}`,
		`{"id":"1","machine":"p1","method":"POST","path":"/v1/../x","body":null}`,
	} {
		f.Add(uint8(kind), []byte(seed))
		f.Add(uint8(kind), []byte(`{"`+string(bytes.Repeat([]byte("x"), 5000))+`":1}`))
	}
	f.Add(uint8(0), bytes.Repeat([]byte("["), 8000))
	f.Add(uint8(9), append(bytes.Repeat([]byte(" "), bodyLimit), "{}"...))
	f.Fuzz(func(t *testing.T, kind uint8, text []byte) {
		b := bodies[int(kind)%len(bodies)]
		v, err := readBody(b, text)
		if err != nil {
			checkRefusal(t, err)
			return
		}
		if len(text) > bodyLimit {
			t.Errorf("%d bytes were taken, the limit is %d", len(text), bodyLimit)
		}
		checkSame(t, b, v)
	})
}

// checkRefusal: what a client gets to see is a short problem.
func checkRefusal(t *testing.T, err error) {
	t.Helper()
	p, ok := errors.AsType[*wire.Problem](err)
	if !ok || p.Status != http.StatusBadRequest && p.Status != http.StatusRequestEntityTooLarge {
		t.Fatalf("got %v, want a problem with status 400 or 413", err)
	}
	if len(p.Detail) > wire.MaxDetail || !utf8.ValidString(p.Detail) {
		t.Errorf("the detail has %d bytes: %.200q", len(p.Detail), p.Detail)
	}
}

func checkSame(t *testing.T, b body, v any) {
	t.Helper()
	if c, ok := v.(wire.Validator); ok {
		if err := c.Validate(); err != nil {
			t.Errorf("what was accepted is not valid: %v", err)
		}
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("what was accepted cannot be written: %v", err)
	}
	again := b.fresh()
	if err := json.Unmarshal(text, again); err != nil {
		t.Fatalf("what was written cannot be read: %v\n%s", err, text)
	}
	twice, err := json.Marshal(again)
	if err != nil || !bytes.Equal(text, twice) {
		t.Errorf("written twice: %s, then %s (%v)", text, twice, err)
	}
	if diff := cmp.Diff(v, again, cmpopts.EquateEmpty(), cmpopts.IgnoreTypes(json.RawMessage{})); diff != "" {
		t.Errorf("written and read again (-was +is):\n%s", diff)
	}
}

// A cloud broker, a machine or a peer that answers nonsense makes an error of
// bounded size, which can be passed on as an answer.
func FuzzReadProblem(f *testing.F) {
	f.Add(503, "5", []byte(`{"code":"not_elected","detail":"x","elected":"cc01"}`))
	f.Add(0, "9223372036854775807", []byte(`{"code":"x"}`))
	f.Add(101, "-1", []byte(``))
	f.Add(999, "1e9", bytes.Repeat([]byte("["), 20000))
	f.Add(422, "", []byte(`{"code":"invalid_site","status":99999,"faults":[{"path":"a","text":"b"}],"zones":["`+string(bytes.Repeat([]byte("z"), 3000))+`"]}`))
	f.Add(400, "0", []byte(`{"code":"c","detail":"`+string(bytes.Repeat([]byte("ä"), 4000))+`"}`))
	f.Fuzz(func(t *testing.T, status int, retry string, text []byte) {
		if status < 0 || status > 999 { // what a client reads has three digits
			return
		}
		p := wire.ReadProblem(&http.Response{
			StatusCode: status, Status: fmt.Sprint(status), Header: http.Header{"Retry-After": {retry}}, Body: closer{bytes.NewReader(text)},
		})
		if len(p.Error()) > 2*wire.MaxDetail || !utf8.ValidString(p.Error()) {
			t.Errorf("the text has %d bytes", len(p.Error()))
		}
		if p.Status != status || p.RetryAfter < 0 || p.RetryAfter > time.Hour {
			t.Errorf("got status %d, want %d; retry after %s", p.Status, status, p.RetryAfter)
		}
		w := httptest.NewRecorder()
		wire.WriteError(w, p)
		if w.Code < 300 || w.Code > 599 || w.Code != status && status >= 400 && status <= 599 {
			t.Errorf("passed on, status %d became %d", status, w.Code)
		}
		passed := wire.ReadProblem(&http.Response{StatusCode: w.Code, Header: w.Header(), Body: w.Result().Body})
		if w.Code == status && p.Code != "" && (passed.Code != p.Code || passed.Detail != p.Detail || passed.RetryAfter != p.RetryAfter) {
			t.Errorf("passed on, %+v became %+v", p, passed)
		}
	})
}

type closer struct{ *bytes.Reader }

func (closer) Close() error { return nil }
