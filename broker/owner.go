package broker

import "understudy/site"

// owner is who got a machine since the site was published, and in which session.
type owner struct{ user, session string }

// owner returns who has the machine: the site's word before our own.
func (e *Engine) owner(m *site.Machine) string {
	if m.AssignedUser != "" {
		return m.AssignedUser
	}
	return e.owners[m.Name].user
}

func (e *Engine) own(name site.FQDN, user, session string) {
	e.disown(name)
	e.owners[name] = owner{user, session}
	key := site.UserKey(user)
	if e.owned[key] == nil {
		e.owned[key] = map[site.FQDN]bool{}
	}
	e.owned[key][name] = true
}

func (e *Engine) disown(name site.FQDN) {
	key := site.UserKey(e.owners[name].user)
	delete(e.owners, name)
	delete(e.owned[key], name)
	if len(e.owned[key]) == 0 {
		delete(e.owned, key)
	}
}

// machinesOf returns the machines of an assigned group that the user has.
func (e *Engine) machinesOf(user, group string) []site.Machine {
	list := e.index.AssignedMachines(user, group)
	for name := range e.owned[site.UserKey(user)] {
		if m, ok := e.index.Machine(name); ok && m.Group == group && m.AssignedUser == "" {
			list = append(list, m)
		}
	}
	return list
}

// claimed takes over whom a host names as its owner. The site's owner stands; of
// our own word and the host's the host's counts, because it is the arbiter of who
// got it in this outage (LHC-36).
func (e *Engine) claimed(h *host, user string) []Record {
	if user == "" || e.group(h).Kind != site.Assigned {
		return nil
	}
	was := e.owner(e.machine(h))
	if site.UserKey(was) == site.UserKey(user) {
		return nil
	}
	conflict := e.record(h, Conflicting)
	conflict.User = user
	conflict.Reason = "the machine says that it belongs to " + user + ", and we have it as that of " + was
	if e.machine(h).AssignedUser != "" {
		return []Record{conflict}
	}
	e.own(e.machine(h).Name, user, "")
	assignment := e.record(h, Assignment)
	assignment.User = user
	if was == "" {
		return []Record{assignment}
	}
	return []Record{assignment, conflict}
}
