//go:build linux

package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"understudy/wire"
	"understudy/zone"
)

// TestClosedGate: LHC-06, a zone that no StoreFront asks opens no outage, and says
// why; the first heartbeat makes it take part.
func TestClosedGate(t *testing.T) {
	t.Parallel()
	s := newPlainStand(t, 1)
	s.up()
	cc := s.zone[0]
	s.cloud.Kill()
	cc.admin().Shows(step, "trouble that does not count", func(v wire.Status) error {
		if v.Health.Healthy || !strings.Contains(v.Waiting, "the gate is closed") {
			return fmt.Errorf("healthy %t, waiting: %s", v.Health.Healthy, v.Waiting)
		}
		return nil
	})
	throughout(t, 4*time.Second, "Normal with a closed gate", func() error {
		v, err := cc.admin().Status()
		if err == nil && (v.State != zone.Normal || v.Gate.Open || !strings.Contains(v.Gate.Reason, "no StoreFront has asked")) {
			err = fmt.Errorf("state %s, gate %+v", v.State, v.Gate)
		}
		return err
	})
	a, err := ask(t, http.DefaultClient, "GET", cc.url(7480)+frontPath+"heartbeat", "")
	must(t, err)
	if a.Status != http.StatusOK {
		t.Errorf("got %d %s, want the connector itself to answer (LHC-04)", a.Status, a.Body)
	}
	cc.admin().Reaches(step, zone.InitialHA)
}
