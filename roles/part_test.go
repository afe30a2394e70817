package roles_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"understudy/roles"
	"understudy/site"
)

// company is a site of two zones; group farm is in both.
func company() *site.Site {
	connector := func(name, zone string) site.Connector {
		return site.Connector{FQDN: site.FQDN(name), Zone: zone, ClientURL: "https://" + name + ":7480", PeerURL: "https://" + name + ":7489"}
	}
	return &site.Site{
		Name:       "company",
		Zones:      []site.Zone{{Name: "berlin"}, {Name: "tokyo"}},
		Connectors: []site.Connector{connector("cc1.test", "berlin"), connector("cc2.test", "tokyo")},
		Groups: []site.DeliveryGroup{
			{Name: "office", Kind: site.Assigned, Zones: []string{"berlin"}, Desktop: "Office"},
			{Name: "farm", Kind: site.MultiSession, Zones: []string{"berlin", "tokyo"}, Desktop: "Farm"},
			{Name: "lab", Kind: site.Pooled, Zones: []string{"tokyo"}, Desktop: "Lab"},
		},
		Machines: []site.Machine{
			{Name: "o1.test", Group: "office", Zone: "berlin", AssignedUser: "alice"},
			{Name: "f1.test", Group: "farm", Zone: "berlin"},
			{Name: "f2.test", Group: "farm", Zone: "tokyo"},
			{Name: "l1.test", Group: "lab", Zone: "tokyo"},
		},
		Applications: []site.Application{{Name: "Editor", Groups: []string{"farm"}}, {Name: "Tool", Groups: []string{"farm", "lab"}}},
		Users:        []site.User{{Name: "alice"}, {Name: "bob"}, {Name: "carol"}},
		Entitlements: []site.Entitlement{
			{User: "alice", Desktop: "office"},
			{User: "bob", Desktop: "farm"},
			{User: "carol", Desktop: "lab"},
			{User: "bob", Application: "Editor"},
			{User: "carol", Application: "Tool"},
		},
	}
}

func operatorOf(groups, zones string) roles.Who {
	return roles.Who{Name: "who", Role: roles.Operator, Scope: roles.Scope{Groups: strings.Fields(groups), Zones: strings.Fields(zones)}}
}

// inventory names what is in a site.
func inventory(s *site.Site) string {
	var words []string
	for _, z := range s.Zones {
		words = append(words, z.Name)
	}
	for _, c := range s.Connectors {
		words = append(words, string(c.FQDN))
	}
	for _, g := range s.Groups {
		words = append(words, g.Name)
	}
	for _, m := range s.Machines {
		words = append(words, string(m.Name))
	}
	for _, a := range s.Applications {
		words = append(words, a.Name)
	}
	for _, u := range s.Users {
		words = append(words, u.Name)
	}
	return strings.Join(words, " ")
}

// Trust 3: who is limited to delivery groups or zones sees these.
func TestPart(t *testing.T) {
	for name, tt := range map[string]struct {
		who  roles.Who
		want string
	}{
		"of a group":         {operatorOf("office", ""), "berlin cc1.test office o1.test alice"},
		"of another":         {operatorOf("farm", ""), "berlin tokyo cc1.test cc2.test farm f1.test f2.test Editor bob"},
		"of two":             {operatorOf("farm lab", ""), "berlin tokyo cc1.test cc2.test farm lab f1.test f2.test l1.test Editor Tool bob carol"},
		"of a zone":          {operatorOf("", "berlin"), "berlin tokyo cc1.test cc2.test office farm o1.test f1.test Editor alice bob"},
		"of a group, a zone": {operatorOf("farm", "tokyo"), "berlin tokyo cc1.test cc2.test farm f2.test Editor bob"},
		"of nothing":         {operatorOf("none", ""), ""},
		"of everything":      {operatorOf("", ""), inventory(company())},
	} {
		part := roles.Part(tt.who, company())
		if got := inventory(part); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
		if faults := part.Validate(); len(faults) > 0 && tt.want != "" {
			t.Errorf("%s: what is seen is no site: %v", name, faults)
		}
	}
}

