package wire_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"understudy/wire"
)

// Design 4: "The election's fields are frozen and readable by every version": of another
// major version nothing else is read, whatever form it has by then.
func TestReadFacts(t *testing.T) {
	const frozen = `"fqdn":"c1","boot":"b","seq":7,"highest":9,"can_serve":true,"heard":[{"fqdn":"c2","can_serve":true}]`
	ours := wire.Facts{FQDN: "c1", Boot: "b", Seq: 7, Highest: 9, CanServe: true, Heard: []wire.Heard{{FQDN: "c2", CanServe: true}}}
	for _, c := range []struct {
		text, protocol string
		relays, ok     bool
	}{
		{`{"protocol":"1.0",` + frozen + `,"relays":true}`, "1.0", true, true},
		{`{"protocol":"1.7",` + frozen + `,"relays":true,"later":{}}`, "1.7", true, true},
		{`{` + frozen + `,"relays":true}`, "", true, true},
		{`{"protocol":"2.0",` + frozen + `,"relays":true}`, "2.0", false, true},
		{`{"protocol":"2.0",` + frozen + `,"relays":{"via":[1]},"counts":7,"config_age":true}`, "2.0", false, true},
		{`{"protocol":"1.1",` + frozen + `,"relays":{"via":[1]}}`, "", false, false},
		{`{"protocol":"2.0","fqdn":7}`, "", false, false},
		{`{"protocol":"2.0"`, "", false, false},
	} {
		got, err := wire.ReadFacts([]byte(c.text), wire.PeerProtocol)
		want := ours
		want.Protocol, want.Relays = c.protocol, c.relays
		if diff := cmp.Diff(want, got); c.ok != (err == nil) || c.ok && diff != "" {
			t.Errorf("%s: error %v, -want +got:\n%s", c.text, err, diff)
		}
	}
}

// ADC-04: major versions that differ do not understand each other, with a reason.
func TestProtocolsDiffer(t *testing.T) {
	for theirs, want := range map[string]bool{"": false, "1.0": false, "1.12": false, "1": false, "2.0": true, "0.9": true, "10.0": true, "x": true} {
		why := wire.ProtocolsDiffer("1.0", theirs)
		if got := why != ""; got != want || want && !strings.Contains(why, "version "+theirs) {
			t.Errorf("%q: %q", theirs, why)
		}
	}
}
