package localdb_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"understudy/site"
	"understudy/wire"
)

// LHC-02, ADC-01, VPN-03, VPN-05: what a snapshot holds of how a group is balanced is
// what the cloud broker published.
func TestPoliciesOfGroups(t *testing.T) {
	s, _ := open(t, t.TempDir())
	want := siteOf(version(1))
	want.MaxSessions, want.STAFailover = 900, site.Stateless
	g := &want.Groups[2]
	g.Balance, g.Failover, g.MaxSessions = site.DepthFirst, site.Stateless, 40
	want.Groups[1].ReplaceUnreachable, want.Groups[1].Balance = true, site.RoundRobin
	want.Applications[0].Dynamic = true
	g.Launch = site.Launch{Formats: []site.LaunchFormat{"rdp", "json"}, RDP: []string{"audiomode:i:2"}, Guacamole: []string{"security=any"}}
	b, err := s.Build(t.Context(), reader(t, want, version(1)), "test")
	if err == nil {
		err = s.Swap(b)
	}
	if err != nil {
		t.Fatal(err)
	}
	c, _ := s.Current()
	defer c.Release()
	got := c.Index.Site()
	if got.MaxSessions != 900 || got.STAFailover != site.Stateless {
		t.Errorf("the site has a limit of %d and mode %q for tickets", got.MaxSessions, got.STAFailover)
	}
	for i := range want.Groups {
		want.Groups[i].Zones = got.Groups[i].Zones
	}
	if diff := cmp.Diff(want.Groups, got.Groups); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want.Applications, got.Applications); diff != "" {
		t.Errorf("applications (-want +got):\n%s", diff)
	}
}

// LHC-02: a snapshot that was made before there were policies is used as it is, with
// every policy at its default and the digest that it always had.
func TestSnapshotWithoutPolicies(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "site-20260101T000000Z_abcd-1-old.db"), unpacked(t, filepath.Join("testdata", "schema2.db.gz")))
	s, findings := open(t, dir)
	c, ok := s.Current()
	if !ok {
		t.Fatalf("there is no snapshot: %v", findings)
	}
	defer c.Release()
	if got, want := wire.Digest(c.Index.Site()), c.Digest; got != want {
		t.Errorf("the digest is %s, the file says %s", got, want)
	}
	for _, g := range c.Index.Site().Groups {
		if g.Balancing() != site.LeastLoad || g.FailoverMode() != site.Stateful || g.Dynamic || g.MaxSessions != 0 || !g.Launch.IsZero() {
			t.Errorf("group %+v, want defaults", g)
		}
	}
}