// Trust 3: "an operator limited to delivery groups or zones" changes these and nothing
// else.
func TestMerge(t *testing.T) {
	viewer := operatorOf("", "")
	viewer.Role = roles.Viewer
	for name, tt := range map[string]struct {
		who    roles.Who
		change func(*site.Site)
		denied string // empty: may
	}{
		"own group":              {operatorOf("farm", ""), func(s *site.Site) { s.Groups[0].Balance = site.DepthFirst }, ""},
		"a machine of the group": {operatorOf("farm", ""), func(s *site.Site) { s.Machines[1].Maintenance = true }, ""},
		"one machine more": {operatorOf("farm", ""), func(s *site.Site) {
			s.Machines = append(s.Machines, site.Machine{Name: "f3.test", Group: "farm", Zone: "tokyo"})
		}, ""},
		"one machine less": {operatorOf("farm", ""), func(s *site.Site) { s.Machines = s.Machines[:1] }, ""},
		"an entitlement": {operatorOf("farm", ""), func(s *site.Site) {
			s.Entitlements = append(s.Entitlements, site.Entitlement{UserGroup: "staff", Desktop: "farm"})
		}, ""},
		"an application":         {operatorOf("farm", ""), func(s *site.Site) { s.Applications[0].Command = "vi" }, ""},
		"everything":             {operatorOf("", ""), func(s *site.Site) { s.Groups = s.Groups[:1]; s.Users = nil }, ""},
		"a zone's settings":      {operatorOf("", "berlin"), func(s *site.Site) { s.Zones[0].Settings.CallInRate = 7 }, ""},
		"a zone's machine":       {operatorOf("", "berlin"), func(s *site.Site) { s.Machines[0].Maintenance = true }, ""},
		"a group of all zones":   {operatorOf("", "berlin"), func(s *site.Site) { s.Groups[1].MaxSessions = 7 }, "delivery group farm would change"},
		"another zone":           {operatorOf("", "berlin"), func(s *site.Site) { s.Zones[1].Settings.CallInRate = 7 }, "zone tokyo would change"},
		"a connector of another": {operatorOf("", "berlin"), func(s *site.Site) { s.Connectors[1].Standby = true }, "connector cc2.test would change"},
		"a connector that is new": {operatorOf("", "berlin"), func(s *site.Site) {
			s.Connectors = append(s.Connectors, site.Connector{FQDN: "cc9.test", Zone: "berlin"})
		}, "connector cc9.test would change"},
		"a connector of their own":  {operatorOf("", "berlin"), func(s *site.Site) { s.Connectors[0].Standby = true }, "connector cc1.test would change"},
		"a connector taken":         {operatorOf("", "berlin"), func(s *site.Site) { s.Connectors[1].Zone = "berlin" }, "connector cc2.test would change"},
		"a machine taken along":     {operatorOf("", "berlin"), func(s *site.Site) { s.Machines[0].Zone = "tokyo" }, "machine o1.test would change"},
		"another group":             {operatorOf("farm", ""), func(s *site.Site) { s.Groups = append(s.Groups, site.DeliveryGroup{Name: "lab", Kind: site.Assigned}) }, "delivery group lab would change"},
		"a machine given away":      {operatorOf("farm", ""), func(s *site.Site) { s.Machines[0].Group = "office" }, "machine f1.test would change"},
		"a zone of a group's":       {operatorOf("farm", ""), func(s *site.Site) { s.Zones[0].Settings.CallInRate = 7 }, "zone berlin would change"},
		"the site's limit":          {operatorOf("farm", ""), func(s *site.Site) { s.MaxSessions = 7 }, "site company would change"},
		"a user":                    {operatorOf("farm", ""), func(s *site.Site) { s.Users[0].Groups = []string{"admins"} }, "user bob would change"},
		"an application elsewhere":  {operatorOf("farm", ""), func(s *site.Site) { s.Applications[0].Groups = []string{"farm", "office"} }, "application Editor would change"},
		"an application of nothing": {operatorOf("farm", ""), func(s *site.Site) { s.Applications = append(s.Applications, site.Application{Name: "X"}) }, "application X would change"},
		"an entitlement elsewhere": {operatorOf("farm", ""), func(s *site.Site) {
			s.Entitlements = append(s.Entitlements, site.Entitlement{User: "bob", Desktop: "lab"})
		}, "would change"},
		"an entitlement to what is shared": {
			operatorOf("farm", ""), func(s *site.Site) {
				s.Entitlements = append(s.Entitlements, site.Entitlement{User: "bob", Application: "Tool"})
			}, "would change",
		},
		"an object twice": {operatorOf("farm", ""), func(s *site.Site) { s.Machines = append(s.Machines, s.Machines[0]) }, "f1.test, sent twice, would change"},
		"a viewer":        {viewer, func(*site.Site) {}, "you are who, viewer: this needs an operator"},
	} {
		t.Run(name, func(t *testing.T) {
			sent := clone(roles.Part(tt.who, company()))
			tt.change(sent)
			got, err := roles.Merge(tt.who, company(), sent)
			denied, is := errors.AsType[*roles.Denied](err)
			switch {
			case tt.denied == "" && (err != nil || cmp.Equal(got, company()) || len(got.Validate()) > 0 && name != "everything"):
				t.Errorf("%v, %+v", err, got)
			case tt.denied != "" && (!is || !strings.Contains(denied.Reason, tt.denied)):
				t.Errorf("%v, want %s", err, tt.denied)
			}
		})
	}
}

