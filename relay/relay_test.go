package relay_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"understudy/env"
	"understudy/relay"
	"understudy/site"
	"understudy/wire"
)

const refusal = `{"type":"about:blank","title":"x","status":404,"code":"lease_unknown"}`

// LHC-11: trouble is a relayed request without an answer in time, with a
// connection failure, a 5xx, or a body that is not the protocol. A refusal (4xx;
// 429 or 503 with code and Retry-After) is an answer, never trouble.
func TestWhatIsTrouble(t *testing.T) {
	problem := "application/problem+json"
	cases := []struct {
		name    string
		forward func(context.Context, string) (reply, error)
		trouble bool
	}{
		{"success", always(200, "application/json", `{"resources":[]}`), false},
		{"success with charset", always(200, "application/json; charset=utf-8", `{}`), false},
		{"no content", always(204, "", ""), false},
		{"refused lease", always(404, problem, refusal), false},
		{"busy with Retry-After", always(503, problem, `{"code":"no_machine_available"}`, "Retry-After", "5"), false},
		{"too many with Retry-After", always(429, problem, `{"code":"busy"}`, "Retry-After", "5"), false},
		{"busy without Retry-After", always(503, problem, `{"code":"no_machine_available"}`), true},
		{"busy without code", always(503, problem, `{}`, "Retry-After", "5"), true},
		{"internal error", always(500, problem, `{"code":"internal"}`), true},
		{"gateway time-out page", always(504, "text/html", "<html>"), true},
		{"a page with 200", always(200, "text/html", "<html>log in</html>"), true},
		{"a page with 404", always(404, "text/html", "<html>"), true},
		{"half a JSON", always(200, "application/json", `{"resources":[`), true},
		{"empty 200", always(200, "application/json", ""), true},
		{"a redirect", always(302, "text/html", ""), true},
		{"too large", always(200, "application/json", `"`+strings.Repeat("x", wire.MaxBody)+`"`), true},
		{"no connection", func(context.Context, string) (reply, error) { return reply{}, errRefused }, true},
		{"no answer", func(ctx context.Context, _ string) (reply, error) { return reply{}, hang(ctx) }, true},
		{"an answer that breaks off", broken, true},
	}
	for _, c := range cases {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, nil)
			s.cloud.forward = c.forward
			w := s.ask(relay.Resources, http.MethodPost, "/storefront/v1/resources", `{"user":"alice"}`)
			if got := len(s.troubles()) > 0; got != c.trouble {
				t.Errorf("%s: trouble %t, want %t", c.name, got, c.trouble)
			}
			if got := code(t, w) == wire.CodeCloudUnreachable; got != c.trouble {
				t.Errorf("%s: answered %d %s", c.name, w.Code, w.Body)
			}
		})
	}
}

