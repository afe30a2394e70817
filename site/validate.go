package site

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// Validate returns everything that is wrong with the site, each with its place;
// nothing for a valid one.
func (s *Site) Validate() []Fault {
	v := newValidator(s)
	v.checkSite()
	v.checkZones()
	v.checkConnectors()
	v.checkGroups()
	v.checkMachines()
	v.checkApplications()
	v.checkUsers()
	v.checkEntitlements()
	return v.faults
}

// validator gathers faults. The maps say where each name was first seen, so that
// references and duplicates are found.
type validator struct {
	site         *Site
	faults       []Fault
	zones        map[string]int
	groups       map[string]int
	applications map[string]int
	users        map[string]int  // by UserKey
	hosts        map[FQDN]string // the place of each
	peerURLs     map[string]string
	staffed      map[string]bool // zones with a connector: whether one is active
}

func newValidator(s *Site) *validator {
	v := &validator{
		site:         s,
		zones:        firstOf(s.Zones, func(z Zone) string { return z.Name }),
		groups:       firstOf(s.Groups, func(g DeliveryGroup) string { return g.Name }),
		applications: firstOf(s.Applications, func(a Application) string { return a.Name }),
		users:        firstOf(s.Users, func(u User) string { return UserKey(u.Name) }),
		hosts:        make(map[FQDN]string, len(s.Connectors)+len(s.Machines)),
		peerURLs:     map[string]string{},
		staffed:      map[string]bool{},
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

func (v *validator) fault(path, format string, args ...any) {
	v.faults = append(v.faults, Fault{Path: path, Text: fmt.Sprintf(format, args...)})
}

func (v *validator) checkSite() {
	if v.site.Name == "" {
		v.fault("name", "is missing")
	}
	for _, list := range []struct {
		path  string
		empty bool
	}{
		{"zones", len(v.site.Zones) == 0},
		{"connectors", len(v.site.Connectors) == 0},
	} {
		if list.empty {
			v.fault(list.path, "is empty")
		}
	}
}

func (v *validator) checkZones() {
	for i, z := range v.site.Zones {
		path := item("zones", i)
		v.checkName(path, "zones", z.Name, i, v.zones[z.Name])
		v.checkStaff(path, z.Name, i)
		for _, f := range z.Settings.Validate() {
			v.fault(path+".settings."+f.Path, "%s", f.Text)
		}
	}
}

// checkStaff wants a connector in each zone that is not a standby (RAS-04).
func (v *validator) checkStaff(path, zone string, i int) {
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
		path := item("connectors", i)
		v.checkHost(path+".fqdn", c.FQDN)
		v.checkZone(path+".zone", c.Zone)
		v.checkURL(path+".client_url", c.ClientURL)
		if v.checkURL(path+".peer_url", c.PeerURL) {
			v.checkPeerURL(path, c)
		}
	}
}

func (v *validator) checkGroups() {
	for i, g := range v.site.Groups {
		path := item("groups", i)
		v.checkName(path, "groups", g.Name, i, v.groups[g.Name])
		switch g.Kind {
		case Assigned, Pooled, MultiSession:
		case "":
			v.fault(path+".kind", "is missing")
		default:
			v.fault(path+".kind", "%q is not assigned, pooled or multi-session", g.Kind)
		}
		if g.ReuseInOutage && g.Kind != Pooled {
			v.fault(path+".reuse_in_outage", "only pooled groups have it, not %s ones", g.Kind)
		}
		v.checkRefs(path+".zones", "group "+quote(g.Name)+" is in no zone", g.Zones, v.checkZone)
	}
}

func (v *validator) checkMachines() {
	for i := range v.site.Machines {
		m := &v.site.Machines[i]
		path := item("machines", i)
		v.checkHost(path+".name", m.Name)
		v.checkZone(path+".zone", m.Zone)
		if m.Capacity < 0 || m.Capacity > MaxCapacity {
			v.fault(path+".capacity", "%d is not within 1 to %d", m.Capacity, MaxCapacity)
		}
		if m.Weight < 0 || m.Weight > MaxWeight {
			v.fault(path+".weight", "%d is not within 1 to %d", m.Weight, MaxWeight)
		}
		if v.checkGroup(path+".group", m.Group) {
			v.checkMachineInGroup(path, m, v.site.Groups[v.groups[m.Group]])
		}
	}
}

func (v *validator) checkMachineInGroup(path string, m *Machine, g DeliveryGroup) {
	if _, known := v.zones[m.Zone]; known && !slices.Contains(g.Zones, m.Zone) {
		v.fault(path+".zone", "group %q is not in zone %q", g.Name, m.Zone)
	}
	if g.Kind != MultiSession && m.Capacity > 1 {
		v.fault(path+".capacity", "%d sessions, but machines of %s groups take one", m.Capacity, g.Kind)
	}
	if m.AssignedUser == "" {
		return
	}
	if g.Kind != Assigned {
		v.fault(path+".assigned_user", "group %q is %s; only machines of assigned groups have an owner", g.Name, g.Kind)
	}
	v.checkUser(path+".assigned_user", m.AssignedUser)
}

func (v *validator) checkApplications() {
	for i, a := range v.site.Applications {
		path := item("applications", i)
		v.checkName(path, "applications", a.Name, i, v.applications[a.Name])
		v.checkRefs(path+".groups", "application "+quote(a.Name)+" is on the machines of no group", a.Groups,
			func(path, name string) { v.checkGroup(path, name) })
	}
}

func (v *validator) checkUsers() {
	for i, u := range v.site.Users {
		path := item("users", i)
		v.checkName(path, "users", u.Name, i, v.users[UserKey(u.Name)])
		v.checkRefs(path+".groups", "", u.Groups, func(path, name string) {
			if name == "" {
				v.fault(path, "is empty")
			}
		})
	}
}

func (v *validator) checkURL(path, text string) bool {
	fault := URLFault(text)
	if fault != "" {
		v.fault(path, "%s", fault)
	}
	return fault == ""
}

// checkPeerURL wants every connector to have one of its own; client URLs may be
// that of a balancer in front of several.
func (v *validator) checkPeerURL(path string, c Connector) {
	path += ".peer_url"
	if first, taken := v.peerURLs[c.PeerURL]; taken {
		v.fault(path, "%q is that of %s already", c.PeerURL, first)
	} else if c.PeerURL == c.ClientURL {
		v.fault(path, "%q is the client_url too", c.PeerURL)
	}
	v.peerURLs[c.PeerURL] = path
}

// URLFault says what is wrong with the base URL of a service; it is empty for a
// good one.
func URLFault(text string) string {
	if text == "" {
		return "is missing"
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return fmt.Sprintf("%q is not an http or https URL", text)
	case u.Hostname() == "":
		return fmt.Sprintf("%q names no host", text)
	case u.User != nil || strings.ContainsAny(text, "?#"):
		return fmt.Sprintf("%q holds more than scheme, host, port and path", text)
	}
	return ""
}
