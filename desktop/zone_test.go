package desktop_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/desktop"
	"understudy/env"
	"understudy/site"
	"understudy/wire"
)

// seen is one request that reached a connector.
type seen struct {
	at     time.Duration
	host   string
	method string
	path   string
	body   []byte
}

func (s seen) String() string { return s.method + " " + s.host + s.path }

// fakeZone is the connectors of a zone, in memory.
type fakeZone struct {
	mu     sync.Mutex // guards all below
	start  time.Time
	log    []seen
	leases int
	answer func(s seen) (status int, body any, retryAfter string)
}

func (z *fakeZone) RoundTrip(r *http.Request) (*http.Response, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	s := seen{at: time.Since(z.start), host: strings.TrimSuffix(r.URL.Host, ".example.test:7480"), method: r.Method, path: r.URL.Path}
	if r.Body != nil {
		s.body, _ = io.ReadAll(r.Body)
	}
	z.log = append(z.log, s)
	status, body, retryAfter := z.answer(s)
	if status == 0 {
		return nil, errors.New("connection refused")
	}
	w := httptest.NewRecorder()
	if p, ok := body.(*wire.Problem); ok {
		wire.WriteError(w, p)
	} else {
		wire.WriteJSON(w, status, body)
	}
	if retryAfter != "" {
		w.Header().Set("Retry-After", retryAfter)
	}
	return w.Result(), nil
}

// lease grants one of term 1, with a heartbeat every minute.
func (z *fakeZone) lease() wire.Lease {
	z.leases++
	return wire.Lease{
		Lease: fmt.Sprintf("lease%d", z.leases), Broker: "cc01.example.test", Term: 1,
		Interval: site.Duration(time.Minute), Lifetime: site.Duration(2 * time.Minute),
	}
}

// serve answers as a broker that knows every lease.
func (z *fakeZone) serve(s seen) (int, any, string) {
	if s.method == http.MethodPost && strings.HasSuffix(s.path, "/sessions") || s.method == http.MethodDelete {
		return http.StatusNoContent, nil, ""
	}
	if s.method == http.MethodPost {
		return http.StatusCreated, z.lease(), ""
	}
	l := z.lease()
	l.Lease = s.path[strings.LastIndex(s.path, "/")+1:]
	return http.StatusOK, l, ""
}

func (z *fakeZone) set(answer func(seen) (int, any, string)) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.answer = answer
}

// take returns what came since the last take.
func (z *fakeZone) take() []seen {
	z.mu.Lock()
	defer z.mu.Unlock()
	log := z.log
	z.log = nil
	return log
}

func lines(log []seen) []string {
	var list []string
	for _, s := range log {
		list = append(list, s.String())
	}
	return list
}

func notElected(url string) (int, any, string) {
	p := wire.NewProblem(http.StatusServiceUnavailable, wire.CodeNotElected, "not elected")
	p.Elected, p.ElectedURL = "cc09.example.test", url
	return p.Status, p, ""
}

func connector(n string) string { return "http://" + n + ".example.test:7480" }

// pipeListener hands out connections in memory, so that a bubble can hold it.
type pipeListener struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7485}
}

func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.done:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// seeded is a random source that a mutex makes safe, as env.Env wants it.
type seeded struct {
	mu sync.Mutex // guards r
	r  *rand.ChaCha8
}

func (s *seeded) Read(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.r.Read(b)
}

// rig is one simulated desktop in a bubble, and the zone around it.
type rig struct {
	t       *testing.T // the bubble's
	zone    *fakeZone
	options desktop.Options
	caller  *http.Client
	stop    func()
}

// bubble runs a desktop agent in a synctest bubble; configure may change its
// options and the zone before it starts.
func bubble(t *testing.T, seed byte, configure func(*rig), body func(r *rig)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		z := &fakeZone{start: time.Now()}
		z.answer = z.serve
		r := &rig{t: t, zone: z}
		log := logrus.New()
		log.SetOutput(t.Output())
		world := env.Real()
		source := &seeded{r: rand.NewChaCha8([32]byte{seed})}
		world.Rand = func(string) io.Reader { return source }
		r.options = desktop.Options{
			Env: world, Machines: []desktop.Machine{{Name: "pool-01.example.test"}}, Zone: "Berlin", Data: dir, NoSync: true,
			Connectors: [][]string{{connector("a1"), connector("a2"), connector("a3")}, {connector("b1"), connector("b2")}},
			Listen:     "127.0.0.1:7485", Simulate: true, Transport: z, Logger: log,
		}
		configure(r)
		r.start(t)
		synctest.Wait()
		body(r)
		r.stop()
	})
}

func (r *rig) start(t testing.TB) {
	t.Helper()
	listener := newPipeListener()
	r.options.Env.Listen = func(context.Context, string, string) (net.Listener, error) { return listener, nil }
	r.caller = &http.Client{Transport: &http.Transport{DialContext: listener.dial, DisableKeepAlives: true}}
	agent, err := desktop.New(r.options)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- agent.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

// call sends a request to the machine's callback and returns status and code.
func (r *rig) call(t testing.TB, method, path string, in any) string {
	t.Helper()
	return asked(t, r.caller, method, "http://host/m/pool-01.example.test"+path, in)
}

// reset asks for one by right.
func (r *rig) reset(t testing.TB) string {
	t.Helper()
	return r.call(t, http.MethodPost, "/v1/reset", wire.Reset{Lease: "lease1", Term: 1})
}

func asked(t testing.TB, client *http.Client, method, url string, in any) string {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode/100 == 2 {
		return fmt.Sprint(resp.StatusCode)
	}
	return fmt.Sprintf("%d %s", resp.StatusCode, wire.ReadProblem(resp).Code)
}

func (r *rig) prepare(t testing.TB, user, session string) string {
	t.Helper()
	return r.call(t, http.MethodPost, "/v1/sessions", wire.Prepare{
		Lease: "lease1", Term: 1, Session: session, User: user, Resource: "desktop:Pool", Life: site.Duration(30 * time.Second),
	})
}

func decode[T any](t testing.TB, s seen) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(s.body, &v); err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return v
}