func broken(context.Context, string) (reply, error) {
	body := io.MultiReader(strings.NewReader(`{"resources":`), errReader{})
	return reply{http.StatusOK, http.Header{"Content-Type": {"application/json"}}, body}, nil
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

func code(t testing.TB, w *httptest.ResponseRecorder) string {
	t.Helper()
	var p wire.Problem
	if w.Code >= 400 && json.Unmarshal(w.Body.Bytes(), &p) != nil {
		t.Errorf("status %d without a problem: %s", w.Code, w.Body)
	}
	return p.Code
}

// LHC-03, LHC-04: the request reaches the same path, with who relays and the
// zone's term, and the answer comes back as it was.
func TestRequestAndAnswerPassUnchanged(t *testing.T) {
	s := newStage(t, nil)
	s.cloud.forward = always(201, "application/json", `{"session":"s1"}`, wire.HeaderTerm, "9", "Server", "secret")
	r := httptest.NewRequest(http.MethodPost, "/storefront/v1/sessions?x=1", strings.NewReader(`{"user":"alice"}`))
	r.Header.Set(wire.HeaderIdempotency, "key-1")
	r.Header.Set("Authorization", "the caller's own")
	w := httptest.NewRecorder()
	s.Handler(relay.Launch).ServeHTTP(w, r)
	got := s.cloud.requests[0]
	if got.method != http.MethodPost || got.target != "/storefront/v1/sessions?x=1" || got.body != `{"user":"alice"}` {
		t.Errorf("relayed %+v", got)
	}
	for key, want := range map[string]string{
		wire.HeaderTerm: "7", wire.HeaderAuthority: "STA123456789ABC", wire.HeaderIdempotency: "key-1", "Authorization": "",
	} {
		if got.header.Get(key) != want {
			t.Errorf("%s: %q, want %q", key, got.header.Get(key), want)
		}
	}
	if w.Code != 201 || w.Body.String() != `{"session":"s1"}` || w.Header().Get(wire.HeaderTerm) != "9" || w.Header().Get("Server") != "" {
		t.Errorf("answered %d %s %v", w.Code, w.Body, w.Header())
	}
}

// LHC-04, LHC-11: what a launch accepts goes to the cloud broker, and its answer in that
// form comes back as it was; one that is not what it says, or to another request, is no
// answer of the protocol.
func TestFilesOfLaunchesPass(t *testing.T) {
	const rdp = "full address:s:ws1.example.test:3389\r\n"
	for _, c := range []struct {
		name, body string
		kind       relay.Kind
		good       bool
	}{
		{"a file", rdp, relay.Launch, true},
		{"a page", "<html>", relay.Launch, false},
		{"a list of resources", rdp, relay.Resources, false},
	} {
		s := newStage(t, nil)
		s.cloud.forward = always(201, "application/x-rdp", c.body, "Content-Disposition", `attachment; filename="a.rdp"`)
		r := httptest.NewRequest(http.MethodPost, "/storefront/v1/sessions", strings.NewReader(`{"user":"alice"}`))
		r.Header["Accept"] = []string{"application/x-rdp", "text/html;q=0.1"}
		w := httptest.NewRecorder()
		s.Handler(c.kind).ServeHTTP(w, r)
		if got := s.cloud.requests[0].header.Get("Accept"); got != "application/x-rdp, text/html;q=0.1" {
			t.Errorf("%s: Accept %q was relayed", c.name, got)
		}
		if trouble := len(s.troubles()) > 0; trouble == c.good {
			t.Errorf("%s: trouble %t", c.name, trouble)
		}
		passed := w.Code == 201 && w.Body.String() == rdp && w.Header().Get("Content-Type") == "application/x-rdp" && w.Header().Get("Content-Disposition") != ""
		if passed != c.good {
			t.Errorf("%s: answered %d %v %q", c.name, w.Code, w.Header(), w.Body)
		}
	}
}

// A cloud broker that hangs: a bounded wait, also when whoever asked has gone.
func TestHangingCloudIsABoundedWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, func(o *relay.Options) { o.Timeout = func() time.Duration { return 2 * time.Second } })
		s.cloud.forward = func(ctx context.Context, _ string) (reply, error) { return reply{}, hang(ctx) }
		began := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/storefront/v1/resources", strings.NewReader(`{}`))
		s.Handler(relay.Resources).ServeHTTP(w, r)
		if took := time.Since(began); took != 2*time.Second || len(s.troubles()) != 1 {
			t.Errorf("took %s with troubles %v", took, s.troubles())
		}
	})
}

func TestUnreachableNamesAHealthyPeer(t *testing.T) {
	s := newStage(t, func(o *relay.Options) {
		o.Healthy = func() (site.FQDN, string) { return "cc2.example", "https://cc2.example:7480" }
	})
	s.cloud.forward = always(500, "text/plain", "secret stack")
	w := s.ask(relay.Launch, http.MethodPost, "/storefront/v1/sessions", `{}`)
	var p wire.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatal(err)
	}
	if w.Code != 503 || p.Elected != "cc2.example" || p.ElectedURL == "" || w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
}

func TestTooLargeIsNotRelayed(t *testing.T) {
	s := newStage(t, nil)
	w := s.ask(relay.Register, http.MethodPost, "/vda/v1/registrations", strings.Repeat("x", wire.MaxRegistration+1))
	if w.Code != http.StatusRequestEntityTooLarge || len(s.cloud.requests) != 0 {
		t.Errorf("answered %d after %d requests", w.Code, len(s.cloud.requests))
	}
}

// A check is two tries of 2 s: one failure is forgiven, a hang takes 4 s.
func TestCheckIsTwoTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, nil)
		var tries atomic.Int32
		s.cloud.health = func(ctx context.Context) error {
			if tries.Add(1) == 1 {
				return errRefused
			}
			return nil
		}
		s.run(t, func() {
			time.Sleep(time.Second)
			if h := s.Health(); !h.Checked || !h.Healthy {
				t.Errorf("after one failed try: %+v", h)
			}
			s.cloud.set(func(c *cloud) { c.health = hang })
			time.Sleep(7 * time.Second) // the check at 5 s is not over yet
			if h := s.Health(); !h.Healthy {
				t.Errorf("during the check: %+v", h)
			}
			time.Sleep(2 * time.Second)
			if h := s.Health(); h.Healthy || !strings.Contains(h.Reason, "no answer within 2s") {
				t.Errorf("after a hang: %+v", h)
			}
			if got := s.troubles(); len(got) != 1 || got[0] != relay.HealthCheck {
				t.Errorf("troubles %v", got)
			}
		})
	})
}

func TestCheckOnDemandIsPaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s *stage
		var checks atomic.Int32
		s = newStage(t, func(o *relay.Options) { o.OnTrouble = func(relay.Kind, string) { s.Check() } })
		s.cloud.health = func(context.Context) error { checks.Add(1); return errRefused }
		s.run(t, func() {
			time.Sleep(2*time.Second + 100*time.Millisecond)
			if tries := checks.Load() / 2; tries < 5 || tries > 10 {
				t.Errorf("%d checks in 2 s", tries)
			}
		})
	})
}

// After trouble of a kind the check also makes a side-effect-free request of that
// kind, until one is answered.
func TestCheckProbesWhatFailed(t *testing.T) {
	cases := []struct {
		kind                 relay.Kind
		method, target, body string
		want                 string
	}{
		{relay.Resources, "POST", "/storefront/v1/resources", `{"user":"alice"}`, "POST /storefront/v1/resources?dry_run=true"},
		{relay.Launch, "POST", "/storefront/v1/sessions", `{"user":"alice"}`, "POST /storefront/v1/sessions?dry_run=true"},
		{relay.Redeem, "POST", "/storefront/v1/tickets/redeem", `{"ticket":"t"}`, "POST /storefront/v1/tickets/redeem?dry_run=true"},
		{relay.Register, "POST", "/vda/v1/registrations", `{"machine":"m1.example"}`, "GET /vda/v1/registrations/probe"},
		{relay.Heartbeat, "PUT", "/vda/v1/registrations/l1", `{}`, "GET /vda/v1/registrations/l1"},
		{relay.Report, "POST", "/vda/v1/registrations/l1/sessions", `{}`, "GET /vda/v1/registrations/l1"},
	}
	for _, c := range cases {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, nil)
			s.cloud.forward = always(500, "text/plain", "")
			s.ask(c.kind, c.method, c.target, c.body)
			s.run(t, func() {
				time.Sleep(time.Second)
				got := s.cloud.last()
				if got.method+" "+got.target != c.want || got.method == "POST" && got.body != c.body {
					t.Errorf("%s: probed %+v, want %s", c.kind, got, c.want)
				}
				if s.Health().Healthy {
					t.Errorf("%s: healthy although the probe failed", c.kind)
				}
				s.cloud.set(func(cl *cloud) { cl.forward = always(404, "application/problem+json", refusal) })
				time.Sleep(5 * time.Second)
				if h := s.Health(); !h.Healthy {
					t.Errorf("%s: unhealthy although the probe was answered: %+v", c.kind, h)
				}
				probes := s.cloud.count()
				time.Sleep(10 * time.Second)
				if got := s.cloud.count(); got != probes {
					t.Errorf("%s: probed again after success", c.kind)
				}
			})
		})
	}
}

func (c *cloud) last() forwarded {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.requests) == 0 {
		return forwarded{}
	}
	return c.requests[len(c.requests)-1]
}

func (c *cloud) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.requests)
}

// A check also fails while the last 20 relayed requests of one kind, all within
// the last 60 s and from at least three users or machines, failed.
func TestWindowOfFailures(t *testing.T) {
	cases := []struct {
		name            string
		failures, users int
		after           time.Duration
		success         bool
		healthy         bool
	}{
		{"20 of 3 users", 20, 3, 0, false, false},
		{"19 of 3 users", 19, 3, 0, false, true},
		{"20 of 2 users", 20, 2, 0, false, true},
		{"20 of 3 users, one success since", 20, 3, 0, true, true},
		{"20 of 3 users, over a minute ago", 20, 3, 62 * time.Second, false, true},
	}
	for _, c := range cases {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, nil)
			s.cloud.forward = func(ctx context.Context, target string) (reply, error) {
				if strings.Contains(target, "dry_run") {
					return always(200, "application/json", "{}")(ctx, target)
				}
				return always(500, "text/plain", "")(ctx, target)
			}
			for i := range c.failures {
				s.ask(relay.Launch, http.MethodPost, "/storefront/v1/sessions", fmt.Sprintf(`{"user":"user%d"}`, i%c.users))
			}
			if c.success {
				s.cloud.forward = nil
				s.ask(relay.Launch, http.MethodPost, "/storefront/v1/sessions", `{"user":"user1"}`)
			}
			time.Sleep(c.after)
			s.run(t, func() {
				time.Sleep(time.Second)
				if h := s.Health(); h.Healthy != c.healthy {
					t.Errorf("%s: %+v, want healthy %t", c.name, h, c.healthy)
				}
			})
		})
	}
}

func TestOptionsAreChecked(t *testing.T) {
	if _, err := relay.New(relay.Options{Env: env.Real()}); err == nil || err.Error() != "relay: Cloud is missing" {
		t.Errorf("got %v", err)
	}
}
