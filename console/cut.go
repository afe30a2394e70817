package console

import (
	"slices"

	"understudy/events"
	"understudy/roles"
	"understudy/wire"
)

// Who is limited to delivery groups sees of lists what is theirs, and of the zone what
// concerns all: state, connectors, election, figures. Who is limited to other zones
// sees nothing here, by roles.May.

// whole cuts nothing.
func whole[T any](_ roles.Who, v T) T { return v }

// kept returns what may be shown, never nil.
func kept[T any](items []T, show func(T) bool) []T {
	out := make([]T, 0, len(items))
	for _, i := range items {
		if show(i) {
			out = append(out, i)
		}
	}
	return out
}

// shown reports whether something of a group, or of a machine, may be shown. What is of
// neither is of all groups.
func (c *Console) shown(who roles.Who, group, machine string) bool {
	if len(who.Groups) == 0 {
		return true
	}
	if group == "" && machine != "" {
		group, _ = c.o.GroupOf(machine)
	}
	return group != "" && who.Group(group)
}

func (c *Console) cutStatus(who roles.Who, s wire.Status) wire.Status {
	if len(who.Groups) == 0 {
		return s
	}
	s.Pools = kept(s.Pools, func(p wire.PoolStatus) bool { return who.Group(p.Group) })
	s.Missing = kept(s.Missing, func(text string) bool { group, of := s.MissingOf[text]; return !of || who.Group(group) })
	if s.Snapshot != nil {
		cut := c.cutSnapshot(who, *s.Snapshot)
		s.Snapshot = &cut
	}
	return s
}

func (c *Console) cutSnapshots(who roles.Who, l wire.List[wire.SnapshotStatus]) wire.List[wire.SnapshotStatus] {
	l.Items = slices.Clone(l.Items)
	for i := range l.Items {
		l.Items[i] = c.cutSnapshot(who, l.Items[i])
	}
	return l
}

func (c *Console) cutSnapshot(who roles.Who, s wire.SnapshotStatus) wire.SnapshotStatus {
	if len(who.Groups) > 0 {
		s.QuarantinedObjects = kept(s.QuarantinedObjects, func(o wire.QuarantinedObject) bool { return o.Kind == "groups" && who.Group(o.Name) })
	}
	return s
}

func (c *Console) cutRegistrations(who roles.Who, l wire.List[wire.RegistrationStatus]) wire.List[wire.RegistrationStatus] {
	l.Items = kept(l.Items, func(r wire.RegistrationStatus) bool { return c.shown(who, r.Group, string(r.Machine)) })
	return l
}

func (c *Console) cutSessions(who roles.Who, l wire.List[wire.SessionStatus]) wire.List[wire.SessionStatus] {
	l.Items = kept(l.Items, func(s wire.SessionStatus) bool { return c.shown(who, s.Group, string(s.Machine)) })
	return l
}

func (c *Console) cutGroups(who roles.Who, l wire.GroupList) wire.GroupList {
	l.Items = kept(l.Items, func(g wire.GroupStatus) bool { return who.Group(g.Name) })
	return l
}

func (c *Console) cutEvents(who roles.Who, page []events.Entry) []events.Entry {
	if len(who.Groups) == 0 {
		return page
	}
	return kept(page, func(e events.Entry) bool { return c.shownEvent(who, e) })
}

// The numbers of the events whose sentences are about connectors, their zone and those
// who run it, never about the desktops of a group.
const (
	lastOfService = 129
	firstOfZone   = 3000
)

// shownEvent goes by the group or machine that an event names. What names none is
// shown if it is of a kind that concerns the whole zone.
func (c *Console) shownEvent(who roles.Who, e events.Entry) bool {
	group, machine := text(e.Fields, "group"), text(e.Fields, "machine")
	if group != "" || machine != "" {
		return c.shown(who, group, machine)
	}
	return e.Code <= lastOfService || e.Code >= firstOfZone
}

func text(fields map[string]any, key string) string {
	s, _ := fields[key].(string)
	return s
}
