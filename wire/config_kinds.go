package wire

import (
	"bytes"
	"maps"
	"slices"

	"understudy/site"
)

// kind compares and changes the lists of one kind of object.
type kind interface {
	// changes lists what leads from one site to the other.
	changes(from, to *site.Site) []ConfigChange
	// apply replaces the site's list by a changed copy, and returns the positions that
	// hold another object than before.
	apply(s *site.Site, changes []ConfigChange) []int
	// at is the object at a place of the list, and length how many places there are.
	at(s *site.Site, i int) ConfigObject
	length(s *site.Site) int
	// bare is the object of that kind with what names it alone; false for another kind.
	bare(o ConfigObject) (ConfigObject, bool)
}

// kindOf says how objects of type T are told apart, K being what names one.
type kindOf[T any, K comparable] struct {
	list func(*site.Site) *[]T
	key  func(T) K
	same func(a, b T) bool
	// of and wrap are the object's field of that kind.
	of   func(ConfigObject) *T
	wrap func(*T) ConfigObject
	// strip leaves what names the object.
	strip func(T) T
}

// kinds are all kinds by their names in the header's counts, in the order of the
// stream.
func kinds() []namedKind {
	return []namedKind{
		{"zones", kindOf[site.Zone, string]{
			func(s *site.Site) *[]site.Zone { return &s.Zones },
			func(z site.Zone) string { return z.Name },
			func(a, b site.Zone) bool { return sameLine(ConfigObject{Zone: &a}, ConfigObject{Zone: &b}) },
			func(o ConfigObject) *site.Zone { return o.Zone },
			func(z *site.Zone) ConfigObject { return ConfigObject{Zone: z} },
			func(z site.Zone) site.Zone { return site.Zone{Name: z.Name} },
		}},
		{"connectors", kindOf[site.Connector, site.FQDN]{
			func(s *site.Site) *[]site.Connector { return &s.Connectors },
			func(c site.Connector) site.FQDN { return c.FQDN },
			func(a, b site.Connector) bool { return a == b },
			func(o ConfigObject) *site.Connector { return o.Connector },
			func(c *site.Connector) ConfigObject { return ConfigObject{Connector: c} },
			func(c site.Connector) site.Connector { return site.Connector{FQDN: c.FQDN} },
		}},
		{"groups", kindOf[site.DeliveryGroup, string]{
			func(s *site.Site) *[]site.DeliveryGroup { return &s.Groups },
			func(g site.DeliveryGroup) string { return g.Name },
			func(a, b site.DeliveryGroup) bool { return sameLine(ConfigObject{Group: &a}, ConfigObject{Group: &b}) },
			func(o ConfigObject) *site.DeliveryGroup { return o.Group },
			func(g *site.DeliveryGroup) ConfigObject { return ConfigObject{Group: g} },
			func(g site.DeliveryGroup) site.DeliveryGroup { return site.DeliveryGroup{Name: g.Name} },
		}},
		{"machines", kindOf[site.Machine, site.FQDN]{
			func(s *site.Site) *[]site.Machine { return &s.Machines },
			func(m site.Machine) site.FQDN { return m.Name },
			func(a, b site.Machine) bool { return a == b },
			func(o ConfigObject) *site.Machine { return o.Machine },
			func(m *site.Machine) ConfigObject { return ConfigObject{Machine: m} },
			func(m site.Machine) site.Machine { return site.Machine{Name: m.Name} },
		}},
		{"applications", kindOf[site.Application, string]{
			func(s *site.Site) *[]site.Application { return &s.Applications },
			func(a site.Application) string { return a.Name },
			func(a, b site.Application) bool {
				return sameLine(ConfigObject{Application: &a}, ConfigObject{Application: &b})
			},
			func(o ConfigObject) *site.Application { return o.Application },
			func(a *site.Application) ConfigObject { return ConfigObject{Application: a} },
			func(a site.Application) site.Application { return site.Application{Name: a.Name} },
		}},
		{"users", kindOf[site.User, string]{
			func(s *site.Site) *[]site.User { return &s.Users },
			func(u site.User) string { return u.Name },
			func(a, b site.User) bool { return slices.Equal(sorted(a.Groups), sorted(b.Groups)) },
			func(o ConfigObject) *site.User { return o.User },
			func(u *site.User) ConfigObject { return ConfigObject{User: u} },
			func(u site.User) site.User { return site.User{Name: u.Name} },
		}},
		{"entitlements", kindOf[site.Entitlement, site.Entitlement]{
			func(s *site.Site) *[]site.Entitlement { return &s.Entitlements },
			func(e site.Entitlement) site.Entitlement { return e },
			func(a, b site.Entitlement) bool { return a == b },
			func(o ConfigObject) *site.Entitlement { return o.Entitlement },
			func(e *site.Entitlement) ConfigObject { return ConfigObject{Entitlement: e} },
			func(e site.Entitlement) site.Entitlement { return e },
		}},
	}
}

type namedKind struct {
	name string
	kind
}

