//go:build linux

package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"understudy/events"
	"understudy/site"
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
	t.Cleanup(func() { cancel(); server.Close(); serving.Wait(); transport.CloseIdleConnections() })
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
	for _, c := range []struct {
		name string
		does mischief
	}{
		{"hangs", hang},
		{"hangs but for call streams", exceptStreams(hang)},
		{"answers too late", exceptStreams(late)},
		{"answers 500", fail500},
		{"answers HTML", captive},
		{"breaks off", exceptStreams(halfway)},
		{"answers 503 without a code", busy503},
		{"only StoreFront requests get 500", healthStays(fail500)},
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
		if v, err := c.admin().Status(); err != nil || v.State != want {
			return fmt.Errorf("%s is in %s (%v), want %s", c.name, v.State, err, want)
		}
	}
	a, err := ask(t, http.DefaultClient, "POST", ill.url(7480)+frontPath+"resources", `{"user":"alice"}`)
	if err != nil || a.Problem.Code != wire.CodeCloudUnreachable || a.Problem.ElectedURL != well.url(7480) {
		return fmt.Errorf("%s answers %d %s (%v), want %s and the other's URL", ill.name, a.Status, a.Body, err, wire.CodeCloudUnreachable)
	}
	return nil
}

// configured spoils configurations only.
func configured(does mischief) mischief {
	return func(w http.ResponseWriter, r *http.Request) bool {
		return strings.HasSuffix(r.URL.Path, "/configuration") && does(w, r)
	}
}

// "A truncated, corrupted or newer-major configuration stream: the sync fails with
// an event, the last good snapshot stays, the next sync tries again" (LHC-02). A
// stream that stalls holds up no sync for longer than any other silence.
func TestSpoiledConfiguration(t *testing.T) {
	s := newPlainStand(t, 1)
	m := newImpostor(t, s)
	s.up()
	for _, c := range []struct {
		name string
		does mischief
		says string
	}{
		{"truncated", s.streamed(cut), "EOF"},
		{"corrupted on the way", s.streamed(flip), ""},
		{"another object inside", s.streamed(rewrite("Office", "Orifice")), "SHA-256"},
		{"no trailer", s.streamed(rewrite(`{"trailer"`, `{"trailler"`)), ""},
		{"newer major schema", s.streamed(rewrite(`"schema":"1.`, `"schema":"2.`)), "schema"},
		{"another site", s.streamed(rewrite(`"site":"example"`, `"site":"another"`)), "another"},
		{"empty", s.streamed(func([]byte) []byte { return nil }), ""},
		{"500", fail500, "500"},
		{"HTML", captive, "text/html"},
		{"hangs", hang, "no answer within 1s"},
		{"stalls", s.stalled, "nothing came for 1s"},
	} {
		t.Run(c.name, func(t *testing.T) { s.trySpoiled(t, m, configured(c.does), c.says) })
	}
	s.launches("alice", "desktop:office")
}

func (s *stand) trySpoiled(t *testing.T, m *impostor, does mischief, says string) {
	t.Helper()
	cc := s.zone[0]
	before := cc.version()
	m.misbehave(does)
	s.apply()
	status := cc.admin().Shows(step, "a failed sync", func(v wire.Status) error {
		if v.Sync.Outcome != "failed" || !strings.Contains(v.Sync.Detail, says) {
			return fmt.Errorf("sync %+v, want it failed with %q", v.Sync, says)
		}
		return nil
	})
	if status.Snapshot == nil || status.Snapshot.Version != before || status.State != zone.Normal {
		t.Errorf("got snapshot %+v in %s, want version %s still, in Normal", status.Snapshot, status.State, before)
	}
	cc.raised(events.SyncFailed, says)
	m.behave()
	cc.takes(t, before)
}

// takes waits until the connector uses a newer version than that.
func (u *unit) takes(t *testing.T, before site.Version) {
	t.Helper()
	u.admin().Shows(step, "a newer version than "+before.String(), func(v wire.Status) error {
		if v.Snapshot == nil || v.Snapshot.Version.Compare(before) <= 0 || v.Sync.Outcome == "failed" {
			return fmt.Errorf("snapshot %+v, sync %+v", v.Snapshot, v.Sync)
		}
		return nil
	})
}

// streamed answers with the real configuration, spoiled.
func (s *stand) streamed(spoil func([]byte) []byte) mischief {
	return func(w http.ResponseWriter, r *http.Request) bool {
		req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, s.cloud.url(7443)+r.URL.Path, nil)
		if err != nil {
			return false
		}
		req.Header.Set("Authorization", r.Header.Get("Authorization"))
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return false
		}
		w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
		w.Header().Set("ETag", resp.Header.Get("ETag"))
		_, _ = w.Write(spoil(body))
		return true
	}
}

