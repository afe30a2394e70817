//go:build linux

package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"understudy/site"
	"understudy/wire"
	"understudy/zone"
)

// stolenLease: a lease is worth nothing to a host that has another machine's certificate,
// at any connector that would take it from its machine.
func (s *secured) stolenLease(t *testing.T) {
	t.Helper()
	asked := s.zone
	if v, err := s.zone[0].admin().Status(); err != nil {
		t.Fatal(err)
	} else if v.State.HA() {
		asked = asked[:1] // the elected one
	}
	lease := s.leased(t, asked[len(asked)-1])
	for _, c := range asked {
		s.leaseIsBound(t, c, lease)
	}
	owner := s.ids[idle]
	s.refused(t, &owner, "DELETE", asked[0].url(7480)+"/vda/v1/registrations/"+lease, "", []int{http.StatusNoContent})
}

// leased registers the idle machine with its own certificate.
func (s *secured) leased(t *testing.T, c *unit) string {
	t.Helper()
	owner := s.ids[idle]
	a := s.refused(t, &owner, "POST", c.url(7480)+"/vda/v1/registrations", registrationOf(idle, "https://"+idle+":7485"), []int{http.StatusCreated})
	var lease wire.Lease
	if err := json.Unmarshal([]byte(a.Body), &lease); err != nil || lease.Lease == "" {
		t.Fatalf("a registration got %s (%v)", a.Body, err)
	}
	return lease.Lease
}

// leaseIsBound holds each use of a lease at a connector against who asks: the machine may,
// with the same that is refused to another and to a connector, whatever they say.
func (s *secured) leaseIsBound(t *testing.T, c *unit, lease string) {
	t.Helper()
	owner, thief, connector := s.ids[idle], s.ids[stolen], s.ids[s.zone[1].name]
	target := c.url(7480) + "/vda/v1/registrations/" + lease
	report := `{"seq":1,"event":"ended","session":{"id":"s","user":"bob","resource":"desktop:office","state":"active"}}`
	uses := [][3]string{{"PUT", "", `{"load":10000,"term":1}`}, {"GET", "", ""}, {"POST", "/sessions", report}}
	for _, id := range []*identity{&thief, &connector} {
		for _, use := range append(uses, [3]string{"DELETE", "", ""}) {
			a := s.refused(t, id, use[0], target+use[1], use[2], forbidden, wire.HeaderMachines, idle)
			if a.Problem.Code != wire.CodeForbidden {
				t.Errorf("%s: %s%s of a stolen lease got %+v, want %s", c.name, use[0], use[1], a.Problem, wire.CodeForbidden)
			}
		}
	}
	for _, use := range uses {
		s.refused(t, &owner, use[0], target+use[1], use[2], []int{http.StatusOK, http.StatusNoContent})
	}
}

// tryLeaseThroughPeer: a connector that goes through its peer hands on what it knows of
// the host that asks.
func (s *secured) tryLeaseThroughPeer(t *testing.T) {
	t.Helper()
	last := s.zone[1]
	good := last.cloud
	last.Stop(step)
	last.cloud = fmt.Sprintf(", ca_file: %q", s.zoneCA.File)
	last.start()
	last.admin().Shows(turn, "a way through its peer", func(v wire.Status) error {
		if v.Health.Via == "" || v.State != zone.Normal || v.Starting {
			return fmt.Errorf("%s, starting %t, health %+v", v.State, v.Starting, v.Health)
		}
		return nil
	})
	t.Run("stolen lease through a peer", func(t *testing.T) { s.leaseIsBound(t, last, s.leased(t, last)) })
	last.Stop(step)
	last.cloud = good
	last.start()
	s.isNormal()
}

// tryMirroredLease: the successor of who gave a lease goes by its copy of it.
func (s *secured) tryMirroredLease(t *testing.T) {
	t.Helper()
	lease := s.leased(t, s.zone[0])
	s.launches("alice", "desktop:office") // what comes later is mirrored later
	s.zone[0].admin().Shows(step, "a peer that has the lease", func(v wire.Status) error {
		if p := v.Mirror.Peers; len(p) != 1 || p[0].Head == 0 || p[0].Position < p[0].Head {
			return fmt.Errorf("mirror %+v", v.Mirror)
		}
		return nil
	})
	s.zone[0].Kill()
	s.zone[1].admin().Elects(step, site.FQDN(s.zone[1].name))
	t.Run("stolen lease after a takeover", func(t *testing.T) { s.leaseIsBound(t, s.zone[1], lease) })
}
