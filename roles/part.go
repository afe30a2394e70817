package roles

import (
	"slices"

	"understudy/site"
)

// Part returns what of a site is within the limits, with what that refers to: a site
// of its own. A zone outside of the limits is there, with its connectors, where one of
// the delivery groups is in it too.
func Part(w Who, s *site.Site) *site.Site {
	if w.Unlimited() {
		return s
	}
	p := newPart(w, s)
	out := *s
	out.Zones = parts(s.Zones, p.zone)
	out.Connectors = parts(s.Connectors, p.connector)
	out.Groups = parts(s.Groups, p.group)
	out.Machines = parts(s.Machines, p.machine)
	out.Applications = parts(s.Applications, p.application)
	out.Entitlements = parts(s.Entitlements, p.entitlement)
	out.Users = parts(s.Users, p.user)
	return &out
}

// part says of each object of a site whether it is within the limits of somebody, and
// what of it they see.
type part struct {
	who          Who
	groups       map[string]bool
	zones        map[string]bool
	applications map[string]bool
	users        map[string]bool // by site.UserKey
}

func newPart(w Who, s *site.Site) *part {
	p := &part{who: w, groups: map[string]bool{}, zones: map[string]bool{}, applications: map[string]bool{}, users: map[string]bool{}}
	for _, g := range s.Groups {
		if w.Group(g.Name) && (len(w.Zones) == 0 || slices.ContainsFunc(g.Zones, w.Zone)) {
			p.groups[g.Name] = true
			for _, z := range g.Zones {
				p.zones[z] = true
			}
		}
	}
	for _, z := range w.Zones {
		p.zones[z] = true
	}
	for _, a := range s.Applications {
		if len(a.Groups) > 0 && !slices.ContainsFunc(a.Groups, func(g string) bool { return !p.groups[g] }) {
			p.applications[a.Name] = true
		}
	}
	p.addUsers(s)
	return p
}

// addUsers: those that machines and entitlements within the limits name.
func (p *part) addUsers(s *site.Site) {
	for _, m := range s.Machines {
		if p.machine(m) && m.AssignedUser != "" {
			p.users[site.UserKey(m.AssignedUser)] = true
		}
	}
	for _, e := range s.Entitlements {
		if p.entitlement(e) && e.User != "" {
			p.users[site.UserKey(e.User)] = true
		}
	}
}

func (p *part) zone(z site.Zone) bool { return p.zones[z.Name] }

func (p *part) connector(c site.Connector) bool { return p.zones[c.Zone] }

func (p *part) group(g site.DeliveryGroup) bool { return p.groups[g.Name] }

func (p *part) machine(m site.Machine) bool { return p.groups[m.Group] && p.who.Zone(m.Zone) }

// application: one that also runs on other groups is not shown, because it could not
// be shown whole.
func (p *part) application(a site.Application) bool { return p.applications[a.Name] }

func (p *part) entitlement(e site.Entitlement) bool {
	return p.groups[e.Desktop] || p.applications[e.Application]
}

func (p *part) user(u site.User) bool { return p.users[site.UserKey(u.Name)] }

func parts[T any](all []T, sees func(T) bool) []T {
	out := []T{}
	for _, o := range all {
		if sees(o) {
			out = append(out, o)
		}
	}
	return out
}

// Denied is a change beyond the role or the limits of who asked for it.
type Denied struct{ Reason string }

func (e *Denied) Error() string { return e.Reason }

// Merge returns the site as it is after somebody has sent the part of it that they see,
// changed. What they may not change makes it a *Denied. Sent is not judged otherwise.
func Merge(w Who, now, sent *site.Site) (*site.Site, error) {
	if ok, reason := May(w, ChangePart, Target{}); !ok {
		return nil, &Denied{reason}
	}
	if w.Unlimited() {
		return sent, nil
	}
	m := &merger{who: w, part: newPart(w, now)}
	m.rest(now, sent)
	out := *now
	out.Zones = merge(m, now.Zones, sent.Zones, m.zones())
	out.Connectors = merge(m, now.Connectors, sent.Connectors, m.connectors())
	out.Groups = merge(m, now.Groups, sent.Groups, m.groups())
	out.Machines = merge(m, now.Machines, sent.Machines, m.machines())
	out.Applications = merge(m, now.Applications, sent.Applications, m.applications())
	out.Entitlements = merge(m, now.Entitlements, sent.Entitlements, m.entitlements(now, sent))
	out.Users = merge(m, now.Users, sent.Users, m.users())
	if m.denied != nil {
		return nil, m.denied
	}
	return &out, nil
}
