package roles

import (
	"encoding/json"
	"fmt"

	"understudy/site"
)

// merger remembers the first thing that may not be changed.
type merger struct {
	who    Who
	part   *part
	denied error
}

// may notes that somebody wants to change an object; one without targets is the whole
// site's.
func (m *merger) may(kind, name string, targets ...Target) {
	if len(targets) == 0 {
		targets = []Target{{}}
	}
	for _, t := range targets {
		if ok, reason := May(m.who, Change, t); !ok && m.denied == nil {
			m.denied = &Denied{fmt.Sprintf("%s %s would change: %s", kind, name, reason)}
		}
	}
}

// rest is what a site says of itself.
func (m *merger) rest(now, sent *site.Site) {
	if text(bare(now)) != text(bare(sent)) {
		m.may("site", now.Name)
	}
}

func bare(s *site.Site) site.Site {
	b := *s
	b.Zones, b.Connectors, b.Groups, b.Machines, b.Applications, b.Users, b.Entitlements = nil, nil, nil, nil, nil, nil, nil
	return b
}

// text tells things apart that have no equality.
func text(v any) string {
	out, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(out)
}

// kind is what there is to know of the objects of one kind: what they are called, who
// sees them, what tells them apart, and what a change of one is a change of.
type kind[T any] struct {
	name    string
	sees    func(T) bool
	key     func(T) string
	targets func(T) []Target
}

func (m *merger) zones() kind[site.Zone] {
	return kind[site.Zone]{"zone", m.part.zone, func(z site.Zone) string { return z.Name }, func(z site.Zone) []Target { return []Target{{Zone: z.Name}} }}
}

// connectors are the whole site's: each reads all of it.
func (m *merger) connectors() kind[site.Connector] {
	return kind[site.Connector]{
		"connector", m.part.connector, func(c site.Connector) string { return string(site.Canonical(string(c.FQDN))) },
		func(site.Connector) []Target { return nil },
	}
}

func (m *merger) groups() kind[site.DeliveryGroup] {
	return kind[site.DeliveryGroup]{
		"delivery group", m.part.group, func(g site.DeliveryGroup) string { return g.Name },
		func(g site.DeliveryGroup) []Target { return []Target{{Group: g.Name}} },
	}
}

func (m *merger) machines() kind[site.Machine] {
	return kind[site.Machine]{
		"machine", m.part.machine, func(d site.Machine) string { return string(site.Canonical(string(d.Name))) },
		func(d site.Machine) []Target { return []Target{{Zone: d.Zone, Group: d.Group}} },
	}
}

func (m *merger) applications() kind[site.Application] {
	return kind[site.Application]{
		"application", m.part.application, func(a site.Application) string { return a.Name },
		func(a site.Application) []Target { return ofGroups(a.Groups) },
	}
}

func (m *merger) users() kind[site.User] {
	return kind[site.User]{"user", m.part.user, func(u site.User) string { return site.UserKey(u.Name) }, func(site.User) []Target { return nil }}
}

// entitlements open groups: those to an application all that it was and shall be on.
func (m *merger) entitlements(now, sent *site.Site) kind[site.Entitlement] {
	on := map[string][]Target{}
	for _, s := range []*site.Site{now, sent} {
		for _, a := range s.Applications {
			on[a.Name] = append(on[a.Name], ofGroups(a.Groups)...)
		}
	}
	return kind[site.Entitlement]{"entitlement", m.part.entitlement, func(e site.Entitlement) string { return text(e) }, func(e site.Entitlement) []Target {
		if e.Application != "" {
			return on[e.Application]
		}
		return []Target{{Group: e.Desktop}}
	}}
}

func ofGroups(names []string) []Target {
	var out []Target
	for _, name := range names {
		out = append(out, Target{Group: name})
	}
	return out
}

// merge puts the objects of one kind that were sent in the place of those that are
// seen. Both what was and what shall be must be theirs to change.
func merge[T any](m *merger, now, sent []T, k kind[T]) []T {
	news := map[string]T{}
	for _, o := range sent {
		if _, twice := news[k.key(o)]; twice {
			m.may(k.name, k.key(o)+", sent twice,")
		}
		news[k.key(o)] = o
	}
	out, known := []T{}, map[string]bool{}
	for _, was := range now {
		key := k.key(was)
		is, sent := news[key]
		seen := k.sees(was)
		known[key] = known[key] || seen
		switch {
		case !seen || sent && text(was) == text(is):
			out = append(out, was)
		case sent:
			m.may(k.name, key, append(k.targets(was), k.targets(is)...)...)
			out = append(out, is)
		default:
			m.may(k.name, key, k.targets(was)...)
		}
	}
	for _, o := range sent {
		if key := k.key(o); !known[key] {
			m.may(k.name, key, k.targets(o)...)
			out = append(out, o)
		}
	}
	return out
}
