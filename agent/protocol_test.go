package agent

import (
	"slices"
	"strings"
	"testing"

	"understudy/site"
	"understudy/wire"
)

// ADC-04: a connector of another major version is asked neither for its snapshot nor to
// pass requests on; one of the same version that has the same snapshot is.
func TestNothingIsAskedOfAnotherMajorVersion(t *testing.T) {
	newer := site.Version{History: "h", Number: 2}
	other := peerWord{fqdn: "c1.example.test", heard: true, differs: true, facts: wire.Facts{Config: newer, Relays: true}}
	alike := peerWord{fqdn: "c2.example.test", heard: true, facts: wire.Facts{Config: newer, Relays: true}}
	for _, c := range []struct {
		peers  []peerWord
		ahead  site.FQDN
		passes []site.FQDN
	}{
		{[]peerWord{other}, "c0.example.test", nil},
		{[]peerWord{other, alike}, alike.fqdn, []site.FQDN{alike.fqdn}},
	} {
		a := judged(t)
		a.holds.Store(&wire.Holds{})
		in := inputs{peers: c.peers, now: simNow}
		a.judgeSelf(simNow, &in)
		if in.ahead != c.ahead {
			t.Errorf("the snapshot is fetched from %s, want %s", in.ahead, c.ahead)
		}
		if got := relaying("c0.example.test", c.peers); !slices.Equal(got, c.passes) {
			t.Errorf("requests may go through %v, want %v", got, c.passes)
		}
	}
}

// What would be missing in an outage is said of a peer of another version too (LHC-50).
func TestMissingOfAnotherVersion(t *testing.T) {
	a := judged(t)
	peers := []wire.PeerStatus{
		{FQDN: "c0.example.test", Self: true, Heard: true, CanServe: true},
		{FQDN: "c1.example.test", Heard: true, CanServe: true, Differs: wire.ProtocolsDiffer("1.0", "2.0")},
	}
	got, _, _ := strings.Cut(strings.Join(a.missing(wire.Status{Gate: wire.GateStatus{Open: true}}, peers), "\n"), "\n")
	if want := "a takeover between c1.example.test and this connector would start from what desktops report: it speaks version 2.0"; !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
