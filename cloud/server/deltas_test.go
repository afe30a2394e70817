package server_test

import (
	"testing"

	"understudy/cloud"
	"understudy/site"
	"understudy/wire"
)

// NEW-06: "what a sync transfers and decodes grows with the change, not with the site."
func TestDeltaGrowsWithTheChange(t *testing.T) {
	s := start(t, t.TempDir())
	admin, connector := s.client(t, adminSecret, ""), s.client(t, connectorSecret, "cc1.example")
	now := bigSite()
	first, err := admin.PutSite(t.Context(), now, site.Version{})
	if err != nil {
		t.Fatal(err)
	}
	whole, _ := fetched(t, connector, wire.ConfigAsk{})
	for n := range 3 {
		now.Machines[n].Maintenance = true
		if _, err := admin.PutSite(t.Context(), now, site.Version{}); err != nil {
			t.Fatal(err)
		}
	}
	delta, r := fetched(t, connector, wire.ConfigAsk{Digest: first.Digest, Since: first.Version})
	if !r.IsDelta() || r.Objects() != 3 || delta*10 > whole {
		t.Errorf("%d objects in %d bytes, a delta %t; the whole has %d bytes", r.Objects(), delta, r.IsDelta(), whole)
	}
	if r.Header().Base != first.Version || r.Digest() != wire.Digest(now) {
		t.Errorf("the delta goes from %s to %s", r.Header().Base, r.Digest())
	}
	gone := site.Version{History: first.Version.History, Number: 999}
	if _, r := fetched(t, connector, wire.ConfigAsk{Since: gone}); r.IsDelta() {
		t.Error("a delta from a version that never was")
	}
}

// A change of everything costs no more as a delta than as a whole.
func TestDeltaIsNeverLarger(t *testing.T) {
	s := start(t, t.TempDir())
	admin, connector := s.client(t, adminSecret, ""), s.client(t, connectorSecret, "cc1.example")
	now := bigSite()
	first, err := admin.PutSite(t.Context(), now, site.Version{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range now.Machines {
		now.Machines[i].Maintenance = true
	}
	now.Users = nil
	now.Entitlements = nil
	if _, err := admin.PutSite(t.Context(), now, site.Version{}); err != nil {
		t.Fatal(err)
	}
	whole, _ := fetched(t, connector, wire.ConfigAsk{})
	if got, _ := fetched(t, connector, wire.ConfigAsk{Since: first.Version}); got > whole {
		t.Errorf("%d bytes, the whole has %d", got, whole)
	}
}

func bigSite() *site.Site {
	s := site.Generate(2000, 500, 1)
	s.Connectors[0].FQDN = "cc1.example"
	for i := range s.Machines {
		s.Machines[i].AssignedUser = ""
	}
	return s
}

// fetched reads all of what is sent, and counts it.
func fetched(t testing.TB, c *cloud.Client, ask wire.ConfigAsk) (int64, *wire.ConfigReader) {
	t.Helper()
	body, unchanged, err := c.Configuration(t.Context(), ask)
	if err != nil || unchanged != "" {
		t.Fatal(err, unchanged)
	}
	defer body.Close()
	r, err := wire.NewConfigReader(body)
	if err != nil {
		t.Fatal(err)
	}
	if r.IsDelta() {
		if _, err := r.ReadChanges(); err != nil {
			t.Fatal(err)
		}
		return r.Bytes(), r
	}
	for {
		if _, err := r.Next(); err != nil {
			return r.Bytes(), r
		}
	}
}