func clone(s *site.Site) *site.Site {
	c := *s
	c.Zones, c.Connectors, c.Groups, c.Machines = slices.Clone(s.Zones), slices.Clone(s.Connectors), slices.Clone(s.Groups), slices.Clone(s.Machines)
	c.Applications, c.Users, c.Entitlements = slices.Clone(s.Applications), slices.Clone(s.Users), slices.Clone(s.Entitlements)
	return &c
}

// whole compares sites without regard to the order of what is in them.
var whole = cmp.Options{
	cmpopts.EquateEmpty(),
	cmpopts.SortSlices(func(a, b site.Machine) bool { return a.Name < b.Name }), cmpopts.SortSlices(func(a, b site.DeliveryGroup) bool { return a.Name < b.Name }),
}

// Whoever sends back what they see changes nothing; and whatever they send, what is
// outside of their limits stays as it is, or nothing changes at all.
func TestOutsideOfTheLimitsNothingChanges(t *testing.T) {
	groups, zones := []string{"office", "farm", "lab"}, []string{"berlin", "tokyo"}
	rapid.Check(t, func(t *rapid.T) {
		who := operatorOf("", "")
		who.Groups = rapid.SliceOfNDistinct(rapid.SampledFrom(groups), 0, 3, rapid.ID[string]).Draw(t, "groups")
		who.Zones = rapid.SliceOfNDistinct(rapid.SampledFrom(zones), 0, 2, rapid.ID[string]).Draw(t, "zones")
		now := company()
		same, err := roles.Merge(who, now, roles.Part(who, now))
		if err != nil || !cmp.Equal(now, same, whole) {
			t.Fatalf("%s: %v %s", who, err, cmp.Diff(now, same, whole))
		}
		sent := clone(roles.Part(who, now))
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			mutate(t, sent, groups, zones)
		}
		got, err := roles.Merge(who, now, sent)
		if err != nil {
			return
		}
		outside := func(s *site.Site) (rest []any) {
			for _, g := range s.Groups {
				if len(who.Zones) > 0 || !who.Group(g.Name) {
					rest = append(rest, g)
				}
			}
			for _, m := range s.Machines {
				if !who.Group(m.Group) || !who.Zone(m.Zone) {
					rest = append(rest, m)
				}
			}
			for _, z := range s.Zones {
				if len(who.Groups) > 0 || !who.Zone(z.Name) {
					rest = append(rest, z)
				}
			}
			return rest
		}
		if d := cmp.Diff(outside(now), outside(got)); d != "" {
			t.Fatalf("%s changed what is not theirs: %s", who, d)
		}
	})
}

func mutate(t *rapid.T, s *site.Site, groups, zones []string) {
	group, zone := rapid.SampledFrom(groups).Draw(t, "group"), rapid.SampledFrom(zones).Draw(t, "zone")
	name := site.FQDN(rapid.SampledFrom([]string{"o1.test", "f1.test", "F2.test", "l1.test", "new.test"}).Draw(t, "machine"))
	switch rapid.IntRange(0, 4).Draw(t, "what") {
	case 0:
		s.Machines = append(s.Machines, site.Machine{Name: name, Group: group, Zone: zone})
	case 1:
		s.Groups = append(s.Groups, site.DeliveryGroup{Name: group, Kind: site.Pooled, Zones: []string{zone}})
	case 2:
		s.Zones = append(s.Zones, site.Zone{Name: zone, Settings: site.Settings{CallInRate: 7}})
	case 3:
		for i := range s.Machines {
			if s.Machines[i].Name == name {
				s.Machines[i].Group, s.Machines[i].Zone = group, zone
			}
		}
	case 4:
		if len(s.Groups) > 0 {
			s.Groups = s.Groups[1:]
		}
	}
}
