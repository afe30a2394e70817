package broker

import "understudy/site"

// Members counts the machines of a delivery group in the engine's zone by what they
// can do now; each is counted once.
type Members struct {
	Free        int // takes one more session
	Full        int // has as many as it takes
	Maintenance int // takes no new session until somebody says so, or until its reset
	Aside       int // a prepare failed there
	Away        int // not registered
}

// GroupInfo is a delivery group with its machines in the engine's zone, for people.
type GroupInfo struct {
	Group    string
	Members  Members
	Sessions int // reservations included
	Peak     int // of the day
}

// Groups lists the delivery groups in the order of the site.
func (e *Engine) Groups() []GroupInfo {
	e.mu.Lock()
	defer e.mu.Unlock()
	var list []GroupInfo
	for _, g := range e.index.Site().Groups {
		info := GroupInfo{Group: g.Name}
		if t := e.counts.byGroup[g.Name]; t != nil {
			info.Sessions, info.Peak = t.now, t.peak
		}
		for _, m := range e.index.MachinesOf(g.Name, e.o.Zone) {
			*info.Members.of(e, m)++
		}
		list = append(list, info)
	}
	return list
}

// of is the count that the machine belongs to.
func (n *Members) of(e *Engine, m site.Machine) *int {
	h := e.host(m.Name)
	switch {
	case h == nil:
		return &n.Away
	case e.maintenance(h) && !h.live():
		return &n.Maintenance
	case h.aside().why != "":
		return &n.Aside
	case e.room(h):
		return &n.Free
	}
	return &n.Full
}
