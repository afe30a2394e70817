package site

import (
	"fmt"
	"slices"
)

// Step is one version of a site on the way to another one.
type Step struct {
	Site *Site
	// Changes says in sentences what it does to connectors and policies.
	Changes []string
}

// Steps says by which versions a cloud broker gets from one site to another so that
// under the policy majority the active connectors of a zone change one at a time:
// else connectors with the old list and others with the new one could each be more
// than half. It tells both sites apart by connectors and policies only; everything
// else is in the first step. The last step is the other site itself. from is nil
// where nothing is published yet. Both sites are valid. It is an error that there is
// no way, which can be where a connector changes its zone or an address is used again.
func Steps(from, to *Site) ([]Step, error) {
	if from == nil {
		return []Step{{Site: to}}, nil
	}
	w := newWay(from, to)
	var versions []*Site
	if len(w.relaxed) > 0 {
		if err := w.check(); err != nil {
			return nil, noWay(err)
		}
		versions = append(versions, w.site())
		w.take(w.late...)
	}
	order, err := w.order()
	if err != nil {
		return nil, err
	}
	for _, name := range order {
		w.take(name)
		versions = append(versions, w.site())
	}
	if len(order) == 0 {
		versions = append(versions, w.site())
	}
	if len(w.tightened) > 0 {
		versions = append(versions, to)
	}
	versions[len(versions)-1] = to
	return described(from, versions), nil
}

// noWay happens where a connector moves to another zone, or a new one has the
// address or name of one that is still needed.
func noWay(err error) error {
	return fmt.Errorf("the active connectors of a zone with the policy %s change one at a time, and this site cannot be reached so: "+
		"on the way %w; publish a site in between, with what moves taken out or with another address", Majority, err)
}

func described(from *Site, versions []*Site) []Step {
	steps := make([]Step, len(versions))
	for i, s := range versions {
		steps[i] = Step{Site: s, Changes: changes(from, s)}
		from = s
	}
	return steps
}

// changes compares the connectors and policies of two sites.
func changes(before, after *Site) []string {
	var out []string
	old, now := byFQDN(before), byFQDN(after)
	for _, name := range sortedNames(old, now) {
		a, was := old[name]
		b, is := now[name]
		switch {
		case !was:
			out = append(out, fmt.Sprintf("zone %s: %s joins%s", b.Zone, name, role(b)))
		case !is:
			out = append(out, fmt.Sprintf("zone %s: %s leaves", a.Zone, name))
		case a.Zone != b.Zone:
			out = append(out, fmt.Sprintf("%s moves from zone %s to %s%s", name, a.Zone, b.Zone, role(b)))
		case a.Standby != b.Standby && b.Standby:
			out = append(out, fmt.Sprintf("zone %s: %s becomes a standby", b.Zone, name))
		case a.Standby != b.Standby:
			out = append(out, fmt.Sprintf("zone %s: %s becomes active", b.Zone, name))
		}
	}
	for _, z := range after.Zones {
		i := slices.IndexFunc(before.Zones, func(b Zone) bool { return b.Name == z.Name })
		if i >= 0 && before.Zones[i].policy() != z.policy() {
			out = append(out, fmt.Sprintf("zone %s: the policy becomes %s", z.Name, z.policy()))
		}
	}
	return out
}

func role(c Connector) string {
	if c.Standby {
		return " as a standby"
	}
	return ""
}

func (z Zone) policy() Policy { return or(z.Settings.Policy, Available) }

func byFQDN(s *Site) map[FQDN]Connector {
	all := make(map[FQDN]Connector, len(s.Connectors))
	for _, c := range s.Connectors {
		all[c.FQDN] = c
	}
	return all
}

func sortedNames(lists ...map[FQDN]Connector) []FQDN {
	var names []FQDN
	for _, list := range lists {
		for name := range list {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
