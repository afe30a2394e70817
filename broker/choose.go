package broker

import (
	"cmp"
	"slices"
	"strings"

	"understudy/site"
)

// choose picks the host of a launch: an existing session of the user first
// (LHC-37), then the user's own machine, then a free machine that becomes it
// (LHC-36), then the machine that the group's policy of balancing says.
func (e *Engine) choose(r LaunchRequest) (site.Resource, *host, *session, error) {
	resource, err := e.launchable(r)
	if err != nil {
		return resource, nil, nil, err
	}
	if s := e.existing(r, resource); s != nil {
		return resource, s.host, s, nil
	}
	resource.Groups, err = e.belowLimits(resource.Groups)
	if err != nil {
		return resource, nil, nil, err
	}
	own, err := e.ownMachine(r, resource)
	if own != nil {
		return resource, own, nil, nil
	}
	if h := e.balanced(r, resource); h != nil {
		return resource, h, nil, nil
	}
	if err == nil {
		err = refuse(CodeNoMachine, "no registered machine of %s is free", strings.Join(resource.Groups, ", "))
	}
	return resource, nil, nil, err
}

// launchable finds the resource, if the user may have it and it is in this pod.
func (e *Engine) launchable(r LaunchRequest) (site.Resource, error) {
	resource, ok := e.index.Resource(r.Resource)
	if !ok {
		return resource, refuse(CodeUnknownResource, "resource %q is not in the site", r.Resource)
	}
	if !e.index.Entitled(r.User, r.Groups, r.Resource) {
		return resource, refuse(CodeNotEntitled, "user %s is not entitled to %s", r.User, r.Resource)
	}
	if e.o.Zone != "" && !slices.Contains(resource.Zones, e.o.Zone) {
		return resource, wrongZone(r.Resource, e.o.Zone, resource.Zones)
	}
	return resource, nil
}

func wrongZone(what, zone string, zones []string) *Refusal {
	err := refuse(CodeWrongZone, "%s is not in zone %s, but in %s", what, zone, strings.Join(zones, ", "))
	err.Zones = zones
	return err
}

// existing returns the user's session in the resource's groups: one of that
// resource before others, one that runs before a mere reservation.
func (e *Engine) existing(r LaunchRequest, resource site.Resource) *session {
	var best *session
	for s := range e.byUser[site.UserKey(r.User)] {
		if !slices.Contains(resource.Groups, e.machine(s.host).Group) || r.Exclude[e.machine(s.host).Name] || e.lost(s) || e.elsewhere(s, resource) {
			continue
		}
		if best == nil || e.closer(s, best, resource.ID) < 0 {
			best = s
		}
	}
	return best
}

func (e *Engine) closer(a, b *session, resource string) int {
	return cmp.Or(
		-compareBool(a.Resource == resource, b.Resource == resource),
		compareBool(a.State == Reserved, b.State == Reserved),
		cmp.Compare(e.machine(a.host).Name, e.machine(b.host).Name),
		cmp.Compare(a.ID, b.ID),
	)
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// ownMachine returns a machine of the user that is free, or why there is none.
// Both are nil when the user has no machine at all.
func (e *Engine) ownMachine(r LaunchRequest, resource site.Resource) (*host, error) {
	var mine []site.Machine
	for _, group := range resource.Groups {
		mine = append(mine, e.machinesOf(r.User, group)...)
	}
	if len(mine) == 0 {
		return nil, nil
	}
	slices.SortFunc(mine, func(a, b site.Machine) int {
		return cmp.Or(compareBool(e.isAside(a.Name), e.isAside(b.Name)), cmp.Compare(a.Name, b.Name))
	})
	for _, m := range mine {
		if h := e.host(m.Name); h != nil && e.room(h) && !r.Exclude[m.Name] {
			return h, nil
		}
	}
	if zones := zonesOf(mine); e.o.Zone != "" && !slices.Contains(zones, e.o.Zone) {
		return nil, wrongZone("the user's desktop", e.o.Zone, zones)
	}
	return nil, refuse(CodeNoMachine, "the user's desktop %s is not available", mine[0].Name)
}

func zonesOf(machines []site.Machine) []string {
	var zones []string
	for _, m := range machines {
		zones = append(zones, m.Zone)
	}
	slices.Sort(zones)
	return slices.Compact(zones)
}

// balanced picks from the pools: those of the preferred zone before all others.
func (e *Engine) balanced(r LaunchRequest, resource site.Resource) *host {
	near, far := e.offersFor(r, resource)
	if h := e.best(near); h != nil {
		return h
	}
	return e.best(far)
}

// offersFor leaves out assigned groups in which the user has a machine already.
func (e *Engine) offersFor(r LaunchRequest, resource site.Resource) (near, far []*host) {
	add := func(zone string, h *host) {
		switch {
		case h == nil, r.Without[zone]:
		case zone == r.Zone:
			near = append(near, h)
		default:
			far = append(far, h)
		}
	}
	if resource.Dynamic && resource.Kind == site.ApplicationResource {
		for _, zone := range resource.Zones {
			add(zone, e.seated(r, seatKey{resource.Kind, resource.ID, zone}, resource.Groups))
		}
		return near, far
	}
	for _, name := range resource.Groups {
		group, _ := e.index.Group(name)
		if group.Kind == site.Assigned && len(e.machinesOf(r.User, name)) > 0 {
			continue
		}
		for _, zone := range resource.Zones {
			if group.Dynamic {
				add(zone, e.seated(r, groupSeat(name, zone), []string{name}))
			} else {
				add(zone, e.pooled(r, poolKey{name, zone}))
			}
		}
	}
	return near, far
}

// pooled is the machine that a group's policy says for the launch in a zone.
func (e *Engine) pooled(r LaunchRequest, key poolKey) *host {
	p := e.poolBy(key)
	if p == nil {
		return nil
	}
	n, ok := p.hosts.firstOf(func(n hostNo) bool { return !r.Exclude[e.machine(e.hosts.at(n)).Name] })
	if !ok {
		return nil
	}
	return e.hosts.at(n)
}

// best compares what several groups offer: by load, for their policies say nothing
// of one another's machines.
func (e *Engine) best(offers []*host) *host {
	leastOffer := e.orderOf(site.LeastLoad)
	var least *host
	for _, h := range offers {
		if least == nil || leastOffer(h, least) {
			least = h
		}
	}
	return least
}
