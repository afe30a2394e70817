package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"runtime"
	"slices"
	"testing"
	"time"

	"understudy/env"
	"understudy/events"
)

// mutual is a peer listener with an authority, and one answer for all.
func mutual(t *testing.T) *exposed {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("needs the whole loopback network: run it on Linux")
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	certificate, pool := selfSigned(t, exposedName)
	e := &exposed{t: t, agent: muted(Options{}), pool: pool, good: certificate}
	e.agent.o.TLS.Peer = &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{certificate}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
	}
	server := e.agent.newServer("peer", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	e.crowd = env.Bound(l, server, e.agent.roomOf("peer", 2))
	served := make(chan error, 1)
	go func() { served <- server.ServeTLS(e.crowd, "", "") }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serve: %v", err)
		}
	})
	return e
}

// visit asks once on a new connection from an address. ask is false for who gives up
// before the server has spoken.
func (e *exposed) visit(ip string, shown *tls.Certificate, ask bool) error {
	conn, err := e.from(ip)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if !ask {
		_, err = conn.Write([]byte("\x16\x03\x01\x02\x00\x01\x00"))
		return err
	}
	config := &tls.Config{RootCAs: e.pool, ServerName: exposedName}
	if shown != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return shown, nil }
	}
	transport := &http.Transport{DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		secure := tls.Client(conn, config)
		return secure, secure.HandshakeContext(ctx)
	}}
	defer transport.CloseIdleConnections()
	r, err := http.NewRequestWithContext(e.t.Context(), http.MethodGet, "https://"+exposedName+"/", http.NoBody)
	if err != nil {
		return err
	}
	resp, err := transport.RoundTrip(r)
	if err == nil {
		err = resp.Body.Close()
	}
	return err
}

// heldBack is how many connections were not worth a handshake.
func (e *exposed) heldBack() uint64 {
	return e.agent.statusOf(&listener{name: "peer", net: e.crowd}).HeldBack
}

// fails visits so often in vain.
func (e *exposed) fails(t *testing.T, times int, ip string, shown *tls.Certificate) {
	t.Helper()
	for range times {
		if err := e.visit(ip, shown, true); err == nil {
			t.Fatal("a stranger was let in")
		}
	}
}

// Issue 6, 4: "rate limits": who shows certificates that nobody vouches for, or none where
// one is needed, again and again, waits as who shows wrong keys does, and it is told once.
// Others are not concerned, nor is who comes from an address that a good one came from.
func TestStrangersWait(t *testing.T) {
	unknown, _ := selfSigned(t, exposedName)
	for name, shown := range map[string]*tls.Certificate{"unknown": &unknown, "none": nil} {
		t.Run(name, func(t *testing.T) {
			e := mutual(t)
			e.fails(t, 20, "127.0.0.66", shown)
			if got := e.heldBack(); got != 0 {
				t.Errorf("%d of the first 20 were held back", got)
			}
			e.fails(t, 40, "127.0.0.66", shown)
			held := e.heldBack()
			if held < 10 {
				t.Errorf("%d of 40 more were held back", held)
			}
			if err := e.visit("127.0.0.77", &e.good, true); err != nil {
				t.Errorf("another source: %v", err)
			}
			e.fails(t, 50, "127.0.0.77", shown)
			if err := e.visit("127.0.0.77", &e.good, true); err != nil || e.heldBack() != held {
				t.Errorf("a good one where strangers come from too: %v, %d more were held back", err, e.heldBack()-held)
			}
			if names := e.agent.raised(); !slices.Equal(names, []events.Name{events.SourceHeldBack}) {
				t.Errorf("the events are %v, want one %s", names, events.SourceHeldBack)
			}
		})
	}
}

// "rate limits that a registration storm of good agents does not trip": not all at once,
// nor where some give up for want of time.
func TestStormOfGoodAgentsTripsNothing(t *testing.T) {
	e := mutual(t)
	for range 100 {
		if err := e.visit("127.0.0.66", nil, false); err != nil {
			t.Fatal(err)
		}
	}
	failed := make(chan error, 200)
	for range cap(failed) {
		go func() { failed <- e.visit("127.0.0.66", &e.good, true) }()
	}
	var errs []error
	for range cap(failed) {
		errs = append(errs, <-failed)
	}
	if err := errors.Join(errs...); err != nil || e.heldBack() > 0 || len(e.agent.raised()) > 0 {
		t.Errorf("a storm: %d were held back, %v", e.heldBack(), err)
	}
}
