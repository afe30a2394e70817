package relay_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"understudy/relay"
	"understudy/wire"
)

// passing is a relay that passes on for peers, once it has checked the cloud broker.
func passing(t *testing.T, pass func(context.Context, wire.Passed) (*http.Response, error)) *stage {
	t.Helper()
	return newStage(t, func(o *relay.Options) { o.Self, o.Pass = "cc2.example", pass })
}

func (s *stage) pass(p wire.Passed, header http.Header) (w *httptest.ResponseRecorder, aborted bool) {
	w = httptest.NewRecorder()
	in := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`{"user":"alice"}`))
	in.Header = header
	defer func() { aborted = recover() != nil }()
	s.PassOn(w, in, p)
	return w, false
}

func whole(status int, body io.Reader, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(body), ContentLength: -1}
}

// NEW-03: one hop, marked, refused a second time, and by who does not reach the cloud
// broker directly; the answer is marked and passed on as it was.
func TestAPeersRequestIsPassedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got wire.Passed
		s := passing(t, func(_ context.Context, p wire.Passed) (*http.Response, error) {
			got = p
			return whole(201, strings.NewReader(`{"session":"s1"}`), "Content-Type", "application/json", "Set-Cookie", "no"), nil
		})
		asked := wire.Passed{Peer: "cc1.example", Method: http.MethodPost, Target: "/storefront/v1/sessions"}
		if w, _ := s.pass(asked, http.Header{}); w.Code != http.StatusBadGateway || code(t, w) != wire.CodeNotDirect || w.Header().Get(wire.HeaderVia) != "" {
			t.Errorf("before a check: %d %s", w.Code, w.Body)
		}
		s.run(t, func() {
			time.Sleep(time.Second)
			w, _ := s.pass(asked, http.Header{wire.HeaderTerm: {"9"}, wire.HeaderMachines: {"ws1.example"}, "Authorization": {"Bearer the peer's"}})
			if w.Code != 201 || w.Body.String() != `{"session":"s1"}` || w.Header().Get(wire.HeaderVia) != "cc2.example" || w.Header().Get("Set-Cookie") != "" {
				t.Errorf("answered %d %s %v", w.Code, w.Body, w.Header())
			}
			if got.Header.Get(wire.HeaderTerm) != "9" || got.Header.Get(wire.HeaderMachines) != "ws1.example" || got.Header.Get("Authorization") != "" || got.Peer != "cc1.example" {
				t.Errorf("passed on %+v", got)
			}
			got = wire.Passed{}
			w, _ = s.pass(asked, http.Header{wire.HeaderVia: {"cc3.example"}})
			if w.Code != http.StatusLoopDetected || code(t, w) != wire.CodeRelayedTwice || got.Peer != "" {
				t.Errorf("a second hop: %d %s, passed on %+v", w.Code, w.Body, got)
			}
			s.cloud.set(refuse)
			time.Sleep(6 * time.Second)
			if w, _ = s.pass(asked, http.Header{}); code(t, w) != wire.CodeNotDirect || got.Peer != "" {
				t.Errorf("without the cloud broker: %d %s", w.Code, w.Body)
			}
		})
	})
}

// A configuration is passed on as it comes: what was read is written before the next is
// read. A cloud broker that hangs is a bounded wait, and an answer that breaks off
// breaks off.
func TestPassedAnswersStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var answer func(ctx context.Context) (*http.Response, error)
		s := passing(t, func(ctx context.Context, _ wire.Passed) (*http.Response, error) { return answer(ctx) })
		s.run(t, func() {
			time.Sleep(time.Second)
			largest := 0
			answer = func(context.Context) (*http.Response, error) {
				return whole(200, &counted{left: 45 << 20, largest: &largest}), nil
			}
			w, _ := s.pass(wire.Passed{Stream: true}, http.Header{})
			if n := w.Body.Len(); n != 45<<20 || largest > 64<<10 {
				t.Errorf("%d bytes came, read in parts of up to %d", n, largest)
			}
			answer = func(context.Context) (*http.Response, error) {
				return whole(200, io.MultiReader(strings.NewReader("half"), errReader{})), nil
			}
			if _, aborted := s.pass(wire.Passed{Stream: true}, http.Header{}); !aborted {
				t.Error("an answer that broke off looks whole")
			}
			answer = func(ctx context.Context) (*http.Response, error) { <-ctx.Done(); return nil, ctx.Err() }
			began := time.Now()
			if w, _ := s.pass(wire.Passed{}, http.Header{}); w.Code != http.StatusBadGateway || time.Since(began) != 10*time.Second {
				t.Errorf("a hang: %d after %s", w.Code, time.Since(began))
			}
		})
	})
}

// counted is a body that notes the largest part that was asked of it.
type counted struct {
	left    int
	largest *int
}

func (c *counted) Read(p []byte) (int, error) {
	*c.largest = max(*c.largest, len(p))
	n := min(len(p), c.left)
	c.left -= n
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}
