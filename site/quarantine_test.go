package site_test

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"understudy/site"
)

// spoil breaks some objects of a site.
func spoil(s *site.Site, r *rand.Rand) {
	some := func(list int) int { return r.IntN(list) }
	ways := []func(){
		func() { s.Machines[some(len(s.Machines))].Capacity = -1 },
		func() { s.Machines[some(len(s.Machines))].Zone = "nowhere" },
		func() { s.Machines[some(len(s.Machines))].Group = "" },
		func() { s.Machines[some(len(s.Machines))].Name = s.Machines[some(len(s.Machines))].Name },
		func() { s.Machines[some(len(s.Machines))].Name = s.Connectors[some(len(s.Connectors))].FQDN },
		func() { s.Users[some(len(s.Users))].Name = "" },
		func() { s.Users[some(len(s.Users))].Name = s.Users[some(len(s.Users))].Name },
		func() { s.Groups[some(len(s.Groups))].Kind = "odd" },
		func() { s.Groups[some(len(s.Groups))].Name = s.Groups[some(len(s.Groups))].Name },
		func() { s.Groups[some(len(s.Groups))].Desktop = "" },
		func() { s.Connectors[some(len(s.Connectors))].PeerURL = s.Connectors[some(len(s.Connectors))].PeerURL },
		func() { s.Connectors[some(len(s.Connectors))].ClientURL = "" },
		func() { s.Connectors[some(len(s.Connectors))].Standby = true },
		func() { s.Zones[some(len(s.Zones))].Name = s.Zones[some(len(s.Zones))].Name },
		func() { s.Zones[some(len(s.Zones))].Settings.Deadline = -1 },
		func() { s.Entitlements = append(s.Entitlements, s.Entitlements[some(len(s.Entitlements))]) },
		func() { s.Entitlements[some(len(s.Entitlements))].Application = "none" },
		func() { s.Applications[some(len(s.Applications))].Groups = nil },
	}
	for i := range s.Groups { // a bad one with the name of a good one
		if r.IntN(3) == 0 {
			odd := s.Groups[i]
			odd.Kind, odd.Zones = []site.Kind{"odd", site.Pooled, site.Assigned}[r.IntN(3)], odd.Zones[:1]
			s.Groups = slices.Insert(s.Groups, r.IntN(len(s.Groups)+1), odd)
		}
	}
	for range 1 + r.IntN(6) {
		ways[r.IntN(len(ways))]()
	}
}

// back is the good part with one of the quarantined objects in it again, where it was.
func back(s, good *site.Site, all []site.Quarantined, one site.Quarantined) *site.Site {
	with := *good
	put := func(list any, from any) {
		at := 0
		for i := range one.At {
			if !slices.ContainsFunc(all, func(q site.Quarantined) bool { return q.List == one.List && q.At == i }) {
				at++
			}
		}
		l := reflect.ValueOf(list).Elem()
		v := reflect.MakeSlice(l.Type(), 0, l.Len()+1)
		v = reflect.AppendSlice(v, l.Slice(0, at))
		v = reflect.Append(v, reflect.ValueOf(from).Index(one.At))
		l.Set(reflect.AppendSlice(v, l.Slice(at, l.Len())))
	}
	switch one.List {
	case "zones":
		put(&with.Zones, s.Zones)
	case "connectors":
		put(&with.Connectors, s.Connectors)
	case "groups":
		put(&with.Groups, s.Groups)
	case "machines":
		put(&with.Machines, s.Machines)
	case "applications":
		put(&with.Applications, s.Applications)
	case "users":
		put(&with.Users, s.Users)
	case "entitlements":
		put(&with.Entitlements, s.Entitlements)
	}
	return &with
}

// NEW-05: "one bad object is quarantined and reported; it does not block the import."
// What remains is valid, unless nothing of a kind that a site must have is left; and no
// object is out that could be in.
func TestQuarantineLeavesAValidSite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := site.Generate(24, 12, 5)
		spoil(s, rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 2)))
		good, out := s.Quarantine()
		for _, f := range good.Validate() {
			if f.Path != "zones" && f.Path != "connectors" {
				t.Fatalf("what remains: %s", f)
			}
		}
		if len(out) == 0 && len(s.Validate()) > 0 {
			t.Fatal("a fault, and nothing is out")
		}
		for _, q := range out {
			if q.Reason == "" {
				t.Fatalf("%+v has no reason", q)
			}
			if len(good.Zones) > 0 && len(back(s, good, out, q).Validate()) == 0 {
				t.Fatalf("%s[%d] could be in: %s", q.List, q.At, q.Reason)
			}
		}
		again, same := s.Quarantine()
		if !reflect.DeepEqual(out, same) || !reflect.DeepEqual(good, again) {
			t.Fatal("another result the second time")
		}
	})
}

func TestQuarantine(t *testing.T) {
	s := site.Generate(24, 12, 5)
	if good, out := s.Quarantine(); good != s || out != nil {
		t.Errorf("%d objects of a valid site are out", len(out))
	}
	s.Applications[1].Groups = []string{"gone"}
	name := s.Applications[1].Name
	good, out := s.Quarantine()
	if len(good.Applications) != len(s.Applications)-1 || out[0].List != "applications" || out[0].At != 1 ||
		out[0].Reason != `groups[0]: group "gone" does not exist` {
		t.Errorf("%+v", out)
	}
	for _, q := range out[1:] {
		if q.List != "entitlements" || s.Entitlements[q.At].Application != name {
			t.Errorf("%+v is out and does not refer to %s", q, name)
		}
	}
}
