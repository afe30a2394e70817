package pki_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"understudy/env"
	"understudy/events"
	"understudy/pki"
	"understudy/site"
)

// memory is a network within the process: one listener, which can be down.
type memory struct {
	conns chan net.Conn
	mu    sync.Mutex // guards down
	down  bool
}

func (m *memory) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	m.mu.Lock()
	down := m.down
	m.mu.Unlock()
	if down {
		return nil, errors.New("nobody answers")
	}
	here, there := net.Pipe()
	select {
	case m.conns <- there:
		return here, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (m *memory) cut(down bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = down
}

// Accept, Close and Addr make it a listener.
func (m *memory) Accept() (net.Conn, error) {
	conn, open := <-m.conns
	if !open {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (m *memory) Close() error   { close(m.conns); return nil }
func (m *memory) Addr() net.Addr { return &net.IPAddr{} }

// host is one whose certificate a Keeper keeps.
type host struct {
	*pki.Keeper
	authority *pki.Authority
	net       *memory
	files     pki.Pair
	token     string
	mu        sync.Mutex // guards told and token
	told      []string
}

// newHost is for a synctest bubble: the authority's certificates live a day.
func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{net: &memory{conns: make(chan net.Conn)}}
	e := env.Real()
	e.Dial = h.net.dial
	e.Listen = func(context.Context, string, string) (net.Listener, error) { return h.net, nil }
	h.authority, _ = authority(t, e)
	dir := t.TempDir()
	h.files = pki.Pair{Cert: filepath.Join(dir, "c.pem"), Key: filepath.Join(dir, "c.key")}
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, []byte(h.authority.CA()), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s, err := pki.NewServer(ctx, pki.ServerOptions{
		Env: e, Authority: h.authority, Names: []site.FQDN{"pki.example.test"}, Life: 24 * time.Hour, Report: func(string, string, string, error) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	h.Keeper = pki.NewKeeper(pki.KeeperOptions{
		Env: e, URL: "https://pki.example.test", Name: "ws01.example.test", Files: h.files, CAFile: ca, Token: h.readToken, Report: h.tell,
	})
	return h
}

func (h *host) readToken() (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.token == "" {
		return "", fs.ErrNotExist
	}
	return h.token, nil
}

// gives puts a token into the host's file.
func (h *host) gives(token string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.token = token
}

func (h *host) tell(name events.Name, reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.told = append(h.told, fmt.Sprintf("%s: %s", name, reason))
}

// tells returns what was told since the last time.
func (h *host) tells() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	told := h.told
	h.told = nil
	return told
}

func (h *host) cert(t *testing.T) tls.Certificate {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(h.files.Cert, h.files.Key)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// keep runs the Keeper until the test ends.
func (h *host) keep(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); h.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
}

// "At start with no certificate it enrols with the token; renews at 2/3 of the life with jitter."
func TestKeeperEnrolsAndRenews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t)
		if err := h.Ready(t.Context()); !errors.Is(err, pki.ErrNoToken) {
			t.Fatalf("without a token: %v, want that one is needed", err)
		}
		h.gives(token(t, h.authority, time.Hour, "ws01.example.test"))
		if err := h.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		first := h.cert(t)
		if told := h.tells(); len(told) != 1 || !strings.Contains(told[0], "certificate_renewed: enrolled with a one-time token, which is used now") {
			t.Errorf("it told %q", told)
		}
		var renewals atomic.Int64
		h.Renewed = func(context.Context) { renewals.Add(1) }
		h.keep(t)
		time.Sleep(13 * time.Hour) // less than two thirds, and the most that it may come earlier
		synctest.Wait()
		if n := renewals.Load(); n != 0 {
			t.Errorf("renewed %d times in 13 h of 24", n)
		}
		time.Sleep(4 * time.Hour)
		synctest.Wait()
		next := h.cert(t)
		if n := renewals.Load(); n != 1 || next.Leaf.SerialNumber.Cmp(first.Leaf.SerialNumber) == 0 {
			t.Errorf("renewed %d times in 17 h of 24, want once: %q", n, h.tells())
		}
		if a, b := first.Leaf.RawSubjectPublicKeyInfo, next.Leaf.RawSubjectPublicKeyInfo; string(a) == string(b) {
			t.Error("the key is the same, want a new one each time")
		}
	})
}

// "And backoff; failures are events with the remedy; the old certificate goes on until its end";
// after that a new token in the file is enough.
func TestKeeperGoesOnTrying(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t)
		h.gives(token(t, h.authority, time.Hour, "ws01.example.test"))
		if err := h.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		first := h.cert(t)
		h.tells()
		h.net.cut(true)
		h.keep(t)
		time.Sleep(23 * time.Hour)
		synctest.Wait()
		told := h.tells()
		if len(told) < 5 || len(told) > 60 {
			t.Errorf("it tried %d times in a third of a day, want a few: %q", len(told), told)
		}
		for _, want := range []string{"certificate_not_renewed", "nobody answers", "ends at " + first.Leaf.NotAfter.UTC().Format(time.RFC3339)} {
			if !strings.Contains(told[0], want) {
				t.Errorf("it told %q, want %q in it", told[0], want)
			}
		}
		if h.cert(t).Leaf.SerialNumber.Cmp(first.Leaf.SerialNumber) != 0 {
			t.Error("the old certificate is gone")
		}
		h.net.cut(false)
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		h.tells()
		h.net.cut(true)
		time.Sleep(25 * time.Hour)
		h.net.cut(false)
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		told = h.tells()
		if last := told[len(told)-1]; !strings.Contains(last, "is used: a token counts once") {
			t.Errorf("with an expired certificate and the old token it told %q", last)
		}
		h.gives(token(t, h.authority, time.Minute, "ws01.example.test"))
		time.Sleep(time.Minute)
		synctest.Wait()
		if left := time.Until(h.cert(t).Leaf.NotAfter); left < 23*time.Hour {
			t.Errorf("a minute after a new token there are %s left: %q", left, h.tells())
		}
	})
}

// A desktop that starts before the authority does waits; a refusal ends the start.
func TestKeeperWaitsAtTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t)
		h.gives(token(t, h.authority, time.Hour, "ws01.example.test"))
		h.net.cut(true)
		go func() {
			time.Sleep(10 * time.Minute)
			h.net.cut(false)
		}()
		began := time.Now()
		if err := h.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < 10*time.Minute || took > 12*time.Minute {
			t.Errorf("ready after %s, want soon after the 10 minutes", took)
		}
		other := newHost(t)
		other.gives(token(t, other.authority, time.Hour, "ws02.example.test"))
		if err := other.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "may only be ws02.example.test") {
			t.Errorf("a token for another name: %v, want refused at once", err)
		}
	})
}
