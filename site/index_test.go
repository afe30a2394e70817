package site_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"understudy/site"
)

// company is a small valid site that tests change.
func company() *site.Site {
	return &site.Site{
		Name:  "example",
		Zones: []site.Zone{{Name: "berlin", Settings: site.Settings{Deadline: 4e8}}, {Name: "lyon"}},
		Connectors: []site.Connector{
			{FQDN: "cc02.example.test", Zone: "berlin", ClientURL: "https://cc02.example.test:7480", PeerURL: "https://cc02.example.test:7489"},
			{FQDN: "cc01.example.test", Zone: "berlin", ClientURL: "https://cc01.example.test:7480", PeerURL: "https://cc01.example.test:7489"},
			{FQDN: "cc10.example.test", Zone: "lyon", ClientURL: "https://cc10.example.test:7480", PeerURL: "https://cc10.example.test:7489"},
		},
		Groups: []site.DeliveryGroup{
			{Name: "own", Kind: site.Assigned, Zones: []string{"berlin"}, Desktop: "Own Desktop"},
			{Name: "pool", Kind: site.Pooled, Zones: []string{"lyon", "berlin"}, Desktop: "A Pool Desktop"},
			{Name: "shared", Kind: site.MultiSession, Zones: []string{"berlin"}},
		},
		Machines: []site.Machine{
			{Name: "pool2.example.test", Group: "pool", Zone: "lyon"},
			{Name: "pool1.example.test", Group: "pool", Zone: "berlin"},
			{Name: "own1.example.test", Group: "own", Zone: "berlin", AssignedUser: "Alice"},
			{Name: "shared1.example.test", Group: "shared", Zone: "berlin", Weight: 200},
		},
		Applications: []site.Application{{Name: "Mail", Groups: []string{"shared", "pool"}, Command: "mail.exe"}},
		Users:        []site.User{{Name: "alice", Groups: []string{"Staff"}}, {Name: "bob"}},
		Entitlements: []site.Entitlement{
			{User: "ALICE", Desktop: "own"},
			{UserGroup: "staff", Desktop: "pool"},
			{User: "alice", Application: "Mail"},
			{UserGroup: "guests", Application: "Mail"},
			{User: "bob", Desktop: "pool"},
		},
	}
}

func TestIndexLooksUp(t *testing.T) {
	s := company()
	x := site.NewIndex(s)
	if x.Site() != s {
		t.Error("Site is another one")
	}
	m, ok := x.Machine("shared1.example.test")
	if !ok || m.Capacity != 50 || m.Weight != 200 {
		t.Errorf("got %+v, %t; want capacity 50, weight 200", m, ok)
	}
	if m, _ = x.Machine("pool1.example.test"); m.Capacity != 1 || m.Weight != 100 {
		t.Errorf("got %+v; want capacity 1, weight 100", m)
	}
	if _, ok = x.Machine("pool9.example.test"); ok {
		t.Error("a machine that does not exist was found")
	}
	if got, want := x.Settings("berlin").Deadline, site.Duration(4e8); got != want {
		t.Errorf("got deadline %v, want %v", got, want)
	}
	if got, want := x.Settings("lyon"), site.DefaultSettings(); !cmp.Equal(got, want) {
		t.Errorf("got %+v, want the defaults", got)
	}
	if c := x.Connectors("berlin"); len(c) != 2 || c[0].FQDN != "cc01.example.test" {
		t.Errorf("connectors of berlin are not sorted: %v", c)
	}
}

func TestIndexMachinesOf(t *testing.T) {
	x := site.NewIndex(company())
	tests := []struct {
		group, zone string
		want        []site.FQDN
	}{
		{"pool", "", []site.FQDN{"pool1.example.test", "pool2.example.test"}},
		{"pool", "lyon", []site.FQDN{"pool2.example.test"}},
		{"pool", "berlin", []site.FQDN{"pool1.example.test"}},
		{"own", "berlin", []site.FQDN{"own1.example.test"}},
		{"own", "lyon", nil},
		{"none", "", nil},
	}
	for _, tt := range tests {
		if got := names(x.MachinesOf(tt.group, tt.zone)); !cmp.Equal(got, tt.want) {
			t.Errorf("MachinesOf(%q, %q): got %v, want %v", tt.group, tt.zone, got, tt.want)
		}
	}
	if got, want := names(x.AssignedMachines("aLiCe", "own")), []site.FQDN{"own1.example.test"}; !cmp.Equal(got, want) {
		t.Errorf("AssignedMachines: got %v, want %v", got, want)
	}
	if got := x.AssignedMachines("bob", "own"); got != nil {
		t.Errorf("AssignedMachines of bob: got %v, want none", got)
	}
}