// sameLine compares objects that hold lists or pointers.
func sameLine(a, b ConfigObject) bool {
	x, errX := a.canonical()
	y, errY := b.canonical()
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// Changes lists what leads from one site to another, in the order of the stream.
func Changes(from, to *site.Site) []ConfigChange {
	var all []ConfigChange
	for _, k := range kinds() {
		all = append(all, k.changes(from, to)...)
	}
	return all
}

// ApplyChanges returns a copy of the site with the changes of a delta and what its
// header says, each list dense and in its old order where nothing changed, and the
// positions of what is new in each list, by kind and in order. An object that is deleted
// may be missing already, so that deltas can be joined.
func ApplyChanges(s *site.Site, h ConfigHeader, changes []ConfigChange) (*site.Site, map[string][]int) {
	next := *h.Bare()
	next.Zones, next.Connectors, next.Groups, next.Machines = s.Zones, s.Connectors, s.Groups, s.Machines
	next.Applications, next.Users, next.Entitlements = s.Applications, s.Users, s.Entitlements
	touched := map[string][]int{}
	of := map[string][]ConfigChange{}
	for _, c := range changes {
		of[c.Kind()] = append(of[c.Kind()], c)
	}
	for _, k := range kinds() {
		if list := of[k.name]; len(list) > 0 {
			touched[k.name] = k.apply(&next, list)
		}
	}
	return &next, touched
}

// JoinChanges makes one delta of several that follow each other: of each object what
// happened last counts.
func JoinChanges(deltas ...[]ConfigChange) []ConfigChange {
	type name struct {
		kind string
		ConfigKey
	}
	at := map[name]int{}
	var all []ConfigChange
	for _, delta := range deltas {
		for _, c := range delta {
			key := name{c.Kind(), c.identity()}
			if i, seen := at[key]; seen {
				all[i] = c
				continue
			}
			at[key] = len(all)
			all = append(all, c)
		}
	}
	return all
}

// ConfigKey tells objects of one kind apart.
type ConfigKey struct {
	name        string
	entitlement site.Entitlement
}

func (o ConfigObject) identity() ConfigKey {
	if o.Entitlement != nil {
		return ConfigKey{entitlement: *o.Entitlement}
	}
	return ConfigKey{name: o.Name()}
}

// bare leaves what names the object.
func (o ConfigObject) bare() ConfigObject {
	for _, k := range kinds() {
		if bare, ok := k.bare(o); ok {
			return bare
		}
	}
	return o
}

func (k kindOf[T, K]) bare(o ConfigObject) (ConfigObject, bool) {
	v := k.of(o)
	if v == nil {
		return o, false
	}
	return k.wrap(new(k.strip(*v))), true
}

func (k kindOf[T, K]) at(s *site.Site, i int) ConfigObject { return k.wrap(&(*k.list(s))[i]) }
func (k kindOf[T, K]) length(s *site.Site) int             { return len(*k.list(s)) }

func (k kindOf[T, K]) changes(from, to *site.Site) []ConfigChange {
	old := make(map[K]int, len(*k.list(from)))
	for i, v := range *k.list(from) {
		old[k.key(v)] = i
	}
	var changes []ConfigChange
	list := *k.list(to)
	for i := range list {
		at, known := old[k.key(list[i])]
		if known && k.same((*k.list(from))[at], list[i]) {
			delete(old, k.key(list[i]))
			continue
		}
		changes = append(changes, ConfigChange{ConfigObject: k.wrap(&list[i]), Added: !known})
		delete(old, k.key(list[i]))
	}
	for _, i := range slices.Sorted(maps.Values(old)) {
		changes = append(changes, ConfigChange{ConfigObject: k.wrap(&(*k.list(from))[i]), Deleted: true})
	}
	return changes
}

func (k kindOf[T, K]) apply(s *site.Site, changes []ConfigChange) []int {
	list := slices.Clone(*k.list(s))
	last := make(map[K]*T, len(changes)) // nil: deleted
	for _, c := range changes {
		v := k.of(c.ConfigObject)
		last[k.key(*v)] = v
		if c.Deleted {
			last[k.key(*v)] = nil
		}
	}
	var touched, holes []int
	for i := range list {
		v, changed := last[k.key(list[i])]
		switch {
		case !changed:
			continue
		case v == nil:
			holes = append(holes, i)
		default:
			list[i] = *v
			touched = append(touched, i)
		}
		delete(last, k.key(list[i]))
	}
	for _, c := range changes {
		v := k.of(c.ConfigObject)
		if last[k.key(*v)] != v {
			continue
		}
		if len(holes) > 0 {
			list[holes[0]] = *v
			touched, holes = append(touched, holes[0]), holes[1:]
			continue
		}
		list = append(list, *v)
		touched = append(touched, len(list)-1)
	}
	list, touched = closeHoles(list, holes, touched)
	*k.list(s) = list
	return touched
}

// closeHoles moves what is last into the holes, so that positions stay dense.
func closeHoles[T any](list []T, holes, touched []int) ([]T, []int) {
	for len(holes) > 0 {
		end := len(list) - 1
		if at := holes[len(holes)-1]; at == end {
			holes = holes[:len(holes)-1]
		} else {
			list[holes[0]] = list[end]
			touched, holes = append(touched, holes[0]), holes[1:]
		}
		list = list[:end]
	}
	touched = slices.DeleteFunc(touched, func(i int) bool { return i >= len(list) })
	slices.Sort(touched)
	return list, touched
}
