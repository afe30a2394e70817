package site_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"understudy/site"
)

// cast is a site of one zone, of which standbys are written with a dash.
func cast(policy site.Policy, names ...string) *site.Site {
	s := &site.Site{Name: "example", Zones: []site.Zone{{Name: "berlin", Settings: site.Settings{Policy: policy}}}}
	for _, name := range names {
		bare := strings.TrimPrefix(name, "-")
		s.Connectors = append(s.Connectors, site.Connector{
			FQDN: site.FQDN(bare), Zone: "berlin", Standby: bare != name,
			ClientURL: "https://" + bare + ":7480", PeerURL: "https://" + bare + ":7489",
		})
	}
	return s
}

// RAS-01: "lists differ by at most one connector", in an order in which the number
// of those that must be there changes as little as can be.
func TestSteps(t *testing.T) {
	const a, m = site.Available, site.Majority
	tests := []struct {
		name     string
		from, to *site.Site
		want     []string
	}{
		{"the first site", nil, cast(m, "c1", "c2", "c3"), []string{""}},
		{"nothing", cast(m, "c1"), cast(m, "c1"), []string{""}},
		{"one more", cast(m, "c1", "c2"), cast(m, "c1", "c2", "c3"), []string{"zone berlin: c3 joins"}},
		{"two more", cast(m, "c1", "c2", "c3"), cast(m, "c1", "c2", "c3", "c4", "c5"), []string{"zone berlin: c4 joins", "zone berlin: c5 joins"}},
		{"all new", cast(m, "c1", "c2", "c3"), cast(m, "c4", "c5", "c6"), []string{
			"zone berlin: c4 joins", "zone berlin: c1 leaves", "zone berlin: c5 joins", "zone berlin: c2 leaves", "zone berlin: c6 joins", "zone berlin: c3 leaves",
		}},
		{"all new, with better names", cast(m, "c4", "c5"), cast(m, "c1", "c2"), []string{
			"zone berlin: c1 joins", "zone berlin: c4 leaves", "zone berlin: c2 joins", "zone berlin: c5 leaves",
		}},
		{"a standby takes the place of an active one", cast(m, "c1", "c2", "-c3"), cast(m, "c1", "-c2", "c3"), []string{
			"zone berlin: c3 becomes active", "zone berlin: c2 becomes a standby",
		}},
		{"standbys come and go at once", cast(m, "c1", "-c2", "-c3"), cast(m, "c1", "-c4", "-c5"), []string{
			"zone berlin: c2 leaves; zone berlin: c3 leaves; zone berlin: c4 joins as a standby; zone berlin: c5 joins as a standby",
		}},
		{"no majority, no steps", cast(a, "c1", "c2"), cast("", "c3", "c4"), []string{
			"zone berlin: c1 leaves; zone berlin: c2 leaves; zone berlin: c3 joins; zone berlin: c4 joins",
		}},
		{"to a majority", cast("", "c1"), cast(m, "c1", "c2", "c3"), []string{"zone berlin: c2 joins; zone berlin: c3 joins", "zone berlin: the policy becomes majority"}},
		{"only to a majority", cast(a, "c1"), cast(m, "c1"), []string{"zone berlin: the policy becomes majority"}},
		{"from a majority", cast(m, "c1"), cast("", "c1", "c2", "c3"), []string{"zone berlin: the policy becomes available", "zone berlin: c2 joins; zone berlin: c3 joins"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			steps, err := site.Steps(tt.from, tt.to)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range steps {
				got = append(got, strings.Join(s.Changes, "; "))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
		})
	}
}

// A new connector may have the address of one that goes: then that one goes first.
func TestStepsWhereAnAddressIsUsedAgain(t *testing.T) {
	to := cast(site.Majority, "c3", "c4")
	to.Connectors[0].PeerURL = "https://c2:7489"
	steps, err := site.Steps(cast(site.Majority, "c1", "c2"), to)
	if err != nil {
		t.Fatal(err)
	}
	checkSteps(t, cast(site.Majority, "c1", "c2"), to, steps)
	alone := cast(site.Majority, "c2")
	alone.Connectors[0].PeerURL = "https://c1:7489"
	if _, err := site.Steps(cast(site.Majority, "c1"), alone); err == nil || !strings.Contains(err.Error(), "one at a time") {
		t.Errorf("one connector cannot take the address of the only other one: got %v", err)
	}
}

// fatal is what tests and properties fail by.
type fatal interface {
	Helper()
	Fatalf(format string, args ...any)
}

func checkSteps(t fatal, from, to *site.Site, steps []site.Step) {
	t.Helper()
	if last := steps[len(steps)-1].Site; last != to {
		t.Fatalf("the last step is %+v and not the site asked for", last)
	}
	for i, step := range steps {
		if faults := step.Site.Validate(); len(faults) > 0 {
			t.Fatalf("step %d of %d is not valid: %v", i+1, len(steps), faults)
		}
		for _, z := range to.Zones {
			if n := differing(from, step.Site, z.Name); n > 1 {
				t.Fatalf("step %d of %d changes %d active connectors of %s under a majority: %v", i+1, len(steps), n, z.Name, step.Changes)
			}
		}
		from = step.Site
	}
}

// differing counts the active connectors in which two versions of a zone differ, if
// either has the policy majority; none where the zone is new.
func differing(a, b *site.Site, zone string) int {
	was, is := site.NewIndex(a), site.NewIndex(b)
	if _, known := was.Zone(zone); !known || was.Settings(zone).Policy != site.Majority && is.Settings(zone).Policy != site.Majority {
		return 0
	}
	before, after := actives(was, zone), actives(is, zone)
	n := 0
	for name := range before {
		if !after[name] {
			n++
		}
	}
	for name := range after {
		if !before[name] {
			n++
		}
	}
	return n
}

func actives(x *site.Index, zone string) map[site.FQDN]bool {
	all := map[site.FQDN]bool{}
	for _, c := range x.Connectors(zone) {
		if !c.Standby {
			all[c.FQDN] = true
		}
	}
	return all
}

// RAS-01: whatever the two sites, each step is valid, keeps an active connector in
// every zone, changes at most one where a majority decides, and the last one is the
// site asked for; and who starts again after any step gets there too.
func TestStepsKeepTheRules(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		from, to := drawn(r, "from"), drawn(r, "to")
		for {
			steps, err := site.Steps(from, to)
			if err != nil && moves(from, to) {
				r.Skip("a connector changes its zone, and there is no way")
			}
			if err != nil {
				r.Fatalf("%v", err)
			}
			checkSteps(r, from, to, steps)
			if len(steps) == 1 {
				return
			}
			from = steps[rapid.IntRange(0, len(steps)-2).Draw(r, "stop")].Site
		}
	})
}