func TestIndexResources(t *testing.T) {
	x := site.NewIndex(company())
	tests := []struct {
		name   string
		user   string
		groups []string
		want   []string
	}{
		{"own groups of the site and direct ones", "Alice", nil, []string{"desktop:pool", "app:Mail", "desktop:own"}},
		{"by name", "bob", nil, []string{"desktop:pool"}},
		{"asserted group added", "bob", []string{"Guests"}, []string{"desktop:pool", "app:Mail"}},
		{"unknown user with an asserted group", "carol", []string{"guests"}, []string{"app:Mail"}},
		{"unknown user", "carol", nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, r := range x.Resources(tt.user, tt.groups) {
				got = append(got, r.ID)
				if !x.Entitled(tt.user, tt.groups, r.ID) {
					t.Errorf("listed %s, but not entitled to it", r.ID)
				}
			}
			if !cmp.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
	if x.Entitled("bob", nil, "desktop:own") || x.Entitled("alice", nil, "desktop:shared") {
		t.Error("entitled to what was not given")
	}
}

func TestIndexResource(t *testing.T) {
	x := site.NewIndex(company())
	got, ok := x.Resource("app:Mail")
	want := site.Resource{
		ID: "app:Mail", Name: "Mail", Kind: "application", Command: "mail.exe",
		Groups: []string{"pool", "shared"}, Zones: []string{"berlin", "lyon"},
		Formats: site.LaunchFormats(),
	}
	if !ok || !cmp.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if _, ok = x.Resource("desktop:shared"); ok {
		t.Error("a desktop that is not published was found")
	}
}

func names(machines []site.Machine) []site.FQDN {
	var list []site.FQDN
	for _, m := range machines {
		list = append(list, m.Name)
	}
	return list
}

// LHC-30: what a user may launch does not depend on the order of the entitlements, nor
// on those to what nobody can launch.
func TestEntitlementsInAnyOrder(t *testing.T) {
	s := company()
	s.Entitlements = []site.Entitlement{
		{User: "alice", Application: "Mail"},
		{User: "bob", Desktop: "shared"}, // publishes none
		{User: "bob", Desktop: "pool"},
		{User: "alice", Desktop: "own"},
		{UserGroup: "bob", Application: "Mail"},
	}
	x := site.NewIndex(s)
	for user, want := range map[string][]string{"Alice": {"app:Mail", "desktop:own"}, "bob": {"desktop:pool"}, "carol": nil} {
		var got []string
		for _, r := range x.Resources(user, nil) {
			got = append(got, r.ID)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", user, diff)
		}
	}
	if !x.Entitled("dave", []string{"BOB"}, "app:Mail") || x.Entitled("bob", nil, "app:Mail") {
		t.Error("a user and a user group of one name are taken for each other")
	}
}

// Whatever the order of the entitlements, a user gets what the site gives to them and to
// their groups, each once, by name.
func TestIndexResourcesOfAnyEntitlements(t *testing.T) {
	holders := []site.Entitlement{{User: "alice"}, {User: "ALICE"}, {User: "bob"}, {UserGroup: "staff"}, {UserGroup: "Guests"}, {UserGroup: "none"}}
	targets := []site.Entitlement{{Desktop: "own"}, {Desktop: "pool"}, {Desktop: "shared"}, {Application: "Mail"}, {Application: "Chess"}}
	rapid.Check(t, func(t *rapid.T) {
		s := company()
		s.Applications = append(s.Applications, site.Application{Name: "Chess", Groups: []string{"own"}})
		s.Entitlements = nil
		for range rapid.IntRange(0, 12).Draw(t, "entitlements") {
			e := rapid.SampledFrom(holders).Draw(t, "holder")
			to := rapid.SampledFrom(targets).Draw(t, "target")
			e.Desktop, e.Application = to.Desktop, to.Application
			s.Entitlements = append(s.Entitlements, e)
		}
		given := map[string]bool{}
		for _, e := range s.Entitlements {
			switch {
			case strings.EqualFold(e.User, "alice"), e.UserGroup == "staff", e.UserGroup == "Guests":
				given[e.Application+e.Desktop] = e.Desktop != "shared" // which publishes none
			}
		}
		x, got := site.NewIndex(s), 0
		list := x.Resources("Alice", []string{"guests", "guests"})
		for i, r := range list {
			if i > 0 && list[i-1].Name >= r.Name {
				t.Errorf("%s comes after %s", r.Name, list[i-1].Name)
			}
			if _, name, _ := strings.Cut(r.ID, ":"); given[name] {
				got++
			}
		}
		want := 0
		for name, published := range given {
			if published {
				want++
			}
			if id := site.DesktopID(name); name != "Mail" && name != "Chess" && x.Entitled("alice", []string{"guests"}, id) != published {
				t.Errorf("entitled to %s: %t, want %t", id, !published, published)
			}
		}
		if got != want || len(list) != want {
			t.Errorf("got %d resources, %d of them given, want %d of %v", len(list), got, want, s.Entitlements)
		}
	})
}
