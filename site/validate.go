package site

import (
	"fmt"
	"slices"
)

// Validate returns everything that is wrong with the site, each with its place;
// nothing for a valid one.
func (s *Site) Validate() []Fault {
	v := newValidator(s)
	v.check()
	return v.faults
}

func (v *validator) check() {
	v.checkSite()
	v.checkZones()
	v.checkConnectors()
	v.checkGroups()
	v.checkMachines()
	v.checkApplications()
	v.checkUsers()
	v.checkEntitlements()
}

// validator gathers faults. The maps say where each name was first seen, so that
// references and duplicates are found.
type validator struct {
	site         *Site
	faults       []Fault
	repeats      map[int]bool // the faults of objects that repeat another one
	zones        map[string]int
	groups       map[string]int
	applications map[string]int
	users        map[string]int // by UserKey
	known        string         // the user that was found before
	hosts        map[FQDN]int32 // connectors, then machines
	peerURLs     map[string]place
	staffed      map[string]bool // zones with a connector: whether one is active
	rules        []FailoverRule
}

func newValidator(s *Site) *validator {
	v := &validator{
		site:         s,
		zones:        firstOf(s.Zones, func(z Zone) string { return z.Name }),
		groups:       firstOf(s.Groups, func(g DeliveryGroup) string { return g.Name }),
		applications: firstOf(s.Applications, func(a Application) string { return a.Name }),
		users:        firstOf(s.Users, func(u User) string { return UserKey(u.Name) }),
		hosts:        make(map[FQDN]int32, len(s.Connectors)+len(s.Machines)),
		peerURLs:     map[string]place{},
		repeats:      map[int]bool{},
		staffed:      map[string]bool{},
		rules:        FailoverRules(),
	}
	for _, c := range s.Connectors {
		v.staffed[c.Zone] = v.staffed[c.Zone] || !c.Standby
	}
	return v
}

func firstOf[T any](list []T, key func(T) string) map[string]int {
	first := make(map[string]int, len(list))
	for i, item := range list {
		if _, seen := first[key(item)]; !seen {
			first[key(item)] = i
		}
	}
	return first
}

func (v *validator) fault(path place, format string, args ...any) {
	v.faults = append(v.faults, Fault{Path: path.String(), Text: fmt.Sprintf(format, args...)})
}

// repeat is a fault that the object would not have if another one were not there.
func (v *validator) repeat(path place, format string, args ...any) {
	v.repeats[len(v.faults)] = true
	v.fault(path, format, args...)
}

func (v *validator) checkSite() {
	if v.site.Name == "" {
		v.fault(place{field: "name"}, "is missing")
	}
	v.checkLimit(place{field: "max_sessions"}, v.site.MaxSessions)
	v.checkFailover(place{field: "sta_failover"}, v.site.STAFailover, nil)
	for _, list := range []struct {
		path  string
		empty bool
	}{
		{"zones", len(v.site.Zones) == 0},
		{"connectors", len(v.site.Connectors) == 0},
	} {
		if list.empty {
			v.fault(place{field: list.path}, "is empty")
		}
	}
}

func (v *validator) checkZones() {
	for i, z := range v.site.Zones {
		path := place{list: "zones", i: i}
		v.checkName(path, "zones", z.Name, i, v.zones[z.Name])
		v.checkStaff(path, z.Name, i)
		for _, f := range z.Settings.Validate() {
			v.fault(path.in(".settings."+f.Path), "%s", f.Text)
		}
	}
}

// checkStaff wants a connector in each zone that is not a standby (RAS-04).
func (v *validator) checkStaff(path place, zone string, i int) {
	if zone == "" || v.zones[zone] != i {
		return
	}
	switch active, staffed := v.staffed[zone]; {
	case !staffed:
		v.fault(path, "zone %q has no connector", zone)
	case !active:
		v.fault(path, "all connectors of zone %q are standbys", zone)
	}
}