// moves reports whether a connector changes its zone.
func moves(from, to *site.Site) bool {
	x := site.NewIndex(from)
	return slices.ContainsFunc(to.Connectors, func(c site.Connector) bool {
		old, was := x.Connector(c.FQDN)
		return was && old.Zone != c.Zone
	})
}

// drawn is a valid site of up to three zones and nine connectors.
func drawn(r *rapid.T, label string) *site.Site {
	s := &site.Site{Name: "example"}
	for i := range 3 {
		z := site.Zone{Name: fmt.Sprintf("z%d", i)}
		z.Settings.Policy = rapid.SampledFrom([]site.Policy{"", site.Available, site.Majority, site.Majority}).Draw(r, label+" policy")
		s.Zones = append(s.Zones, z)
	}
	for i := range 9 {
		zone := i % 3
		if rapid.IntRange(0, 9).Draw(r, label+" elsewhere") == 0 {
			zone = (zone + 1) % 3
		}
		if rapid.IntRange(0, 2).Draw(r, label+" there") == 0 {
			continue
		}
		name := fmt.Sprintf("c%d", i)
		s.Connectors = append(s.Connectors, site.Connector{
			FQDN: site.FQDN(name), Zone: s.Zones[zone].Name, Standby: rapid.Bool().Draw(r, label+" standby"),
			ClientURL: "https://" + name + ":1", PeerURL: "https://" + name + ":2",
		})
	}
	x := site.NewIndex(s)
	s.Zones = slices.DeleteFunc(s.Zones, func(z site.Zone) bool { return len(actives(x, z.Name)) == 0 })
	s.Connectors = slices.DeleteFunc(s.Connectors, func(c site.Connector) bool { return len(actives(x, c.Zone)) == 0 })
	if len(s.Connectors) == 0 {
		r.Skip("there is no connector")
	}
	return s
}
