package broker

import (
	"cmp"
	"slices"
	"time"

	"understudy/site"
)

// Resources lists what a user may launch in any zone, by name, with the user's
// session where there is one.
func (e *Engine) Resources(user string, groups []string) []Resource {
	return e.AppendResources(nil, user, groups)
}

// AppendResources appends to a list what Resources would return.
func (e *Engine) AppendResources(list []Resource, user string, groups []string) []Resource {
	key := site.UserKey(user)
	index, busy := e.siteFor(key)
	found := index.Granted(key, groups)
	list = slices.Grow(list, len(found))
	begin := len(list)
	for _, n := range found {
		list = append(list, Resource{Resource: index.ResourceAt(n), Memo: index.MemoAt(n)})
	}
	if busy {
		e.nameSessions(user, list[begin:])
	}
	return list
}

// Resource finds a resource of the site.
func (e *Engine) Resource(id string) (site.Resource, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.index.Resource(id)
}

// LaunchOf is how the site wants launches of a group to be answered.
func (e *Engine) LaunchOf(group string) site.Launch {
	e.mu.Lock()
	defer e.mu.Unlock()
	g, _ := e.index.Group(group)
	return g.Launch
}

// siteFor returns the site for a look-up without the lock, and whether the user has
// a session.
func (e *Engine) siteFor(user string) (index *site.Index, busy bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.index, len(e.byUser[user]) > 0
}

func (e *Engine) nameSessions(user string, list []Resource) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := range list {
		list[i].Session = e.sessionOf(user, *list[i].Resource)
	}
}

// sessionOf names the user's running session of exactly that resource.
func (e *Engine) sessionOf(user string, r site.Resource) string {
	s := e.existing(LaunchRequest{User: user}, r)
	if s == nil || s.Resource != r.ID || s.State == Reserved {
		return ""
	}
	return s.ID
}

// Registrations lists the registered machines by name.
func (e *Engine) Registrations(now time.Time) []RegistrationInfo {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sweep(now)
	list := make([]RegistrationInfo, 0, e.hosts.n)
	for h := range e.hosts.all() {
		list = append(list, e.info(now, h))
	}
	slices.SortFunc(list, func(a, b RegistrationInfo) int { return cmp.Compare(a.Machine, b.Machine) })
	return list
}

func (e *Engine) info(now time.Time, h *host) RegistrationInfo {
	m, aside := e.machine(h), h.aside()
	info := RegistrationInfo{
		Machine: m.Name, Group: m.Group, Zone: m.Zone, Lease: h.lease(), Callback: e.callback(h),
		Term: e.terms[m.Zone], Load: int(h.load), Sessions: len(h.sessions()),
		Used: e.used[m.Name], Maintenance: e.maintenance(h) && !h.live(),
		AssignedUser: e.owner(m), Idle: e.at(now).since(h.seen),
		Aside: aside.why,
	}
	if aside.now() {
		info.AsideFor = aside.until.Sub(now)
	}
	return info
}

// Registered reports whether a machine has a lease.
func (e *Engine) Registered(now time.Time, machine site.FQDN) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	h := e.host(machine)
	return h != nil && e.at(now) < h.expires
}

// Sessions lists the sessions by machine and id.
func (e *Engine) Sessions() []SessionInfo {
	e.mu.Lock()
	defer e.mu.Unlock()
	var list []SessionInfo
	for h := range e.hosts.all() {
		m := e.machine(h)
		for _, s := range h.sessions() {
			list = append(list, SessionInfo{Session: s.Session, Machine: m.Name, Group: m.Group, Zone: m.Zone})
		}
	}
	slices.SortFunc(list, func(a, b SessionInfo) int {
		return cmp.Or(cmp.Compare(a.Machine, b.Machine), cmp.Compare(a.ID, b.ID))
	})
	return list
}

// Stats counts what the engine holds.
func (e *Engine) Stats() Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	return Stats{
		Registrations: e.hosts.n, Sessions: e.counts.site.now, Reserved: len(e.reserved.items), Tickets: len(e.tickets),
	}
}
