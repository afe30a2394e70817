//go:build linux

package e2e_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"understudy/wire"
	"understudy/zone"
)

// mischief answers in place of the cloud broker, or reports that it leaves the
// request to it.
type mischief func(w http.ResponseWriter, r *http.Request) (done bool)

// impostor stands between the connectors and the cloud broker. What goes through
// it is not touched until it is told to do mischief.
type impostor struct {
	proxy *httputil.ReverseProxy
	does  atomic.Pointer[mischief]
}

// newImpostor puts one in front of a stand's cloud broker.
func newImpostor(t testing.TB, s *stand) *impostor {
	t.Helper()
	target, err := url.Parse(s.cloud.url(7443))
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetUnencryptedHTTP2(true) // call streams need both directions open
	quiet := log.New(io.Discard, "", 0)
	m := &impostor{proxy: &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport: transport, FlushInterval: -1, ErrorLog: quiet,
	}}
	listener, err := net.Listen("tcp", net.JoinHostPort(loopback(t), "0"))
	if err != nil {
		t.Fatal(err)
	}
	// Requests that hang end with the test.
	ctx, cancel := context.WithCancel(context.Background())
	server := &http.Server{Handler: m, ErrorLog: quiet, Protocols: new(http.Protocols), BaseContext: func(net.Listener) context.Context { return ctx }}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() {
		cancel()
		_ = server.Close()
		serving.Wait()
		transport.CloseIdleConnections()
	})
	s.cloudURL = "http://" + listener.Addr().String()
	return m
}

func (m *impostor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if does := m.does.Load(); does != nil && (*does)(w, r) {
		return
	}
	m.proxy.ServeHTTP(w, r)
}

func (m *impostor) misbehave(how mischief) { m.does.Store(&how) }
func (m *impostor) behave()                { m.does.Store(nil) }

// hang takes the request and never answers.
func hang(_ http.ResponseWriter, r *http.Request) bool {
	<-r.Context().Done()
	return true
}

// late answers properly, but after longer than anybody waits.
func late(w http.ResponseWriter, r *http.Request) bool {
	timer := time.NewTimer(12 * time.Second)
	defer timer.Stop()
	select {
	case <-r.Context().Done():
		return true
	case <-timer.C:
		return false
	}
}

func fail500(w http.ResponseWriter, _ *http.Request) bool {
	http.Error(w, "boom", http.StatusInternalServerError)
	return true
}

// captive is what a captive portal or a broken balancer does.
func captive(w http.ResponseWriter, _ *http.Request) bool {
	w.Header().Set("Content-Type", "text/html")
	_, _ = io.WriteString(w, "<html><body>Please log in.</body></html>")
	return true
}

// halfway begins an answer and hangs up.
func halfway(w http.ResponseWriter, _ *http.Request) bool {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, `{"site":"exam`)
	panic(http.ErrAbortHandler)
}

// busy503 has no code and no Retry-After: an error of something in between.
func busy503(w http.ResponseWriter, _ *http.Request) bool {
	http.Error(w, "no backend", http.StatusServiceUnavailable)
	return true
}

// exceptStreams leaves call streams alone.
func exceptStreams(does mischief) mischief {
	return func(w http.ResponseWriter, r *http.Request) bool {
		return !strings.HasSuffix(r.URL.Path, "/calls") && does(w, r)
	}
}

// healthStays answers health checks only, so that only relayed requests show that
// something is wrong.
func healthStays(does mischief) mischief {
	return func(w http.ResponseWriter, r *http.Request) bool {
		return strings.HasPrefix(r.URL.Path, "/storefront/") && does(w, r)
	}
}

// relayLimit is the longest that a relayed request may take (design 8), and some
// time for two busy cores.
const relayLimit = 10*time.Second + 2*time.Second

