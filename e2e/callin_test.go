//go:build linux

package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"understudy/events"
	"understudy/wire"
	"understudy/zone"
)

// calledIn is how many desktops are called in, and enough how many of them must have
// come: 95 in a hundred.
const (
	calledIn = 300
	enough   = calledIn * 95 / 100
)

// TestCalledIn: NEW-02, LHC-16, LHC-32: heartbeats are an hour apart, so only a call
// brings the desktops: to the elected connector when the cloud broker is gone, and
// back, no faster than that takes them.
func TestCalledIn(t *testing.T) {
	t.Parallel()
	s := newPlainStand(t, 3)
	s.siteText = s.manyDesktops
	s.cloud.more = "registration_rate: 60"
	s.desktops[0].more = fmt.Sprintf("simulate: %d\nlog: {format: json}", calledIn)
	s.up()
	for _, c := range s.zone {
		c.admin().Shows(turn, "it knows where all desktops are called", func(v wire.Status) error {
			if v.CallIn.Known < calledIn || !v.Gate.Open {
				return fmt.Errorf("%+v, gate %+v", v.CallIn, v.Gate)
			}
			return nil
		})
	}
	s.cloud.Kill()
	elected := s.zone[0]
	v := elected.admin().Shows(turn, "nearly all desktops have come", func(v wire.Status) error {
		if !v.State.HA() || v.Registrations < enough {
			return fmt.Errorf("%s, %d registrations, %+v", v.State, v.Registrations, v.CallIn)
		}
		return nil
	})
	if v.CallIn.Invited < enough || v.CallIn.To != elected.name {
		t.Errorf("got %+v, want them called in", v.CallIn)
	}
	elected.raised(events.CallInFinished, fmt.Sprintf("of %d were invited", calledIn))
	s.cloud.start()
	s.isNormal()
	v = elected.admin().Shows(turn, "all were invited to the cloud broker", func(v wire.Status) error {
		if c := v.CallIn; v.State != zone.Normal || c.To != wire.CallInToCloud || c.Running {
			return fmt.Errorf("%s, %+v", v.State, c)
		}
		return nil
	})
	eventually(t, turn, "nearly all desktops are back with the cloud broker", func() error {
		back := 0
		for _, broker := range brokersIn(s.desktops[0].Log()) {
			if broker == "example" {
				back++
			}
		}
		if back < enough {
			return fmt.Errorf("%d are back; %+v", back, v.CallIn)
		}
		return nil
	})
	if !strings.Contains(s.desktops[0].Log(), wire.CodeTooMany) {
		t.Error("the cloud broker has put nobody off")
	}
}

// manyDesktops is a site whose desktops send a heartbeat an hour.
func (s *stand) manyDesktops(edition int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "name: example\nzones:\n  - name: berlin\n    settings: {health_interval: 500ms, detection: 1500ms, initial_ha: 2s, recovery: 1500ms, participation: always, "+
		"deadline: 1s, join_wait: 1s, vda_interval: 1h, preempt_after: 1s, detection_max: 1500ms, recovery_max: 1500ms}\nconnectors:\n")
	for _, c := range s.zone {
		fmt.Fprintf(&b, "  - {fqdn: %s, zone: berlin, client_url: %q, peer_url: %q}\n", c.name, c.url(7480), c.url(7489))
	}
	fmt.Fprintf(&b, "groups:\n  - {name: farm, kind: multi-session, zones: [berlin], desktop: Farm %d}\nmachines:\n", edition)
	for i := range calledIn {
		fmt.Fprintf(&b, "  - {name: ws%03d.example.test, group: farm, zone: berlin, capacity: 10}\n", i+1)
	}
	b.WriteString("users:\n  - {name: alice}\nentitlements:\n  - {user: alice, desktop: farm}\n")
	return b.String()
}
