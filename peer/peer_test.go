package peer_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"understudy/env"
	"understudy/peer"
	"understudy/site"
	"understudy/wire"
	"understudy/zone"
)

// node is one connector of a zone on a loopback port.
type node struct {
	*peer.Mesh
	name    site.FQDN
	url     string
	server  *http.Server
	stop    func()
	changes atomic.Int64
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func newNode(t testing.TB, name site.FQDN, deadline time.Duration) *node {
	t.Helper()
	l := listen(t)
	n := &node{name: name, url: "http://" + l.Addr().String()}
	mesh, err := peer.New(peer.Options{
		Env: env.Real(), Self: name, Site: "example", Zone: "west", Interval: 20 * time.Millisecond,
		Deadline: func() time.Duration { return deadline }, OnChange: func() { n.changes.Add(1) },
	})
	if err != nil {
		t.Fatal(err)
	}
	n.Mesh = mesh
	n.server = &http.Server{Handler: mesh.Handler(), ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = n.server.Serve(l) }()
	n.run(t)
	return n
}

// run starts the mesh and speaks every 20 ms, as an agent does, until stop.
func (n *node) run(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = n.Run(ctx) }()
	n.stop = func() {
		_ = n.server.Close()
		cancel()
		<-done
	}
	t.Cleanup(n.stop)
}

func (n *node) say(change func(*wire.Facts)) {
	f := wire.Facts{Boot: string(n.name), State: zone.Normal}
	if change != nil {
		change(&f)
	}
	n.Publish(f)
}

func (n *node) connector() site.Connector {
	return site.Connector{FQDN: n.name, Zone: "west", PeerURL: n.url}
}

func (n *node) sight(t testing.TB, of site.FQDN) peer.Sight {
	t.Helper()
	for _, s := range n.Sights(time.Now()) {
		if s.FQDN == of {
			return s
		}
	}
	t.Fatalf("%s has no peer %s", n.name, of)
	return peer.Sight{}
}

func join(nodes ...*node) {
	var list []site.Connector
	for _, n := range nodes {
		list = append(list, n.connector())
	}
	for _, n := range nodes {
		n.SetPeers(list)
	}
}

func eventually(t testing.TB, what string, ok func() bool) time.Duration {
	t.Helper()
	start := time.Now()
	for !ok() {
		if time.Since(start) > 10*time.Second {
			t.Fatalf("did not happen: %s", what)
		}
		<-time.After(time.Millisecond)
	}
	return time.Since(start)
}

func zoneOf(t testing.TB, deadline time.Duration, names ...site.FQDN) []*node {
	t.Helper()
	var nodes []*node
	for _, name := range names {
		nodes = append(nodes, newNode(t, name, deadline))
	}
	join(nodes...)
	for _, n := range nodes {
		n.say(nil)
	}
	eventually(t, "everybody hears everybody", func() bool { return allHeard(nodes) })
	return nodes
}

func allHeard(nodes []*node) bool {
	for _, n := range nodes {
		for _, s := range n.Sights(time.Now()) {
			if !s.Heard || !s.Answered || s.Link != peer.LinkUp {
				return false
			}
		}
	}
	return true
}

// LHC-20: connectors of a zone learn what the others know.
func TestChangedFactsArriveAtOnce(t *testing.T) {
	nodes := zoneOf(t, time.Minute, "cc01", "cc02", "cc03")
	nodes[0].say(func(f *wire.Facts) { f.State = zone.PendingHA })
	for _, n := range nodes[1:] {
		eventually(t, "the new state is known", func() bool { return n.sight(t, "cc01").Facts.State == zone.PendingHA })
	}
	if f := nodes[1].sight(t, "cc01").Facts; f.Site != "example" || f.Zone != "west" || f.Protocol != wire.PeerProtocol || f.Seq == 0 {
		t.Errorf("facts %+v lack identity, protocol or number", f)
	}
}

// Design 4: a stopped process is known within milliseconds, not after the deadline.
func TestKilledPeerIsStoppedAtOnce(t *testing.T) {
	nodes := zoneOf(t, time.Minute, "cc01", "cc02", "cc03")
	nodes[0].stop()
	for _, n := range nodes[1:] {
		took := eventually(t, "cc01 has stopped", func() bool { return !n.sight(t, "cc01").Heard })
		s := n.sight(t, "cc01")
		if s.Link != peer.LinkStopped || took > 2*time.Second {
			t.Errorf("link %s (%s) after %s, want stopped at once", s.Link, s.Reason, took)
		}
		if !n.sight(t, "cc01").Answered {
			t.Error("a refused connection is no answer")
		}
	}
	if !nodes[1].sight(t, "cc03").Heard {
		t.Error("cc03 is no longer heard")
	}
}