// "A cloud broker that answers slowly, with 500s, with HTML, or hangs: a bounded
// wait and trouble for the state machine, never a stuck request." LHC-11, LHC-12:
// the zone goes into HA mode and comes back.
func TestMisbehavingCloudBroker(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		does mischief
	}{
		{"hangs", hang},
		{"answers too late", exceptStreams(late)},
		{"answers 500", fail500},
		{"answers HTML", captive},
		{"breaks off", exceptStreams(halfway)},
		{"answers 503 without a code", busy503},
		{"only StoreFront requests get HTML", healthStays(captive)},
		{"only StoreFront requests hang", healthStays(hang)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newPlainStand(t, 1)
			m := newImpostor(t, s)
			s.up()
			before := s.launches("alice", "desktop:office")
			s.outlives(t, m, c.does)
			if after := s.launches("alice", "desktop:office"); after.Session != before.Session {
				t.Errorf("after the outage alice got session %s, want %s again", after.Session, before.Session)
			}
		})
	}
}

// outlives: while the cloud broker misbehaves, every request of a StoreFront is
// answered in time, at the end by the secondary broker.
func (s *stand) outlives(t *testing.T, m *impostor, does mischief) {
	t.Helper()
	cc := s.zone[0]
	m.misbehave(does)
	asking, stop := context.WithCancel(t.Context())
	defer stop()
	var asked sync.WaitGroup
	defer asked.Wait()
	var worst atomic.Int64
	for range 3 {
		asked.Go(func() {
			for asking.Err() == nil {
				s.askInTime(t, &worst)
			}
		})
	}
	cc.admin().Reaches(turn, zone.InitialHA)
	s.launches("alice", "desktop:office")
	m.behave()
	cc.admin().Reaches(turn, zone.Normal)
	stop()
	asked.Wait()
	s.isNormal()
	t.Logf("the slowest of all requests took %v", time.Duration(worst.Load()).Round(time.Millisecond))
}

// askInTime lists the user's resources: an answer or a problem document, and never
// later than the limit.
func (s *stand) askInTime(t *testing.T, worst *atomic.Int64) {
	t.Helper()
	a, err := ask(t, http.DefaultClient, "POST", s.zone[0].url(7480)+frontPath+"resources", `{"user":"alice"}`)
	if err != nil || a.Status != http.StatusOK && a.Problem.Code == "" {
		t.Errorf("got %d %s (%v), want resources or a problem document", a.Status, a.Body, err)
	}
	if a.Took > relayLimit {
		t.Errorf("an answer took %v, want at most %v", a.Took, relayLimit)
	}
	worst.Store(max(worst.Load(), int64(a.Took)))
	if a.Took < poll { // do not load the machine
		pause := time.NewTimer(poll)
		defer pause.Stop()
		select {
		case <-t.Context().Done():
		case <-pause.C:
		}
	}
}

// LHC-12: the zone goes into HA mode when all its connectors are affected. One
// alone asks its users to go to the other, and comes back by itself.
func TestMisbehavingTowardsOne(t *testing.T) {
	t.Parallel()
	s := newPlainStand(t, 2)
	m := newImpostor(t, s)
	s.up()
	s.launches("alice", "desktop:office")
	well, ill := s.zone[0], s.zone[1]
	m.misbehave(func(w http.ResponseWriter, r *http.Request) bool {
		return r.Header.Get(wire.HeaderConnector) == ill.name && fail500(w, r)
	})
	ill.admin().Reaches(turn, zone.PendingHA)
	throughout(t, 4*time.Second, "one alone opens no outage", func() error { return s.oneIsIll(t, well, ill) })
	s.launches("alice", "desktop:office")

	m.misbehave(fail500)
	for _, c := range s.zone {
		c.admin().Reaches(turn, zone.InitialHA)
	}
	s.launches("alice", "desktop:office")
	m.behave()
	s.isNormal()
}

func (s *stand) oneIsIll(t *testing.T, well, ill *unit) error {
	t.Helper()
	for c, want := range map[*unit]zone.State{well: zone.Normal, ill: zone.PendingHA} {
		v, err := c.admin().Status()
		if err != nil {
			return err
		}
		if v.State != want {
			return fmt.Errorf("%s is in %s, want %s", c.name, v.State, want)
		}
	}
	a, err := ask(t, http.DefaultClient, "POST", ill.url(7480)+frontPath+"resources", `{"user":"alice"}`)
	if err == nil && (a.Problem.Code != wire.CodeCloudUnreachable || a.Problem.ElectedURL != well.url(7480)) {
		return fmt.Errorf("%s answers %d %s, want %s and the other's URL", ill.name, a.Status, a.Body, wire.CodeCloudUnreachable)
	}
	return err
}