func (v *validator) checkConnectors() {
	for i, c := range v.site.Connectors {
		path := place{list: "connectors", i: i}
		v.checkHost(path.in(".fqdn"), c.FQDN, i)
		v.checkZone(path.in(".zone"), c.Zone)
		v.checkURL(path.in(".client_url"), c.ClientURL)
		if v.checkURL(path.in(".peer_url"), c.PeerURL) {
			v.checkPeerURL(path, c)
		}
	}
}

func (v *validator) checkGroups() {
	for i, g := range v.site.Groups {
		path := place{list: "groups", i: i}
		v.checkName(path, "groups", g.Name, i, v.groups[g.Name])
		switch g.Kind {
		case Assigned, Pooled, MultiSession:
		case "":
			v.fault(path.in(".kind"), "is missing")
		default:
			v.fault(path.in(".kind"), "%q is not assigned, pooled or multi-session", g.Kind)
		}
		v.checkGroupPolicy(path, g)
		v.checkRefs(path.in(".zones"), "group "+quote(g.Name)+" is in no zone", g.Zones, v.checkZone)
	}
}

func (v *validator) checkMachines() {
	for i := range v.site.Machines {
		m := &v.site.Machines[i]
		path := place{list: "machines", i: i}
		v.checkHost(path.in(".name"), m.Name, len(v.site.Connectors)+i)
		v.checkZone(path.in(".zone"), m.Zone)
		if m.Capacity < 0 || m.Capacity > MaxCapacity {
			v.fault(path.in(".capacity"), "%d is not within 1 to %d", m.Capacity, MaxCapacity)
		}
		if m.Weight < 0 || m.Weight > MaxWeight {
			v.fault(path.in(".weight"), "%d is not within 1 to %d; maintenance: true is for no launches at all", m.Weight, MaxWeight)
		}
		if v.checkGroup(path.in(".group"), m.Group) {
			v.checkMachineInGroup(path, m, v.site.Groups[v.groups[m.Group]])
		}
	}
}

func (v *validator) checkMachineInGroup(path place, m *Machine, g DeliveryGroup) {
	if _, known := v.zones[m.Zone]; known && !slices.Contains(g.Zones, m.Zone) {
		v.fault(path.in(".zone"), "group %q is not in zone %q", g.Name, m.Zone)
	}
	if g.Kind != MultiSession && m.Capacity > 1 {
		v.fault(path.in(".capacity"), "%d sessions, but machines of %s groups take one", m.Capacity, g.Kind)
	}
	if m.AssignedUser == "" {
		return
	}
	if g.Kind != Assigned {
		v.fault(path.in(".assigned_user"), "group %q is %s; only machines of assigned groups have an owner", g.Name, g.Kind)
	}
	v.checkUser(path.in(".assigned_user"), m.AssignedUser)
}

func (v *validator) checkApplications() {
	for i, a := range v.site.Applications {
		path := place{list: "applications", i: i}
		v.checkName(path, "applications", a.Name, i, v.applications[a.Name])
		v.checkRefs(path.in(".groups"), "application "+quote(a.Name)+" is on the machines of no group", a.Groups,
			func(path place, name string) { v.checkApplicationGroup(path, a, name) })
		v.checkFormats(path, a)
	}
}

func (v *validator) checkUsers() {
	for i, u := range v.site.Users {
		path := place{list: "users", i: i}
		v.checkName(path, "users", u.Name, i, v.users[UserKey(u.Name)])
		v.checkRefs(path.in(".groups"), "", u.Groups, func(path place, name string) {
			if name == "" {
				v.fault(path, "is empty")
			}
		})
	}
}

func (v *validator) checkURL(path place, text string) bool {
	fault := URLFault(text)
	if fault != "" {
		v.fault(path, "%s", fault)
	}
	return fault == ""
}

// checkPeerURL wants every connector to have one of its own; client URLs may be
// that of a balancer in front of several.
func (v *validator) checkPeerURL(path place, c Connector) {
	path = path.in(".peer_url")
	if first, taken := v.peerURLs[c.PeerURL]; taken {
		v.repeat(path, "%q is that of %s already", c.PeerURL, first)
	} else if c.PeerURL == c.ClientURL {
		v.fault(path, "%q is the client_url too", c.PeerURL)
	}
	v.peerURLs[c.PeerURL] = path
}
