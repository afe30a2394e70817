package relay_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"understudy/relay"
	"understudy/wire"
)

// tape is a call stream on which the cloud broker has said all that it will say;
// the connector's answers are kept.
type tape struct {
	io.Reader
	mu     sync.Mutex // guards said
	said   bytes.Buffer
	closed chan struct{}
	once   sync.Once
}

func (p *tape) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	if err != nil {
		<-p.closed // the line stays open until the connector has had enough
	}
	return n, err
}

func (p *tape) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.said.Write(b)
}

func (p *tape) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// taped is a cloud broker with one call stream.
type taped struct {
	cloud
	tape  *tape
	taken bool
}

func (c *taped) Calls(ctx context.Context) (io.ReadWriteCloser, error) {
	if c.taken {
		<-ctx.Done()
		return nil, errRefused
	}
	c.taken = true
	return c.tape, nil
}

// LHC-03: calls come down the stream. Whatever comes, only what is a call is
// carried out, each once, and what the connector says is answers.
func FuzzCalls(f *testing.F) {
	f.Add([]byte(`{}` + "\n" + `{"id":"1","machine":"P1.example.test","callback":"http://p1","method":"POST","path":"/v1/sessions","body":{"a":"<&>"}}` + "\n"))
	f.Add([]byte(`{"id":"1"}` + "\n" + `{"id":"1","body":null}` + "\n" + `{"id":1}` + "\n" + `{"id":"3"}` + "\n"))
	f.Add([]byte(`{"id":"` + strings.Repeat("x", 9000) + `"}` + "\n\n"))
	f.Add([]byte(strings.Repeat("[", 11000) + "\n"))
	f.Add([]byte(`{"id":"\ud800\u0000","machine":"` + strings.Repeat("y", 9000) + `"}` + "\n"))
	f.Add([]byte(strings.Repeat(`{"id":"7"}`+"\n", 300)))
	f.Fuzz(func(t *testing.T, text []byte) {
		text = append(bytes.Clone(text), '\n') // nothing can be said of half a line
		c := &taped{tape: &tape{Reader: bytes.NewReader(text), closed: make(chan struct{})}}
		want := callsIn(text)
		var mu sync.Mutex
		var carried []string
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done := make(chan struct{}, len(text)+1)
		s := newStage(t, func(o *relay.Options) {
			o.Cloud = c
			o.Call = func(_ context.Context, call wire.Call) wire.CallAnswer {
				mu.Lock()
				defer mu.Unlock()
				carried = append(carried, call.ID)
				done <- struct{}{}
				return wire.CallAnswer{Status: http.StatusCreated, Body: call.Body}
			}
		})
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx) }()
		for range min(len(want), 200) { // beyond that some may be refused as too many
			<-done
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		checkCarried(t, want, carried, &c.tape.said)
	})
}

// callsIn lists the ids of the calls before the first line that is none.
func callsIn(text []byte) []string {
	var ids []string
	for line := range bytes.Lines(text) {
		var c wire.Call
		if json.Unmarshal(line, &c) != nil {
			return ids
		}
		if c.ID != "" {
			ids = append(ids, c.ID)
		}
	}
	return ids
}

func checkCarried(t *testing.T, want, got []string, said io.Reader) {
	t.Helper()
	for _, id := range got {
		at := slices.Index(want, id)
		if at < 0 {
			t.Fatalf("%.100q was carried out, or twice; there are %.300q", id, want)
		}
		want = slices.Delete(want, at, at+1)
	}
	answers := json.NewDecoder(said)
	for answers.More() {
		var a wire.CallAnswer
		if err := answers.Decode(&a); err != nil || a.ID != "" && !slices.Contains(got, a.ID) && a.Status != http.StatusServiceUnavailable {
			t.Fatalf("the connector said %+v (%v)", a, err)
		}
	}
}

// LHC-03, LHC-04: an answer is passed on only when it is one in the words of the
// protocol, else it becomes cloud_unreachable.
func FuzzRelayed(f *testing.F) {
	f.Add(uint8(1), "/storefront/v1/sessions", []byte(`{"user":"alice"}`), 201, "application/json", "", []byte(`{"session":"s"}`))
	f.Add(uint8(5), "/vda/v1/registrations/l%2fx?dry_run=true", []byte(`{"machine":"`+strings.Repeat("x", 9000)+`"}`), 404, "application/problem+json", "", []byte(`{"code":"lease_unknown"}`))
	f.Add(uint8(0), "/storefront/v1/resources", []byte(strings.Repeat("[", 11000)), 503, "application/problem+json; x=\xff", "-1", []byte(`{"code":"busy"}`))
	f.Add(uint8(2), "/", []byte(``), 101, "application/json", "", []byte(`{}`))
	f.Add(uint8(2), "/", []byte(``), 0, "application/json\r\nX: y", "5\r\nX: y", []byte(`{}`))
	f.Add(uint8(2), "/", []byte(``), 301, "application/problem+json", "", []byte(`{"code":"x"}`))
	f.Add(uint8(2), "/", []byte(``), 204, "", "", []byte(``))
	f.Add(uint8(2), "/", []byte(``), 429, "application/problem+json", "99999999999999999999", []byte(`{"code":"x"}`))
	kinds := []relay.Kind{relay.Resources, relay.Launch, relay.Redeem, relay.Register, relay.Lookup, relay.Heartbeat, relay.Unregister, relay.Report}
	f.Fuzz(func(t *testing.T, kind uint8, target string, body []byte, status int, typ, retry string, answer []byte) {
		s := newStage(t, nil)
		s.cloud.forward = func(context.Context, string) (reply, error) {
			return reply{status, http.Header{"Content-Type": {typ}, "Retry-After": {retry}}, bytes.NewReader(answer)}, nil
		}
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		r.URL.Path = target
		w := httptest.NewRecorder()
		s.Handler(kinds[int(kind)%len(kinds)]).ServeHTTP(w, r)
		switch w.Code / 100 {
		case 2:
			if w.Code != status || w.Body.Len() > 0 && !json.Valid(w.Body.Bytes()) {
				t.Errorf("%d with %.200q was passed on as %d", status, answer, w.Code)
			}
		default:
			p := wire.ReadProblem(&http.Response{StatusCode: w.Code, Header: w.Header(), Body: w.Result().Body})
			if p.Code == "" || w.Code/100 != 4 && w.Code/100 != 5 || w.Code != status && !wire.IsCode(p, wire.CodeCloudUnreachable) && !wire.IsCode(p, wire.CodeTooLarge) {
				t.Errorf("%d with %.200q was passed on as %d %+v", status, answer, w.Code, p)
			}
		}
	})
}