// stalled sends the first part of the real configuration, and then nothing.
func (s *stand) stalled(w http.ResponseWriter, r *http.Request) bool {
	s.streamed(cut)(flushing{w}, r)
	return hang(w, r)
}

// flushing sends what is written at once.
type flushing struct{ http.ResponseWriter }

func (f flushing) Write(p []byte) (int, error) {
	n, err := f.ResponseWriter.Write(p)
	return n, errors.Join(err, http.NewResponseController(f.ResponseWriter).Flush())
}

func cut(stream []byte) []byte { return stream[:len(stream)/2] }

func flip(stream []byte) []byte {
	stream[len(stream)/2] ^= 0x10
	return stream
}

// rewrite changes what is inside of the compression.
func rewrite(from, to string) func([]byte) []byte {
	return func(stream []byte) []byte {
		reader, err := zstd.NewReader(bytes.NewReader(stream))
		if err != nil {
			return nil
		}
		defer reader.Close()
		var plain, out bytes.Buffer
		writer, err := zstd.NewWriter(&out)
		if _, copied := plain.ReadFrom(reader); err != nil || copied != nil {
			return nil
		}
		_, err = writer.Write(bytes.Replace(plain.Bytes(), []byte(from), []byte(to), 1))
		if errors.Join(err, writer.Close()) != nil {
			return nil
		}
		return out.Bytes()
	}
}

// "A corrupted snapshot file at start: fallback, event." Without a generation that
// can be used the connector says so, and its next sync mends it.
func TestCorruptedSnapshotAtStart(t *testing.T) {
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, file string)
	}{
		{"truncated", func(t *testing.T, file string) { t.Helper(); must(t, os.Truncate(file, 5000)) }},
		{"empty", func(t *testing.T, file string) { t.Helper(); must(t, os.Truncate(file, 0)) }},
		{"a byte", flipByte},
		{"removed", func(t *testing.T, file string) { t.Helper(); must(t, os.Remove(file)) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newPlainStand(t, 1)
			m := newImpostor(t, s)
			s.up()
			cc := s.zone[0]
			older := cc.version()
			s.apply()
			cc.takes(t, older)
			newest := cc.newest(t)

			cc.Kill()
			c.damage(t, filepath.Join(cc.data(), newest.File))
			m.misbehave(fail500) // nothing is to be had from the cloud broker
			cc.start()
			cc.raised(events.SnapshotFallback, newest.File)
			if got := cc.version(); got != older {
				t.Errorf("got version %s, want the one before, %s", got, older)
			}
			m.misbehave(configured(fail500))
			s.launches("alice", "desktop:office")
			m.behave()
			cc.takes(t, older)
		})
	}
}

// TestNoSnapshotAtStart: with every generation damaged the connector runs, says
// what is missing, cannot be elected, and mends itself.
func TestNoSnapshotAtStart(t *testing.T) {
	s := newPlainStand(t, 1)
	m := newImpostor(t, s)
	s.up()
	s.launches("alice", "desktop:office") // opens the gate (LHC-06)
	cc := s.zone[0]
	cc.Kill()
	must(t, os.Truncate(filepath.Join(cc.data(), cc.onlySnapshot(t)), 5000))
	m.misbehave(fail500)
	cc.start()
	cc.raised(events.NoSnapshot, "")
	cc.admin().Reaches(step, zone.PendingHA)
	throughout(t, 3*time.Second, "PendingHA without a snapshot (LHC-12)", func() error {
		v, err := cc.admin().Status()
		if err != nil || v.State != zone.PendingHA || v.Election.CanServe || v.Snapshot != nil {
			return fmt.Errorf("state %s, can serve %t, snapshot %v (%v)", v.State, v.Election.CanServe, v.Snapshot, err)
		}
		return nil
	})
	m.behave()
	s.isNormal()
	s.launches("alice", "desktop:office")
}

// newest is the snapshot in use.
func (u *unit) newest(t *testing.T) wire.SnapshotStatus {
	t.Helper()
	list, err := u.admin().client().Snapshots(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range list.Items {
		if one.State == "current" {
			return one
		}
	}
	t.Fatalf("none is current of %+v", list.Items)
	return wire.SnapshotStatus{}
}

func (u *unit) onlySnapshot(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(u.data(), "site-*.db"))
	if err != nil || len(files) != 1 {
		t.Fatalf("got snapshots %v (%v), want one", files, err)
	}
	return filepath.Base(files[0])
}

func flipByte(t *testing.T, file string) {
	t.Helper()
	content, err := os.ReadFile(file)
	must(t, err)
	content[len(content)/2] ^= 0x01
	must(t, os.WriteFile(file, content, 0o600))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
