package broker

import (
	"cmp"
	"slices"
	"time"

	"understudy/site"
)

// Index is the site that the engine goes by now.
func (e *Engine) Index() *site.Index {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.index
}

// Locate tells on which machine a resource is, for nobody in particular: one that has
// room before others. It holds nothing, and knows no user's rights or sessions.
func (e *Engine) Locate(now time.Time, id string) (RegistrationInfo, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sweep(now)
	resource, ok := e.index.Resource(id)
	if !ok {
		return RegistrationInfo{}, refuse(CodeUnknownResource, "resource %q is not in the site", id)
	}
	if e.o.Zone != "" && !slices.Contains(resource.Zones, e.o.Zone) {
		return RegistrationInfo{}, wrongZone(id, e.o.Zone, resource.Zones)
	}
	h := e.balanced(LaunchRequest{Resource: id}, resource)
	if h == nil {
		h = e.anyOf(func(m *site.Machine) bool { return slices.Contains(resource.Groups, m.Group) })
	}
	if h == nil {
		return RegistrationInfo{}, refuse(CodeNoMachine, "no machine of %s is registered", id)
	}
	return e.info(now, h), nil
}

// LocateMachine tells where a machine is; no name stands for any machine.
func (e *Engine) LocateMachine(now time.Time, name site.FQDN) (RegistrationInfo, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sweep(now)
	h := e.anyOf(func(m *site.Machine) bool { return name == "" || m.Name == name })
	if h == nil {
		return RegistrationInfo{}, refuse(CodeNoMachine, "no such machine is registered")
	}
	return e.info(now, h), nil
}

// anyOf is the first host of a kind in the order of the index.
func (e *Engine) anyOf(fits func(*site.Machine) bool) *host {
	for h := range e.hosts.all() {
		if fits(e.machine(h)) {
			return h
		}
	}
	return nil
}

// UserSession is a session with what it takes to ask its host something.
type UserSession struct {
	SessionInfo
	Callback string
}

// SessionsOf lists the sessions of a user by machine and id, without those that are
// only reserved.
func (e *Engine) SessionsOf(user string) []UserSession {
	e.mu.Lock()
	defer e.mu.Unlock()
	var list []UserSession
	for s := range e.byUser[site.UserKey(user)] {
		if m := e.machine(s.host); s.State != Reserved {
			list = append(list, UserSession{SessionInfo{Session: s.Session, Machine: m.Name, Group: m.Group, Zone: m.Zone}, e.callback(s.host)})
		}
	}
	slices.SortFunc(list, func(a, b UserSession) int { return cmp.Or(cmp.Compare(a.Machine, b.Machine), cmp.Compare(a.ID, b.ID)) })
	return list
}
