package agent

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"understudy/env"
	"understudy/localdb"
	"understudy/site"
	"understudy/wire"
	"understudy/zone"
)

// withSnapshot returns an agent of zone berlin whose snapshot knows a machine of
// each of two zones.
func withSnapshot(t testing.TB, insecure bool) *Agent {
	t.Helper()
	a := &Agent{o: Options{FQDN: "c0", Zone: "berlin", Insecure: insecure}, callbacks: http.DefaultClient}
	a.stance.Store(&stance{state: zone.Normal})
	var err error
	if a.snapshots, _, err = localdb.OpenSnapshots(t.TempDir(), env.Real()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.snapshots.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

func (a *Agent) learnSite(t testing.TB) {
	t.Helper()
	s := &site.Site{
		Name: "example", Zones: []site.Zone{{Name: "berlin"}, {Name: "bonn"}},
		Connectors: []site.Connector{
			{FQDN: "c0.example.test", Zone: "berlin", ClientURL: "https://c0.example.test:7480", PeerURL: "https://c0.example.test:7489"},
			{FQDN: "d0.example.test", Zone: "bonn", ClientURL: "https://d0.example.test:7480", PeerURL: "https://d0.example.test:7489"},
		},
		Groups: []site.DeliveryGroup{{Name: "pool", Kind: site.Pooled, Zones: []string{"berlin", "bonn"}, Desktop: "Pool"}},
		Machines: []site.Machine{
			{Name: "ws1.example.test", Zone: "berlin", Group: "pool"}, {Name: "far1.example.test", Zone: "bonn", Group: "pool"},
		},
	}
	var stream bytes.Buffer
	if err := wire.WriteConfig(&stream, s, site.Version{History: "h", Number: 1}); err != nil {
		t.Fatal(err)
	}
	r, err := wire.NewConfigReader(&stream)
	if err != nil {
		t.Fatal(err)
	}
	built, err := a.snapshots.Build(t.Context(), r, "cloud")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.snapshots.Swap(built); err != nil {
		t.Fatal(err)
	}
}

// LHC-03, LHC-33: the cloud broker reaches desktops through a connector, in Normal
// and PendingHA, and only machines of that connector's own zone.
func TestRefusedCalls(t *testing.T) {
	const own = "https://ws1.example.test:7485"
	const loopback = "http://127.0.0.1:9999/m/ws1.example.test"
	for _, c := range []struct {
		name     string
		stance   stance
		machine  site.FQDN
		callback string
		insecure bool
		noSite   bool
		code     string
	}{
		{name: "Normal", stance: stance{state: zone.Normal}, machine: "ws1.example.test", callback: own},
		{name: "PendingHA", stance: stance{state: zone.PendingHA}, machine: "ws1.example.test", callback: own},
		{name: "InitialHA", stance: stance{state: zone.InitialHA}, machine: "ws1.example.test", callback: own, code: wire.CodeInHAMode},
		{name: "ExtendedHA", stance: stance{state: zone.ExtendedHA}, machine: "ws1.example.test", callback: own, code: wire.CodeInHAMode},
		{name: "PendingRecovery", stance: stance{state: zone.PendingRecovery}, machine: "ws1.example.test", callback: own, code: wire.CodeInHAMode},
		{name: "starting", stance: stance{state: zone.Normal, starting: true}, machine: "ws1.example.test", callback: own, code: wire.CodeInHAMode},
		{name: "no snapshot", stance: stance{state: zone.Normal}, machine: "ws1.example.test", callback: own, noSite: true, code: wire.CodeNoSnapshot},
		{name: "a machine of another zone", stance: stance{state: zone.Normal}, machine: "far1.example.test", callback: "https://far1.example.test:7485", code: wire.CodeNotInZone},
		{name: "an unknown machine", stance: stance{state: zone.Normal}, machine: "ws9.example.test", callback: "https://ws9.example.test:7485", code: wire.CodeNotInZone},
		{name: "a callback elsewhere", stance: stance{state: zone.Normal}, machine: "ws1.example.test", callback: "https://evil.example.test:7485", code: wire.CodeNotInZone},
		{name: "the callback of another machine", stance: stance{state: zone.Normal}, machine: "ws1.example.test", callback: "https://far1.example.test:7485", code: wire.CodeNotInZone},
		{name: "no URL at all", stance: stance{state: zone.Normal}, machine: "ws1.example.test", callback: "%", code: wire.CodeNotInZone},
		{name: "loopback with TLS", stance: stance{state: zone.Normal}, machine: "ws1.example.test", callback: loopback, code: wire.CodeNotInZone},
		{name: "loopback without", stance: stance{state: zone.Normal}, machine: "ws1.example.test", callback: loopback, insecure: true},
		{name: "loopback of another machine", stance: stance{state: zone.Normal}, machine: "ws1.example.test", callback: "http://127.0.0.1:9999/m/ws2.example.test", insecure: true, code: wire.CodeNotInZone},
		{name: "another case and a final dot", stance: stance{state: zone.Normal}, machine: "ws1.example.test", callback: "https://WS1.example.test.:7485"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := withSnapshot(t, c.insecure)
			if !c.noSite {
				a.learnSite(t)
			}
			a.stance.Store(&c.stance)
			got := ""
			if p := a.refuseCall(wire.Call{Machine: c.machine, Callback: c.callback, Method: http.MethodPost, Path: "/v1/sessions"}); p != nil {
				got = p.Code
			}
			if got != c.code {
				t.Errorf("got %q, want %q", got, c.code)
			}
		})
	}
}

// A call's answer is the machine's own, or says that there is none.
func TestCallIsPassedOn(t *testing.T) {
	desktop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wire.WriteError(w, wire.NewProblem(http.StatusConflict, wire.CodeBusy, r.URL.Path))
	}))
	a := withSnapshot(t, true)
	a.learnSite(t)
	call := wire.Call{
		ID: "1", Machine: "ws1.example.test", Callback: desktop.URL + "/m/ws1.example.test",
		Method: http.MethodPost, Path: "/v1/sessions", Body: json.RawMessage("{}"),
	}
	if got := a.call(t.Context(), call); got.Status != http.StatusConflict || !bytes.Contains(got.Body, []byte("/m/ws1.example.test/v1/sessions")) {
		t.Errorf("got %d %s, want the machine's own refusal", got.Status, got.Body)
	}
	desktop.Close()
	if got := a.call(t.Context(), call); got.Status != http.StatusBadGateway || !bytes.Contains(got.Body, []byte(wire.CodeGone)) {
		t.Errorf("got %d %s, want 502: nobody listens there", got.Status, got.Body)
	}
	call.Machine = "ws9.example.test"
	if got := a.call(t.Context(), call); got.Status != http.StatusForbidden {
		t.Errorf("got %d %s, want 403 for an unknown machine", got.Status, got.Body)
	}
}
