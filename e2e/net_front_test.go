//go:build linux

package e2e_test

import (
	"strings"
	"testing"
)

// TestNetFrontCutFromElected: a StoreFront that does not reach the elected one is
// served by any other connector in Normal. In HA mode the others refuse it and name
// the elected one (LHC-22), another StoreFront is served.
func TestNetFrontCutFromElected(t *testing.T) {
	t.Parallel()
	c := castNet(t)
	cut := split(hosts(c.zone[0]), []*host{c.front})
	c.during(cut, func() { c.launches("alice", "desktop:office") })
	c.outage(func() {
		alice := c.served(c.far, "alice", "desktop:office")
		c.during(cut, func() {
			r := c.storefront(c.frontFlags, "launch", "alice", "desktop:office")
			if r.Code == 0 || !strings.Contains(r.Stderr, c.zone[0].name+" serves") {
				t.Errorf("exit code %d, %q; want a failure that says that %s serves", r.Code, r.Stderr, c.zone[0].name)
			}
			c.back(c.far, alice, "alice", "desktop:office")
			c.serves(c.zone[0], c.zone...)
		})
		again := c.launches("alice", "desktop:office")
		if again.Session != alice.Session || !again.Reconnected {
			t.Errorf("got session %s, want %s again", again.Session, alice.Session)
		}
	})
}
