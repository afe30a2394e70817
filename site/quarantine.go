package site

import (
	"slices"
	"strconv"
	"strings"
)

// Quarantined is one object that is not used, because it or something that it
// refers to is not valid (NEW-05).
type Quarantined struct {
	// List and At say where it is in the site: List names the kind as Validate's paths
	// do.
	List   string
	At     int
	Reason string
}

// Quarantine returns what of the site can be used: the site without the objects that
// are not valid, nor what refers to them, and those objects with the reasons, in the
// order of the site. Of several of one name the first good one stays. What is wrong
// with the site as a whole stays wrong.
func (s *Site) Quarantine() (*Site, []Quarantined) {
	q := quarantine{site: s, gone: map[string]map[int]string{}}
	for q.round() {
	}
	if len(q.gone) == 0 {
		return s, nil
	}
	good, _ := q.rest()
	return good, q.list()
}

// listOrder is that of Validate.
func listOrder() []string {
	return []string{"zones", "connectors", "groups", "machines", "applications", "users", "entitlements"}
}

// quarantine takes objects out round by round: without them others refer to nothing.
type quarantine struct {
	site *Site
	gone map[string]map[int]string // reasons, by list and place
}

// stage is the objects of one list that are not valid by themselves, or those that
// repeat another one.
type stage struct {
	list    string
	repeats bool
}

// stages are in the order in which objects refer to each other, so that none is
// judged by one that goes later. Zones need connectors, though, and connectors zones.
func stages() []stage {
	return []stage{
		{"connectors", false},
		{"zones", false},
		{"connectors", true},
		{"zones", true},
		{"groups", false},
		{"groups", true},
		{"users", false},
		{"users", true},
		{"machines", false},
		{"machines", true},
		{"applications", false},
		{"applications", true},
		{"entitlements", false},
		{"entitlements", true},
	}
}

// round takes out the objects of the first stage that has any.
func (q *quarantine) round() bool {
	rest, places := q.rest()
	v := newValidator(rest)
	v.check()
	for _, s := range stages() {
		if q.takeAll(v, s, places) {
			return true
		}
	}
	return false
}

// takeAll takes out connectors that repeat others one by one: with one may go its
// zone, and with that the one which the next repeats.
func (q *quarantine) takeAll(v *validator, s stage, places map[string][]int) bool {
	found := false
	for i, f := range v.faults {
		if strings.HasPrefix(f.Path, s.list+"[") && v.repeats[i] == s.repeats {
			found = q.take(f, places) || found
		}
		if found && s.list == "connectors" && s.repeats {
			break
		}
	}
	return found
}

// take notes the object of a fault; false for a fault of the whole site.
func (q *quarantine) take(f Fault, places map[string][]int) bool {
	list, rest, ok := strings.Cut(f.Path, "[")
	number, field, closed := strings.Cut(rest, "]")
	at, err := strconv.Atoi(number)
	if !ok || !closed || err != nil {
		return false
	}
	if q.gone[list] == nil {
		q.gone[list] = map[int]string{}
	}
	at = places[list][at]
	if _, taken := q.gone[list][at]; !taken {
		q.gone[list][at] = strings.TrimPrefix(strings.TrimPrefix(field, ".")+": "+f.Text, ": ")
	}
	return true
}

// rest is the site without what is gone, and where each object of it was.
func (q *quarantine) rest() (*Site, map[string][]int) {
	s, places := *q.site, map[string][]int{}
	s.Zones = without(q, places, "zones", s.Zones)
	s.Connectors = without(q, places, "connectors", s.Connectors)
	s.Groups = without(q, places, "groups", s.Groups)
	s.Machines = without(q, places, "machines", s.Machines)
	s.Applications = without(q, places, "applications", s.Applications)
	s.Users = without(q, places, "users", s.Users)
	s.Entitlements = without(q, places, "entitlements", s.Entitlements)
	return &s, places
}

func without[T any](q *quarantine, places map[string][]int, list string, all []T) []T {
	left := make([]T, 0, len(all))
	at := make([]int, 0, len(all))
	for i, v := range all {
		if _, gone := q.gone[list][i]; !gone {
			left, at = append(left, v), append(at, i)
		}
	}
	places[list] = at
	return left
}

func (q *quarantine) list() []Quarantined {
	var all []Quarantined
	for _, list := range listOrder() {
		begin := len(all)
		for at, reason := range q.gone[list] {
			all = append(all, Quarantined{List: list, At: at, Reason: reason})
		}
		slices.SortFunc(all[begin:], func(a, b Quarantined) int { return a.At - b.At })
	}
	return all
}
