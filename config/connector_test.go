package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"understudy/config"
	"understudy/site"
)

// LHC-23: "preempt: false" is not the same as saying nothing, which means true.
func TestPreemptMayBeLeftOut(t *testing.T) {
	tests := []struct {
		election string
		want     *bool
	}{{"{}", nil}, {"{preempt: }", nil}, {"{preempt: false}", new(false)}, {"{preempt: true}", new(true)}, {"{preempt: &p false}", new(false)}}
	for _, tt := range tests {
		c, err := config.LoadConnector(write(t, [2]string{"connector.yaml", insecureConnector + "election: " + tt.election + "\n"}))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, c.Settings().Preempt); diff != "" {
			t.Errorf("%s: want (-), got (+):\n%s", tt.election, diff)
		}
	}
}

// RAS-04: until the first sync the file says who is a standby, this connector too.
func TestStandbysOfAFile(t *testing.T) {
	const active = "peers:\n  - {fqdn: cc02.example.test, client_url: \"http://127.0.0.2:1\", peer_url: \"http://127.0.0.2:2\"}\n"
	const own = "  - {fqdn: CC01.example.test, client_url: \"http://127.0.0.1:1\", peer_url: \"http://127.0.0.1:2\"}\n"
	tests := []struct {
		name, text string
		want       map[site.FQDN]bool
	}{
		{"none", active, map[site.FQDN]bool{"cc02.example.test": false}},
		{"a peer", replace(active, "}", ", standby: true}"), map[site.FQDN]bool{"cc02.example.test": true}},
		{"this one", "standby: true\n" + active + own, map[site.FQDN]bool{"cc01.example.test": true, "cc02.example.test": false}},
		{"this one, not in the list", "standby: true\n" + active, map[site.FQDN]bool{"cc01.example.test": true, "cc02.example.test": false}},
		{"this one, in the list", active + replace(own, "}", ", standby: true}"), map[site.FQDN]bool{"cc01.example.test": true, "cc02.example.test": false}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := config.LoadConnector(write(t, [2]string{"connector.yaml", insecureConnector + tt.text}))
			if err != nil {
				t.Fatal(err)
			}
			got := map[site.FQDN]bool{}
			for _, listed := range c.Connectors() {
				got[listed.FQDN] = listed.Standby
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
		})
	}
}
