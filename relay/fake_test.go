package relay_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"understudy/env"
	"understudy/relay"
	"understudy/wire"
)

var errRefused = errors.New("connection refused")

// cloud is a cloud broker in memory whose answers a test can change.
type cloud struct {
	mu       sync.Mutex // guards all below
	health   func(ctx context.Context) error
	forward  func(ctx context.Context, target string) (reply, error)
	requests []forwarded
	refuse   bool // call streams
	mute     bool // call streams are taken, and then nothing is said
	far      net.Conn
	opened   int
}

type forwarded struct {
	method, target, body string
	header               http.Header
}

func (c *cloud) set(do func(c *cloud)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	do(c)
}

func (c *cloud) Health(ctx context.Context) (wire.CloudHealth, error) {
	c.mu.Lock()
	health := c.health
	c.mu.Unlock()
	if health == nil {
		return wire.CloudHealth{}, nil
	}
	return wire.CloudHealth{}, health(ctx)
}

func (c *cloud) Forward(ctx context.Context, method, target string, header http.Header, body []byte) (*http.Response, error) {
	c.mu.Lock()
	c.requests = append(c.requests, forwarded{method, target, string(body), header})
	forward := c.forward
	c.mu.Unlock()
	if forward == nil {
		forward = always(http.StatusOK, "application/json", "{}")
	}
	r, err := forward(ctx, target)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: r.status, Header: r.header, Body: io.NopCloser(r.body)}, nil
}

func (c *cloud) Calls(context.Context) (io.ReadWriteCloser, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opened++
	if c.refuse {
		return nil, errRefused
	}
	near, far := net.Pipe()
	c.far = far
	if !c.mute {
		go keepAlive(far)
	}
	return near, nil
}

func keepAlive(far net.Conn) {
	for {
		if _, err := far.Write([]byte("{}\n")); err != nil {
			return
		}
		time.Sleep(2 * time.Second)
	}
}

// drain reads the connector's lines and returns a function that takes the next
// one that is no keep-alive.
func (c *cloud) drain() func() wire.CallAnswer {
	c.mu.Lock()
	lines := bufio.NewScanner(c.far)
	c.mu.Unlock()
	return func() wire.CallAnswer {
		for lines.Scan() {
			var a wire.CallAnswer
			if json.Unmarshal(lines.Bytes(), &a) == nil && a.ID != "" {
				return a
			}
		}
		return wire.CallAnswer{}
	}
}

// reply is what the cloud broker answers.
type reply struct {
	status int
	header http.Header
	body   io.Reader
}

func always(status int, typ, body string, header ...string) func(context.Context, string) (reply, error) {
	h := http.Header{"Content-Type": {typ}}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return func(context.Context, string) (reply, error) { return reply{status, h, strings.NewReader(body)}, nil }
}

func hang(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// stage is a relay over a cloud in memory.
type stage struct {
	*relay.Relay
	cloud   *cloud
	mu      sync.Mutex // guards below
	trouble []relay.Kind
	streams []bool
}

func newStage(t testing.TB, change func(o *relay.Options)) *stage {
	t.Helper()
	s := &stage{cloud: &cloud{}}
	o := relay.Options{
		Env: env.Real(), Cloud: s.cloud, Authority: "STA123456789ABC", Term: func() uint64 { return 7 },
		Call: func(_ context.Context, c wire.Call) wire.CallAnswer {
			return wire.CallAnswer{Status: http.StatusCreated, Body: c.Body}
		},
		OnTrouble: func(kind relay.Kind, _ string) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.trouble = append(s.trouble, kind)
		},
		OnStream: func(up bool, _ string) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.streams = append(s.streams, up)
		},
	}
	if change != nil {
		change(&o)
	}
	var err error
	if s.Relay, err = relay.New(o); err != nil {
		t.Fatal(err)
	}
	return s
}

// run runs the relay while the test does something, and reads what it sends on
// its call stream unless the test does.
func (s *stage) run(t testing.TB, do func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	do()
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
	s.cloud.set(func(c *cloud) {
		if c.far != nil {
			c.far.Close()
		}
	})
	time.Sleep(10 * time.Second) // the fake's keep-alives notice
}

func (s *stage) ask(kind relay.Kind, method, target, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.Handler(kind).ServeHTTP(w, httptest.NewRequest(method, target, strings.NewReader(body)))
	return w
}

func (s *stage) troubles() []relay.Kind {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trouble
}