func TestSilentPeerIsLost(t *testing.T) {
	nodes := zoneOf(t, 300*time.Millisecond, "cc01", "cc02")
	// The agent of cc01 no longer decides: its last word is not repeated for ever.
	eventually(t, "cc01 is lost", func() bool { return nodes[1].sight(t, "cc01").Link == peer.LinkLost })
	nodes[0].say(nil)
	eventually(t, "cc01 is heard again", func() bool { return nodes[1].sight(t, "cc01").Heard })
}

func TestFactsAreRepeated(t *testing.T) {
	nodes := zoneOf(t, time.Minute, "cc01", "cc02")
	first := nodes[1].sight(t, "cc01")
	eventually(t, "the same facts arrive again", func() bool {
		s := nodes[1].sight(t, "cc01")
		return s.Facts.Seq > first.Facts.Seq+3 && s.At.After(first.At)
	})
	if before := nodes[1].changes.Load(); before == 0 {
		t.Error("OnChange was never called")
	}
}

func TestRepeatedFactsAreNoChange(t *testing.T) {
	nodes := zoneOf(t, time.Minute, "cc01", "cc02")
	seq := nodes[1].sight(t, "cc01").Facts.Seq
	before := nodes[1].changes.Load()
	eventually(t, "ten repetitions", func() bool { return nodes[1].sight(t, "cc01").Facts.Seq > seq+10 })
	if got := nodes[1].changes.Load(); got != before {
		t.Errorf("OnChange was called %d times by repetitions", got-before)
	}
}

// Design 3: "Waking late is a start": only what was sent after the wake counts.
func TestRestartForgets(t *testing.T) {
	nodes := zoneOf(t, time.Minute, "cc01", "cc02")
	first := nodes[0].sight(t, "cc02")
	nodes[0].Restart()
	if s := nodes[0].sight(t, "cc02"); s.Heard || s.Answered || s.Facts.FQDN != "" {
		t.Errorf("after Restart: %+v, want nothing", s)
	}
	eventually(t, "both hear each other again", func() bool { return allHeard(nodes) })
	if s := nodes[0].sight(t, "cc02"); s.Facts.Seq <= first.Facts.Seq {
		t.Errorf("sequence %d after Restart, before it %d", s.Facts.Seq, first.Facts.Seq)
	}
}

// A connection that waited in the kernel while the process was paused carries no
// facts yet: the sender waits for the reader's word.
func TestNothingIsSentBeforeThePeerReads(t *testing.T) {
	deaf := listen(t)
	defer deaf.Close()
	n := newNode(t, "cc01", time.Minute)
	n.SetPeers([]site.Connector{{FQDN: "cc02", Zone: "west", PeerURL: "http://" + deaf.Addr().String()}})
	n.say(nil)
	conn, err := deaf.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	got, _ := io.ReadAll(conn)
	if text := string(got); !strings.Contains(text, "100-continue") || strings.Contains(text, `"fqdn"`) {
		t.Errorf("sent before the peer read: %q", text)
	}
}

func TestPeerThatStopsReadingDisturbsNobody(t *testing.T) {
	nodes := zoneOf(t, 400*time.Millisecond, "cc01", "cc02")
	deaf := listen(t)
	defer deaf.Close()
	go welcomeAndIgnore(deaf)
	stuck := site.Connector{FQDN: "cc00", Zone: "west", PeerURL: "http://" + deaf.Addr().String()}
	for _, n := range nodes {
		n.SetPeers([]site.Connector{stuck, nodes[0].connector(), nodes[1].connector()})
	}
	big := strings.Repeat("x", 32<<10)
	for start := time.Now(); time.Since(start) < 1500*time.Millisecond; <-time.After(10 * time.Millisecond) {
		for _, n := range nodes {
			n.say(func(f *wire.Facts) { f.HealthReason = big })
		}
		if s := nodes[1].sight(t, "cc01"); !s.Heard {
			t.Fatalf("cc01 is %s after %s: %s", s.Link, time.Since(start), s.Reason)
		}
	}
}

// welcomeAndIgnore lets every sender begin and never reads again.
func welcomeAndIgnore(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = conn.Read(make([]byte, 4096))
		_, _ = io.WriteString(conn, "HTTP/1.1 100 Continue\r\n\r\n")
	}
}

