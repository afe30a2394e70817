package site

import (
	"cmp"
	"maps"
	"slices"
)

// Follow returns the index of the next site, in which only the objects at the positions that
// were touched, by list and in order, are others than in the index's. It reports false where
// the next site must be judged as a whole, and so of every one that is not valid.
func (x *Index) Follow(next *Site, touched map[string][]int) (*Index, bool) {
	for _, list := range []string{"zones", "connectors", "groups", "applications"} {
		if _, has := touched[list]; has {
			return nil, false // anything may refer to them
		}
	}
	f := &follower{
		Index: *x,
		by: exchanges{
			machines:     exchanged(x.site.Machines, next.Machines, touched["machines"]),
			users:        exchanged(x.site.Users, next.Users, touched["users"]),
			entitlements: exchanged(x.site.Entitlements, next.Entitlements, touched["entitlements"]),
		},
		runs:    map[int32][]int32{},
		missing: map[string]int32{},
	}
	f.site = next
	for _, step := range []func() bool{f.withdraw, f.changeUsers, f.valid, f.changeMachines, f.grant, f.nobodyMissed} {
		if !step() {
			return nil, false
		}
	}
	f.settle()
	followed := f.Index // without what was only needed to get there
	return &followed, true
}

// follower is an index that becomes the next one. What it shares with the one before is
// replaced and never changed.
type follower struct {
	Index
	by      exchanges
	runs    map[int32][]int32 // of whom something else is granted to than before
	missing map[string]int32  // users that are gone, by UserKey
}

type exchanges struct {
	machines     exchange[Machine]
	users        exchange[User]
	entitlements exchange[Entitlement]
}

// exchange is what goes from a list, and what comes. What moves does both.
type exchange[T any] struct{ gone, come []T }

func exchanged[T any](before, next []T, at []int) exchange[T] {
	var e exchange[T]
	for _, i := range at {
		if i < len(before) {
			e.gone = append(e.gone, before[i])
		}
		e.come = append(e.come, next[i])
	}
	if len(next) < len(before) {
		e.gone = append(e.gone, before[len(next):]...)
	}
	return e
}

func (e exchange[T]) none() bool { return len(e.gone)+len(e.come) == 0 }

// withdraw takes away what is no longer granted.
func (f *follower) withdraw() bool {
	if !f.by.entitlements.none() {
		f.ofUserGroups, f.who = maps.Clone(f.ofUserGroups), slices.Clone(f.who)
	}
	for i := range f.by.entitlements.gone {
		e := &f.by.entitlements.gone[i]
		what, is := f.what(e)
		n, known := f.find(e)
		if !is || !known {
			return false
		}
		run := f.run(n)
		at, found := slices.BinarySearch(run, what)
		if !found {
			return false
		}
		f.runs[n] = slices.Delete(run, at, at+1)
	}
	return true
}

// run is what is granted to somebody, to be changed.
func (f *follower) run(n int32) []int32 {
	if run, has := f.runs[n]; has {
		return run
	}
	return slices.Clone(f.of(n))
}

func (f *follower) changeUsers() bool {
	if f.by.users.none() {
		return true
	}
	f.users, f.who = maps.Clone(f.users), slices.Clone(f.who)
	for _, u := range f.by.users.gone {
		key := UserKey(u.Name)
		n, known := f.users[key]
		if !known {
			return false
		}
		f.missing[key] = n
		delete(f.users, key)
	}
	for _, u := range f.by.users.come {
		key := UserKey(u.Name)
		if _, taken := f.users[key]; taken {
			return false
		}
		n, was := f.missing[key]
		if !was {
			n = int32(len(f.who))
			f.who = append(f.who, who{})
		}
		delete(f.missing, key)
		f.users[key], f.who[n].groups = n, u.Groups
	}
	return true
}

// valid judges what comes, together with whom it names. That it repeats nothing that
// stays is seen where it is added, and that nothing that stays refers to what goes in the end.
func (f *follower) valid() bool {
	part := *f.site
	part.Machines, part.Users, part.Entitlements = f.by.machines.come, slices.Clone(f.by.users.come), f.by.entitlements.come
	there := map[string]bool{"": true}
	for _, u := range part.Users {
		there[UserKey(u.Name)] = true
	}
	name := func(user string) {
		key := UserKey(user)
		if _, known := f.users[key]; known && !there[key] {
			there[key] = true
			part.Users = append(part.Users, User{Name: user})
		}
	}
	for i := range part.Machines {
		name(part.Machines[i].AssignedUser)
	}
	for i := range part.Entitlements {
		name(part.Entitlements[i].User)
	}
	return len(part.Validate()) == 0
}

func (f *follower) changeMachines() bool {
	if f.by.machines.none() {
		return true
	}
	come := slices.SortedFunc(slices.Values(f.by.machines.come), compareMachines)
	gone, known := f.numbersOf(f.by.machines.gone)
	if !known {
		return false
	}
	all := make([]Machine, 0, len(f.site.Machines))
	for i := range f.machines {
		for len(come) > 0 && compareMachines(come[0], f.machines[i]) < 0 {
			all, come = append(all, come[0]), come[1:]
		}
		if len(gone) > 0 && gone[0] == int32(i) {
			gone = gone[1:]
		} else {
			all = append(all, f.machines[i])
		}
	}
	f.number(append(all, come...))
	return len(gone) == 0 && len(f.byName) == len(f.site.Machines)
}

// numbersOf are those of some machines, in order; false where one is none of ours.
func (f *follower) numbersOf(machines []Machine) ([]int32, bool) {
	numbers := make([]int32, len(machines))
	for i := range machines {
		n, known := f.byName[machines[i].Name]
		if !known {
			return nil, false
		}
		numbers[i] = n
	}
	slices.Sort(numbers)
	return numbers, true
}

// compareMachines is the order in which an index has them.
func compareMachines(a, b Machine) int {
	return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Zone, b.Zone), cmp.Compare(a.Name, b.Name))
}

// grant adds what is granted now, unless it was before.
func (f *follower) grant() bool {
	for i := range f.by.entitlements.come {
		e := &f.by.entitlements.come[i]
		what, known := f.what(e)
		n := f.whose(e)
		run := f.run(n)
		at, found := slices.BinarySearch(run, what)
		if !known || found {
			return false
		}
		f.runs[n] = slices.Insert(run, at, what)
	}
	return true
}

// nobodyMissed reports whether nothing refers to users that are gone.
func (f *follower) nobodyMissed() bool {
	for key, n := range f.missing {
		if len(f.run(n)) > 0 {
			return false
		}
		for group := range f.groups {
			if len(f.assigned[userGroup{key, group}]) > 0 {
				return false
			}
		}
	}
	return true
}

// settle writes down what is granted. Runs that are replaced stay as gaps, until there are
// as many of them as there are others.
func (f *follower) settle() {
	f.granted = slices.Clip(f.granted)
	for _, n := range slices.Sorted(maps.Keys(f.runs)) {
		begin := len(f.granted)
		f.granted = append(f.granted, f.runs[n]...)
		f.who[n].begin, f.who[n].end = int32(begin), int32(len(f.granted))
	}
	const few = 1000
	if len(f.granted) > 2*len(f.site.Entitlements)+few || len(f.who) > 2*(len(f.users)+len(f.ofUserGroups))+few {
		f.entitled = entitled{}
		f.addEntitled(f.site)
	}
}
