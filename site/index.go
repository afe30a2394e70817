package site

import (
	"cmp"
	"maps"
	"slices"
)

// DefaultWeight and the capacities stand for zero values of machines.
const (
	defaultCapacity     = 1
	defaultMultiSession = 50
	DefaultWeight       = 100
)

// Index answers look-ups in a site. It never changes and is safe for concurrent
// use; what it returns is shared and must not be modified.
type Index struct {
	site         *Site
	zones        map[string]Zone
	settings     map[string]Settings // of each zone, with defaults
	defaults     Settings
	groups       map[string]DeliveryGroup
	applications map[string]Application
	connectors   map[FQDN]Connector
	inZone       map[string][]Connector

	// machines is ordered by group, zone and name, so that those of a group, and
	// those of a group in a zone, are slices of it.
	machines []Machine
	byName   map[FQDN]int32
	ofGroup  map[groupZone][]Machine
	assigned map[userGroup][]int32

	entitled
}

type groupZone struct{ group, zone string }

type userGroup struct{ user, group string }

// NewIndex builds the index of a valid site. The site must not change afterwards.
func NewIndex(s *Site) *Index {
	x := &Index{
		site:         s,
		zones:        make(map[string]Zone, len(s.Zones)),
		settings:     make(map[string]Settings, len(s.Zones)),
		defaults:     DefaultSettings(),
		groups:       make(map[string]DeliveryGroup, len(s.Groups)),
		applications: make(map[string]Application, len(s.Applications)),
		connectors:   make(map[FQDN]Connector, len(s.Connectors)),
		inZone:       map[string][]Connector{},
	}
	x.addNames(s)
	x.addConnectors(s)
	x.addMachines(s)
	x.addEntitled(s)
	return x
}

func (x *Index) addNames(s *Site) {
	for _, z := range s.Zones {
		x.zones[z.Name] = z
		x.settings[z.Name] = z.Settings.WithDefaults()
	}
	for _, g := range s.Groups {
		x.groups[g.Name] = g
	}
	for _, a := range s.Applications {
		x.applications[a.Name] = a
	}
}

func (x *Index) addConnectors(s *Site) {
	for _, c := range s.Connectors {
		x.connectors[c.FQDN] = c
		x.inZone[c.Zone] = append(x.inZone[c.Zone], c)
	}
	for _, list := range x.inZone {
		slices.SortFunc(list, func(a, b Connector) int { return cmp.Compare(a.FQDN, b.FQDN) })
	}
}

func (x *Index) addMachines(s *Site) {
	x.number(arranged(s.Machines))
}

// number takes machines in that are ordered by group, zone and name.
func (x *Index) number(all []Machine) {
	x.machines, x.ofGroup = all, runsOf(all)
	x.byName = make(map[FQDN]int32, len(all))
	x.assigned = map[userGroup][]int32{}
	capacity := 0
	for i := range all {
		m := &all[i]
		if i == 0 || m.Group != all[i-1].Group {
			capacity = x.capacityOf(m.Group)
		}
		m.Capacity, m.Weight = or(m.Capacity, capacity), or(m.Weight, DefaultWeight)
		x.byName[m.Name] = int32(i)
		if m.AssignedUser != "" {
			key := userGroup{UserKey(m.AssignedUser), m.Group}
			x.assigned[key] = append(x.assigned[key], int32(i))
		}
	}
}

// arranged returns a copy of the machines by group, zone and name.
func arranged(list []Machine) []Machine {
	places := map[groupZone][]int32{}
	for i := range list {
		key := groupZone{list[i].Group, list[i].Zone}
		places[key] = append(places[key], int32(i))
	}
	keys := slices.SortedFunc(maps.Keys(places), func(a, b groupZone) int {
		return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.zone, b.zone))
	})
	all := make([]Machine, 0, len(list))
	for _, key := range keys {
		slices.SortFunc(places[key], func(a, b int32) int { return cmp.Compare(list[a].Name, list[b].Name) })
		for _, at := range places[key] {
			all = append(all, list[at])
		}
	}
	return all
}

// runsOf are the runs of arranged machines that are a group's in a zone, or in all zones.
func runsOf(all []Machine) map[groupZone][]Machine {
	found := map[groupZone][]Machine{}
	group, zone := 0, 0 // where they begin
	for i := range all {
		m, end := &all[i], i+1
		last := end == len(all)
		if last || all[end].Group != m.Group || all[end].Zone != m.Zone {
			found[groupZone{m.Group, m.Zone}] = all[zone:end:end]
			zone = end
		}
		if last || all[end].Group != m.Group {
			found[groupZone{m.Group, ""}] = all[group:end:end]
			group = end
		}
	}
	return found
}

// capacityOf is what machines of a group take that do not say it.
func (x *Index) capacityOf(group string) int {
	if x.groups[group].Kind == MultiSession {
		return defaultMultiSession
	}
	return defaultCapacity
}

// Site returns the site itself.
func (x *Index) Site() *Site { return x.site }

// Zone finds a zone by its name.
func (x *Index) Zone(name string) (Zone, bool) {
	z, ok := x.zones[name]
	return z, ok
}

// Settings returns those of a zone, with defaults for what it does not say; all
// defaults for a zone that does not exist.
func (x *Index) Settings(zone string) Settings {
	if s, ok := x.settings[zone]; ok {
		return s
	}
	return x.defaults
}

// Group finds a delivery group by its name.
func (x *Index) Group(name string) (DeliveryGroup, bool) {
	g, ok := x.groups[name]
	return g, ok
}

// Application finds an application by its name.
func (x *Index) Application(name string) (Application, bool) {
	a, ok := x.applications[name]
	return a, ok
}

// Connector finds a connector by its name.
func (x *Index) Connector(name FQDN) (Connector, bool) {
	c, ok := x.connectors[name]
	return c, ok
}

// Connectors returns those of a zone, by name.
func (x *Index) Connectors(zone string) []Connector { return x.inZone[zone] }

// Machine finds a machine by its name, with capacity and weight filled in.
func (x *Index) Machine(name FQDN) (Machine, bool) {
	i, ok := x.byName[name]
	if !ok {
		return Machine{}, false
	}
	return x.machines[i], true
}

// Machines counts them.
func (x *Index) Machines() int { return len(x.machines) }

// Number is a machine's number in this index, below Machines.
func (x *Index) Number(name FQDN) (int32, bool) {
	i, ok := x.byName[name]
	return i, ok
}

// MachineAt returns the machine of a number, which is as Machine has it.
func (x *Index) MachineAt(number int32) *Machine { return &x.machines[number] }

// MachinesOf returns the machines of a delivery group in a zone; an empty zone
// means all of them.
func (x *Index) MachinesOf(group, zone string) []Machine { return x.ofGroup[groupZone{group, zone}] }

// AssignedMachines returns the machines of a delivery group that a user owns.
func (x *Index) AssignedMachines(user, group string) []Machine {
	var list []Machine
	for _, i := range x.assigned[userGroup{UserKey(user), group}] {
		list = append(list, x.machines[i])
	}
	return list
}