func TestStrangersAreRefused(t *testing.T) {
	n := newNode(t, "cc01", time.Minute)
	n.SetPeers([]site.Connector{{FQDN: "cc02", Zone: "west", PeerURL: "http://127.0.0.1:1"}})
	tests := []struct {
		name, header, body string
		status             int
		code               string
	}{
		{"not in the list", "cc09", `{"fqdn":"cc09","boot":"b","site":"example","zone":"west"}`, 403, wire.CodeNotInZone},
		{"our own name", "cc01", `{"fqdn":"cc01","boot":"b","site":"example","zone":"west"}`, 403, wire.CodeNotInZone},
		{"no name", "", `{}`, 403, wire.CodeNotInZone},
		{"another name in the facts", "cc02", `{"fqdn":"cc09","boot":"b","site":"example","zone":"west"}`, 403, wire.CodeNotInZone},
		{"other site", "cc02", `{"fqdn":"cc02","boot":"b","site":"other","zone":"west"}`, 403, wire.CodeNotInZone},
		{"other zone", "cc02", `{"fqdn":"cc02","boot":"b","site":"example","zone":"east"}`, 403, wire.CodeNotInZone},
		{"no boot", "cc02", `{"fqdn":"cc02","site":"example","zone":"west"}`, 400, wire.CodeBadRequest},
		{"not JSON", "cc02", `hello`, 400, wire.CodeBadRequest},
		{"endless line", "cc02", strings.Repeat("x", 65<<10), 413, wire.CodeTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, n.url+"/peer/v1/facts", strings.NewReader(tt.body+"\n"))
			req.Header.Set(wire.HeaderConnector, tt.header)
			resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if p := wire.ReadProblem(resp); p.Status != tt.status || p.Code != tt.code {
				t.Errorf("%d %s (%s), want %d %s", p.Status, p.Code, p.Detail, tt.status, tt.code)
			}
		})
	}
	if s := n.sight(t, "cc02"); s.Heard {
		t.Error("cc02 counts as heard")
	}
}

// Design 4: "One that is not in the newest list is told not_in_zone."
func TestWhoLeftTheListIsTold(t *testing.T) {
	nodes := zoneOf(t, 300*time.Millisecond, "cc01", "cc02")
	nodes[0].SetPeers(nil)
	eventually(t, "cc02 is refused", func() bool {
		nodes[1].say(nil)
		s := nodes[1].sight(t, "cc01")
		return s.Link == peer.LinkRefused && s.Answered
	})
	nodes[0].SetPeers([]site.Connector{nodes[1].connector()})
	eventually(t, "cc02 is back", func() bool {
		nodes[0].say(nil)
		nodes[1].say(nil)
		return allHeard(nodes)
	})
}

func TestRequestsBetweenPeers(t *testing.T) {
	n := newNode(t, "cc01", time.Minute)
	l := listen(t)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /peer/v1/outage", func(w http.ResponseWriter, r *http.Request) {
		var order wire.OutageOrder
		if err := wire.Read(w, r, wire.MaxBody, wire.Ignore, &order); err != nil {
			wire.WriteError(w, err)
			return
		}
		wire.WriteJSON(w, http.StatusOK, wire.OutageAnswer{CarriedBy: site.FQDN(r.Header.Get(wire.HeaderConnector))})
	})
	mux.HandleFunc("GET /peer/v1/snapshot", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "stream") })
	server := &http.Server{Handler: mux}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	n.SetPeers([]site.Connector{{FQDN: "cc02", Zone: "west", PeerURL: "http://" + l.Addr().String()}})

	var answer wire.OutageAnswer
	if err := n.Do(t.Context(), "cc02", http.MethodPost, "/peer/v1/outage", wire.OutageOrder{Action: "force"}, &answer); err != nil || answer.CarriedBy != "cc01" {
		t.Errorf("answer %+v, %v", answer, err)
	}
	err := n.Do(t.Context(), "cc02", http.MethodPost, "/peer/v1/outage", wire.OutageOrder{Action: "what"}, nil)
	if !wire.IsCode(err, wire.CodeBadRequest) {
		t.Errorf("a refusal came as %v", err)
	}
	body, err := n.Fetch(t.Context(), "cc02", "/peer/v1/snapshot")
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if got, _ := io.ReadAll(body); string(got) != "stream" {
		t.Errorf("fetched %q", got)
	}
	if err := n.Do(t.Context(), "cc09", http.MethodGet, "/", nil, nil); err == nil {
		t.Error("asked somebody who is no peer")
	}
}

func TestOptionsNameTheBadField(t *testing.T) {
	good := peer.Options{Env: env.Real(), Self: "cc01", Site: "s", Zone: "z"}
	for field, spoil := range map[string]func(*peer.Options){
		"Self": func(o *peer.Options) { o.Self = "" }, "Site": func(o *peer.Options) { o.Site = "" },
		"Zone": func(o *peer.Options) { o.Zone = "" }, "Interval": func(o *peer.Options) { o.Interval = -1 },
		"Dial": func(o *peer.Options) { o.Env.Dial = nil },
	} {
		bad := good
		spoil(&bad)
		if _, err := peer.New(bad); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("without %s: %v", field, err)
		}
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	nodes := zoneOf(t, time.Minute, "cc01", "cc02")
	ended := make(chan struct{})
	go func() { nodes[0].stop(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Fatal(errors.New("Run did not end"))
	}
	eventually(t, "cc01 has stopped", func() bool { return nodes[1].sight(t, "cc01").Link == peer.LinkStopped })
}
