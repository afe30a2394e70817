package broker

import (
	"time"

	"understudy/site"
)

// Import applies a part of another engine's state or tail, in order. What the site
// does not have here, or has in another zone, is left out.
func (e *Engine) Import(now time.Time, items []Item) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sweepTickets(now)
	longest := e.lifetime(e.o.Zone)
	for n := range items {
		i := &items[n]
		switch i.Kind {
		case ItemHost:
			e.importHost(now, i, longest)
		case ItemSession:
			e.importSession(now, i)
		case ItemTicket:
			e.importTicket(now, i)
		case ItemHostEnded:
			e.endHost(i.Machine)
		case ItemSessionEnded:
			e.endSession(i.Machine, i.Session.ID)
		case ItemPeak:
			e.importPeak(*i.Peak)
		case ItemSeat:
			e.importSeat(i.Machine, *i.Seat)
		}
	}
}

// numbered finds the machine of a registration: mostly it has the number that it has
// where the item was made.
func (e *Engine) numbered(i *Item) (int32, bool) {
	if n := int(i.Number); 0 <= n && n < e.index.Machines() && e.index.MachineAt(i.Number).Name == i.Machine {
		return i.Number, true
	}
	return e.index.Number(i.Machine)
}

func (e *Engine) importHost(now time.Time, i *Item, longest time.Duration) {
	number, ok := e.numbered(i)
	if !ok {
		return
	}
	m := e.index.MachineAt(number)
	if e.o.Zone != m.Zone {
		return
	}
	key, text := i.Key, i.Lease
	if text != "" {
		key, text = keyOf(text)
	}
	h := e.enrol(number, key, text)
	h.callback, h.capacity = e.around(i.Callback), within16(max(1, i.Capacity))
	h.setLoad(i.Load, i.AtLoad)
	h.importSeldom(i)
	h.pass = i.Pass
	h.seen = e.at(now).seen()
	e.lease(h, e.at(now)+moment(min(i.Left, longest)))
	e.turns = max(e.turns, i.Turn)
	for _, s := range e.early[m.Name] {
		e.importSession(s.at, &s.Item)
	}
	delete(e.early, m.Name)
	e.place(h)
	e.inTurn(h, i.Pass)
}

// inTurn puts a host where its turns were, also one whose group's turns have gone on.
func (e *Engine) inTurn(h *host, pass uint64) {
	p := e.pools[h.pool]
	p.clock = max(p.clock, pass-min(pass, passUnit/uint64(e.machine(h).Weight)))
	if h.pass == pass {
		return
	}
	h.pass = pass
	if h.slot > 0 {
		p.hosts.put(e.number(h))
	}
}

// early is a session of an import, and when it came.
type early struct {
	Item
	at instant
}

// importSession keeps a session whose host has not come yet until it does: in a
// copy of the state a host that has changed since comes after its sessions.
func (e *Engine) importSession(now time.Time, i *Item) {
	h := e.host(i.Machine)
	if h == nil {
		if e.early[i.Machine] == nil {
			e.early[i.Machine] = map[string]early{}
		}
		e.early[i.Machine][i.Session.ID] = early{*i, now}
		return
	}
	s := h.sessions()[i.Session.ID]
	if s != nil && site.UserKey(s.User) != site.UserKey(i.Session.User) {
		e.end(s)
		s = nil
	}
	if s == nil {
		s = e.begin(h, *i.Session, now.Add(i.Left))
	}
	s.Session, s.until = *i.Session, now.Add(i.Left)
	e.count(s)
	e.watch(s)
	// The launch that it came of is over. Its record may not have reached a disk, so
	// who launches it again makes another.
	s.claims[0] = true
	s.launched = true
	s.foreign = s.State == Reserved
	e.touchedSession(s)
	e.place(h)
}

func (e *Engine) importTicket(now time.Time, i *Item) {
	if t := e.tickets[i.ID]; t != nil {
		t.spent = t.spent || i.Spent
		e.changes.note(t)
		return
	}
	e.issue(now, i.ID, *i.Ticket, i.Left).spent = i.Spent
}

func (e *Engine) endHost(name site.FQDN) {
	delete(e.early, name)
	if h := e.host(name); h != nil {
		e.drop(h, "")
	}
}

func (e *Engine) endSession(name site.FQDN, id string) {
	delete(e.early[name], id)
	h := e.host(name)
	if h == nil || h.sessions()[id] == nil {
		return
	}
	e.end(h.sessions()[id])
	e.place(h)
}

// Renew is for who takes over: while nobody served no host could keep its lease. One
// that would lapse before its host's next heartbeat is due lives for another interval.
func (e *Engine) Renew(now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for {
		h := e.shortest()
		if h == nil {
			return
		}
		zone := e.machine(h).Zone
		least := e.interval(zone)
		if time.Duration(h.expires-e.at(now)) >= least {
			return
		}
		e.lease(h, e.at(now)+moment(max(least, e.lifetime(zone))))
		e.touched(h)
	}
}
