package roles_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"understudy/roles"
)

var actions = []roles.Action{roles.Greet, roles.See, roles.SeeWhole, roles.Change}

// Trust 3: "viewer, operator, and an operator limited to delivery groups or zones".
func TestMay(t *testing.T) {
	zone, other := roles.Target{Zone: "berlin"}, roles.Target{Zone: "tokyo"}
	office, farm, whole := roles.Target{Group: "office"}, roles.Target{Group: "farm"}, roles.Target{}
	for name, tt := range map[string]struct {
		who  roles.Who
		may  map[roles.Action][]roles.Target
		says map[roles.Action]string // about the zone
	}{
		"viewer": {
			roles.Who{Name: "vera", Role: roles.Viewer},
			map[roles.Action][]roles.Target{roles.See: {zone, other, office, farm, whole}, roles.SeeWhole: {zone, other, office, farm, whole}},
			map[roles.Action]string{roles.Change: "you are vera, viewer: this needs an operator"},
		},
		"operator": {
			roles.Who{Name: "olaf", Role: roles.Operator},
			map[roles.Action][]roles.Target{roles.See: {zone, other, office, farm, whole}, roles.SeeWhole: {zone, other, office, farm, whole}, roles.Change: {zone, other, office, farm, whole}},
			nil,
		},
		"operator of a zone": {
			roles.Who{Name: "zoe", Role: roles.Operator, Scope: roles.Scope{Zones: []string{"berlin"}}},
			map[roles.Action][]roles.Target{roles.See: {zone, office, farm, whole}, roles.SeeWhole: {zone}, roles.Change: {zone}},
			nil,
		},
		"operator of a group": {
			roles.Who{Name: "gina", Role: roles.Operator, Scope: roles.Scope{Groups: []string{"office"}}},
			map[roles.Action][]roles.Target{roles.See: {zone, other, office, whole}, roles.SeeWhole: {office}, roles.Change: {office}},
			map[roles.Action]string{roles.Change: "you are gina, operator for delivery group office: this needs an operator who is not limited to less than the whole zone berlin"},
		},
		"viewer of another zone": {
			roles.Who{Name: "tom", Role: roles.Viewer, Scope: roles.Scope{Zones: []string{"tokyo"}}},
			map[roles.Action][]roles.Target{roles.See: {other, office, farm, whole}, roles.SeeWhole: {other}},
			map[roles.Action]string{roles.See: "you are tom, viewer in zone tokyo: this needs a viewer or an operator whose limits include the whole zone berlin"},
		},
		"no known role": {roles.Who{Name: "eve", Role: "root"}, nil, map[roles.Action]string{roles.See: `you are eve: role "root" is not known`}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, action := range []roles.Action{roles.See, roles.SeeWhole, roles.Change} {
				for _, target := range []roles.Target{zone, other, office, farm, whole} {
					got, why := roles.May(tt.who, action, target)
					if want := slices.Contains(tt.may[action], target); got != want || why == "" {
						t.Errorf("%s of %s: %v (%s), want %v", action, target, got, why, want)
					}
				}
				if _, why := roles.May(tt.who, action, zone); tt.says[action] != "" && why != tt.says[action] {
					t.Errorf("%s: %q, want %q", action, why, tt.says[action])
				}
			}
		})
	}
}

func names(t *rapid.T, label string) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 0, 4, rapid.ID[string]).Draw(t, label)
}

func someone(t *rapid.T) roles.Who {
	return roles.Who{
		Name: "who", Role: rapid.SampledFrom([]roles.Role{roles.Viewer, roles.Operator, "", "admin"}).Draw(t, "role"),
		Scope: roles.Scope{Groups: names(t, "groups"), Zones: names(t, "zones")},
	}
}

func something(t *rapid.T) roles.Target {
	return roles.Target{
		Zone:  rapid.SampledFrom([]string{"", "a", "b", "c", "x"}).Draw(t, "zone"),
		Group: rapid.SampledFrom([]string{"", "a", "b", "c", "x"}).Draw(t, "group"),
	}
}

func may(w roles.Who, a roles.Action, t roles.Target) bool {
	ok, _ := roles.May(w, a, t)
	return ok
}

// A limit takes away and never gives; what may be changed may be seen; a viewer changes
// nothing, and nobody changes what is outside of their limits.
func TestScopeOnlyTakesAway(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		who, target := someone(t), something(t)
		for _, a := range actions {
			free := who
			free.Scope = roles.Scope{}
			if may(who, a, target) && !may(free, a, target) {
				t.Fatalf("%s may %s %s only with limits", who, a, target)
			}
			narrow := who
			if len(who.Groups) > 1 {
				narrow.Groups = who.Groups[:1]
			}
			if len(who.Zones) > 1 {
				narrow.Zones = who.Zones[:1]
			}
			if may(narrow, a, target) && !may(who, a, target) {
				t.Fatalf("%s may %s %s, and %s may not", narrow, a, target, who)
			}
		}
		if may(who, roles.SeeWhole, target) && !may(who, roles.See, target) || may(who, roles.Change, target) && !may(who, roles.SeeWhole, target) {
			t.Fatalf("%s sees less of %s than they may change", who, target)
		}
		if !may(who, roles.Change, target) {
			return
		}
		if who.Role != roles.Operator {
			t.Fatalf("%s changes %s", who, target)
		}
		if len(who.Groups) > 0 && !slices.Contains(who.Groups, target.Group) || len(who.Zones) > 0 && !slices.Contains(who.Zones, target.Zone) {
			t.Fatalf("%s changes %s", who, target)
		}
	})
}

// Who may do something to the whole may do it to each part.
func TestTheWholeIncludesItsParts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		who, part := someone(t), something(t)
		for _, whole := range []roles.Target{{Zone: part.Zone}, {Group: part.Group}, {}} {
			for _, a := range []roles.Action{roles.SeeWhole, roles.Change} {
				if may(who, a, whole) && !may(who, a, part) {
					t.Fatalf("%s may %s %s and not %s", who, a, whole, part)
				}
			}
		}
	})
}

func TestManyNamesAreAFewWords(t *testing.T) {
	who := roles.Who{Name: "gina", Role: roles.Viewer, Scope: roles.Scope{Groups: strings.Split("a b c d e f g", " ")}}
	if got, want := who.String(), "gina, viewer for delivery groups a, b, c, d, e and 2 more"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
