package agent

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"understudy/env"
	"understudy/events"
	"understudy/trust"
	"understudy/wire"
)

// selfSigned is a certificate of that name that is its own authority.
func selfSigned(t testing.TB, name string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: time.Unix(0, 0), NotAfter: time.Now().AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// exposed is the client or peer listener of a connector, with TLS as in production and
// one answer for all, that clients attack.
type exposed struct {
	t     testing.TB
	agent *Agent
	crowd *env.Crowd
	pool  *x509.CertPool
	good  tls.Certificate // that the pool vouches for
	ended chan struct{}
}

const exposedName = "cc01.example.test"

// hugeAnswer fits into no buffer on the way.
const hugeAnswer = 16 << 20

// expose serves until the test ends.
func expose(t testing.TB, l net.Listener, kind string, limits Limits) *exposed {
	t.Helper()
	certificate, pool := selfSigned(t, exposedName)
	e := &exposed{t: t, agent: muted(Options{Limits: limits}), pool: pool, ended: make(chan struct{})}
	config := &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{certificate}}
	e.agent.o.TLS.Client, e.agent.o.TLS.Peer = config, config.Clone()
	server := e.agent.newServer(kind, http.HandlerFunc(answerHugely))
	e.crowd = env.Bound(l, server, e.agent.roomOf(kind, 2))
	go func() {
		defer close(e.ended)
		if err := server.ServeTLS(e.crowd, "", ""); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serve: %v", err)
		}
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-e.ended
	})
	return e
}

// answerHugely reads what it is sent, and answers more than anybody buffers to those who
// ask for it.
func answerHugely(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return
	}
	if r.URL.Path == "/huge" {
		_, _ = w.Write(make([]byte, hugeAnswer))
	}
}

// attacks are ways to use up a server, each on a connection of its own.
var attacks = []struct {
	name string
	tls  bool
	says string
}{
	{"says nothing", false, ""},
	{"half of a TLS handshake", false, "\x16\x03\x01\x02\x00\x01\x00"},
	{"half of a head", true, "POST / HTTP/1.1\r\nHost: x\r\nX-"},
	{"half of a body", true, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf"},
	{"reads no answer", true, "GET /huge HTTP/1.1\r\nHost: x\r\n\r\n"},
}

// attack says its words on a connection. An error is how a server refuses.
func (e *exposed) attack(conn net.Conn, secure bool, says string) {
	if secure {
		c := tls.Client(conn, &tls.Config{RootCAs: e.pool, ServerName: exposedName, NextProtos: []string{"http/1.1"}})
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		if c.HandshakeContext(context.Background()) != nil {
			return
		}
		conn = c
	}
	_, _ = io.WriteString(conn, says)
}

// from dials from an address of the loopback network, so that it is a source of its own.
func (e *exposed) from(ip string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}, Timeout: 5 * time.Second}
	return d.DialContext(e.t.Context(), "tcp", e.crowd.Addr().String())
}

// Issue 6, 4: "slow-loris, half-open and never-reading clients cost bounded memory":
// one source has so many connections and goroutines and no more, and a good client
// from elsewhere is served beside it.
func TestSlowClientsAreBounded(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs the whole loopback network: run it on Linux")
	}
	const ofSource, attempts = 24, 120
	for _, kind := range []string{"client", "peer"} {
		for _, a := range attacks {
			t.Run(kind+", "+a.name, func(t *testing.T) {
				l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				e := expose(t, l, kind, Limits{Connections: 64, OfSource: ofSource})
				before := runtime.NumGoroutine()
				for range attempts {
					conn, err := e.from("127.0.0.66")
					if err != nil {
						t.Fatal(err)
					}
					defer conn.Close()
					e.attack(conn, a.tls, a.says)
				}
				e.servesFrom(t, "127.0.0.77") // after all that came before have been accepted
				n := e.crowd.Count()
				if n.OfLargest > ofSource || n.Largest != "127.0.0.66" || n.Closed+n.Refused < attempts-ofSource-1 {
					t.Errorf("got %+v, want at most %d connections of the attacker's %d", n, ofSource, attempts)
				}
				if grown := runtime.NumGoroutine() - before; grown > 4*ofSource {
					t.Errorf("%d goroutines more, for %d connections", grown, n.Open)
				}
				if names := e.agent.raised(); !slices.Contains(names, events.ConnectionsFull) {
					t.Errorf("the events are %v, want %s", names, events.ConnectionsFull)
				}
			})
		}
	}
}

// servesFrom fails the test unless a good client is served at that address.
func (e *exposed) servesFrom(t *testing.T, ip string) {
	t.Helper()
	transport := &http.Transport{
		DialContext:     func(context.Context, string, string) (net.Conn, error) { return e.from(ip) },
		TLSClientConfig: &tls.Config{RootCAs: e.pool},
	}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport, Timeout: 30 * time.Second}).Get("https://" + exposedName + "/")
	if err != nil {
		t.Fatalf("a good client beside the attacker: %v", err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("a good client beside the attacker got %s", resp.Status)
	}
}

// memoryListener hands out pipes, so that time may be the test's own.
type memoryListener chan net.Conn

