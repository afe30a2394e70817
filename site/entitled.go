package site

import (
	"cmp"
	"slices"
)

// entitled says who may launch what. Resources are numbered by their names, and what
// somebody is entitled to is a run of such numbers.
type entitled struct {
	resources    []Resource // by name and id
	memos        []Memo     // of the resources
	byID         map[string]int32
	desktops     map[string]int32 // by group
	published    map[string]int32 // by application
	users        map[string]int32 // of who
	ofUserGroups map[string]int32 // of who
	who          []who
	granted      []int32
}

// who is a user or a user group, with what is granted to it.
type who struct {
	groups     []string // of a user
	begin, end int32
}

func (x *Index) addEntitled(s *Site) {
	x.addResources(s)
	x.users = make(map[string]int32, len(s.Users))
	x.ofUserGroups = map[string]int32{}
	x.who = make([]who, 0, len(s.Users)+1)
	for i := range s.Users {
		x.users[UserKey(s.Users[i].Name)] = int32(len(x.who))
		x.who = append(x.who, who{groups: s.Users[i].Groups})
	}
	x.place(x.pairs(s))
}

func (x *Index) addResources(s *Site) {
	for i := range s.Groups {
		if g := s.Groups[i]; g.Desktop != "" {
			x.resources = append(x.resources, desktopResource(g))
		}
	}
	for i := range s.Applications {
		x.resources = append(x.resources, x.applicationResource(s.Applications[i]))
	}
	slices.SortFunc(x.resources, func(a, b Resource) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	x.byID = make(map[string]int32, len(x.resources))
	x.desktops, x.published = make(map[string]int32, len(s.Groups)), make(map[string]int32, len(s.Applications))
	x.memos = make([]Memo, len(x.resources))
	for i := range x.resources {
		r := &x.resources[i]
		x.byID[r.ID] = int32(i)
		if r.Kind == DesktopResource {
			x.desktops[r.Groups[0]] = int32(i)
		} else {
			x.published[r.Name] = int32(i)
		}
	}
}

// pair is one entitlement in numbers.
type pair struct{ who, what int32 }

// pairs are the entitlements to what there is, counted for each who.
func (x *Index) pairs(s *Site) []pair {
	list := make([]pair, 0, len(s.Entitlements))
	var last *Entitlement
	var who int32
	for i := range s.Entitlements {
		e := &s.Entitlements[i]
		what, ok := x.what(e)
		if !ok {
			continue
		}
		// Most sites list what is one user's together.
		if last == nil || e.User != last.User || e.UserGroup != last.UserGroup {
			last, who = e, x.whose(e)
		}
		list = append(list, pair{who, what})
		x.who[who].end++
	}
	return list
}

// what is the resource of an entitlement.
func (x *Index) what(e *Entitlement) (int32, bool) {
	if e.Application != "" {
		n, ok := x.published[e.Application]
		return n, ok
	}
	n, ok := x.desktops[e.Desktop]
	return n, ok
}

// whose is whom an entitlement is for.
func (x *Index) whose(e *Entitlement) int32 {
	n, known := x.find(e)
	if !known {
		all, key := x.named(e)
		n = int32(len(x.who))
		all[key] = n
		x.who = append(x.who, who{})
	}
	return n
}

func (x *Index) find(e *Entitlement) (int32, bool) {
	all, key := x.named(e)
	n, known := all[key]
	return n, known
}

// named is where whom an entitlement is for is found, and by what.
func (x *Index) named(e *Entitlement) (all map[string]int32, key string) {
	if e.User == "" {
		return x.ofUserGroups, UserKey(e.UserGroup)
	}
	return x.users, UserKey(e.User)
}

// place puts what is granted to each together, in order and each once.
func (x *Index) place(pairs []pair) {
	at := int32(0)
	for i := range x.who {
		w := &x.who[i]
		w.begin, w.end, at = at, at, at+w.end
	}
	x.granted = make([]int32, at)
	for _, p := range pairs {
		w := &x.who[p.who]
		x.granted[w.end] = p.what
		w.end++
	}
	for i := range x.who {
		run := x.of(int32(i))
		slices.Sort(run)
		x.who[i].end = x.who[i].begin + int32(len(slices.Compact(run)))
	}
}

// Resource finds a resource by its id.
func (x *Index) Resource(id string) (Resource, bool) {
	n, ok := x.byID[id]
	if !ok {
		return Resource{}, false
	}
	return x.resources[n], true
}

// Resources lists what a user may launch, by name. The user groups of the site
// are added to those given.
func (x *Index) Resources(user string, groups []string) []*Resource {
	numbers := x.Granted(UserKey(user), groups)
	list := make([]*Resource, len(numbers))
	for i, n := range numbers {
		list[i] = x.ResourceAt(n)
	}
	return list
}

// ResourceAt returns the resource of a number.
func (x *Index) ResourceAt(number int32) *Resource { return &x.resources[number] }

// MemoAt returns the memo of the resource of a number. Who finds something there need
// not read the resource: the memos of a whole site fit in a processor's cache.
func (x *Index) MemoAt(number int32) *Memo { return &x.memos[number] }

// Entitled reports whether a user may launch the resource.
func (x *Index) Entitled(user string, groups []string, id string) bool {
	n, ok := x.byID[id]
	if !ok {
		return false
	}
	_, ok = slices.BinarySearch(x.Granted(UserKey(user), groups), n)
	return ok
}

// Granted is all that applies to a user, named in the form of UserKey: the numbers of
// the resources, in the order of Resources.
func (x *Index) Granted(user string, groups []string) []int32 {
	var found []int32
	lists := [...][]string{groups, nil}
	if n, known := x.users[user]; known {
		found, lists[1] = x.of(n), x.who[n].groups
	}
	for _, list := range lists {
		for _, g := range list {
			if n, known := x.ofUserGroups[UserKey(g)]; known {
				found = union(found, x.of(n))
			}
		}
	}
	return found
}

// union merges two lists that are in order; it may return one of them.
func union(a, b []int32) []int32 {
	if len(a) == 0 {
		return b
	}
	if len(b) == 0 {
		return a
	}
	merged := make([]int32, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] < b[0]:
			merged, a = append(merged, a[0]), a[1:]
		case b[0] < a[0]:
			merged, b = append(merged, b[0]), b[1:]
		default:
			merged, a, b = append(merged, a[0]), a[1:], b[1:]
		}
	}
	return append(append(merged, a...), b...)
}

func (x *Index) of(n int32) []int32 { return x.granted[x.who[n].begin:x.who[n].end] }