func (l memoryListener) Accept() (net.Conn, error) {
	conn, open := <-l
	if !open {
		return nil, net.ErrClosed
	}
	return conn, nil
}
func (l memoryListener) Close() error { close(l); return nil }
func (memoryListener) Addr() net.Addr { return &net.TCPAddr{} }

// Whatever a client does not do, its connection ends by itself: nobody has to come and
// take its place.
func TestSlowClientsEnd(t *testing.T) {
	for _, kind := range []string{"client", "peer"} {
		for _, a := range attacks {
			t.Run(kind+", "+a.name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := make(memoryListener)
					e := expose(t, l, kind, Limits{})
					near, far := net.Pipe()
					defer near.Close()
					l <- far
					go e.attack(near, a.tls, a.says)
					<-time.After(time.Second)
					if n := e.crowd.Count().Open; n != 1 {
						t.Fatalf("%d connections, want the attacker's", n)
					}
					<-time.After(2 * writeTime)
					if n := e.crowd.Count().Open; n != 0 {
						t.Errorf("after %s there are %d connections, want none", 2*writeTime, n)
					}
				})
			})
		}
	}
}

// "Bounded headers": a head that is too long is refused, and one that is just long is not.
func TestLongHeads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := make(memoryListener)
		e := expose(t, l, "client", Limits{})
		for size, want := range map[int]int{maxHeader / 2: http.StatusOK, 2 * maxHeader: http.StatusRequestHeaderFieldsTooLarge} {
			near, far := net.Pipe()
			l <- far
			transport := &http.Transport{
				DialContext:       func(context.Context, string, string) (net.Conn, error) { return near, nil },
				TLSClientConfig:   &tls.Config{RootCAs: e.pool},
				DisableKeepAlives: true,
			}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+exposedName+"/", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("X-Long", strings.Repeat("a", size))
			resp, err := (&http.Client{Transport: transport}).Do(r)
			if err != nil {
				t.Fatalf("%d bytes: %v", size, err)
			}
			resp.Body.Close()
			if resp.StatusCode != want {
				t.Errorf("%d bytes: got %s, want %d", size, resp.Status, want)
			}
		}
		// Both ends say over TLS that they close. A pipe has no buffer: who says it while the
		// other one does too gives up after 5 s.
		<-time.After(10 * time.Second)
	})
}

// "A rate limit for failed authentications": after too many wrong keys the next of that
// source is not looked at for a while; a connection that has shown a right one goes on,
// and others are not concerned.
func TestGuessersWait(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs the whole loopback network: run it on Linux")
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := muted(Options{FrontKeys: func() trust.Keys { return trust.Keys{{Name: "gateway", Hash: trust.HashOf("the key of the gateway")}} }})
	a.front = newFront(time.Now(), 0, false)
	e := &exposed{t: t, agent: a}
	server := a.newServer("client", a.frontEnds(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
	e.crowd = env.Bound(l, server, a.roomOf("client", 2))
	go func() { _ = server.Serve(e.crowd) }()
	defer func() { _ = server.Close() }()
	good, guesser, other := e.keyed("127.0.0.66"), e.keyed("127.0.0.66"), e.keyed("127.0.0.77")
	good.shows(t, "the key of the gateway", http.StatusOK)
	for i := range 20 {
		guesser.shows(t, fmt.Sprintf("guess %d", i), http.StatusUnauthorized)
	}
	for range 3 {
		guesser.shows(t, "the key of the gateway", http.StatusTooManyRequests)
	}
	guesser.shows(t, "", http.StatusUnauthorized) // it guesses nothing
	good.shows(t, "the key of the gateway", http.StatusOK)
	other.shows(t, "the key of the gateway", http.StatusOK)
	good.shows(t, "a guess beside the right key", http.StatusUnauthorized)
	good.shows(t, "another", http.StatusTooManyRequests)
	if names := a.raised(); !slices.Equal(names, []events.Name{events.SourceHeldBack}) {
		t.Errorf("the events are %v, want one %s", names, events.SourceHeldBack)
	}
	if s := a.statusOf(&listener{name: "client", net: e.crowd}); s.HeldBack != 4 || s.OfLargest != 2 || s.Largest != "127.0.0.66" {
		t.Errorf("the status is %+v", s)
	}
}

// keyed is a client with one connection from an address.
type keyed struct {
	url    string
	client *http.Client
}

func (e *exposed) keyed(ip string) keyed {
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return e.from(ip) }}
	e.t.Cleanup(transport.CloseIdleConnections)
	return keyed{"http://" + e.crowd.Addr().String() + "/", &http.Client{Transport: transport, Timeout: 30 * time.Second}}
}

func (k keyed) shows(t *testing.T, key string, want int) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, k.url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := k.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != want {
		t.Errorf("%q: got %s, want %d", key, resp.Status, want)
	}
	p := wire.ReadProblem(resp) // to its end, so that the connection stays
	if want == http.StatusTooManyRequests && (p.Code != wire.CodeTooMany || p.RetryAfter <= 0) {
		t.Errorf("got %+v, want %s and when to come back", p, wire.CodeTooMany)
	}
}
