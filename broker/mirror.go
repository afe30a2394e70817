package broker

import (
	"time"

	"understudy/site"
)

type instant = time.Time

// ItemKind says what an Item is about.
type ItemKind uint8

// The kinds of items.
const (
	ItemHost ItemKind = iota + 1
	ItemSession
	ItemTicket
	ItemHostEnded
	ItemSessionEnded
	ItemPeak
)

// Item is one thing of an engine's soft state as others keep a copy of it (NEW-01):
// a registration, a session, a ticket, or the end of one; or the peak of a day. Durations count from when
// the item was made, so that no two clocks are compared.
type Item struct {
	Kind    ItemKind
	Machine site.FQDN
	// Left is the rest of the lease, of the reservation or of the ticket.
	Left time.Duration

	// Of a registration.
	Lease, Callback        string
	Capacity, Load, AtLoad int
	NextReport, Turn, Pass uint64
	// Reported are the records of the latest report: its host may repeat it.
	Reported []Record

	Session Session

	// Of a ticket; its id is a secret.
	ID     string
	Ticket Ticket
	Spent  bool

	Peak Peak
}

// ended is the end of a registration or of a session.
type ended struct {
	stamp
	what Item
}

func (n *ended) item(*Engine, instant) (Item, bool) { return n.what, true }

// Mirror makes the engine remember what changes, so that others can keep a copy.
// It is for engines that hold nothing yet.
func (e *Engine) Mirror() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.changes.on = true
}

// Changed returns the position of the latest change, and a channel that is closed
// at the next.
func (e *Engine) Changed() (head uint64, next <-chan struct{}) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.changes.news == nil {
		e.changes.news = make(chan struct{})
	}
	return e.changes.head, e.changes.news
}

// Tail is a part of what changed in an engine.
type Tail struct {
	Items []Item
	// To is the position that who applies the items has reached.
	To uint64
	// More: there is more at this moment. Without it the copy is the engine as it
	// was when the tail was made.
	More bool
}

// Tail returns what changed after a position, at most limit items; after 0 it is
// the state. It reports false when who stands there has missed ends that are
// forgotten by now: only the state helps. A retired engine has not even that.
func (e *Engine) Tail(now time.Time, after uint64, limit int) (Tail, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.changes.on || !e.changes.follows(after) {
		return Tail{}, false
	}
	list := e.changes.after(after)
	t := Tail{To: e.changes.head, Items: make([]Item, 0, min(limit, len(list)))}
	for _, l := range list {
		if l.of.stamped().version != l.version {
			continue
		}
		if len(t.Items) == limit {
			t.More = true
			break
		}
		t.To = l.version
		if item, ok := l.of.item(e, now); ok {
			t.Items = append(t.Items, item)
		}
	}
	if !t.More {
		t.To = e.changes.head
	}
	return t, true
}

// stateful reports whether others get what is so of the host.
func (e *Engine) stateful(h *host) bool { return e.group(h).FailoverMode() == site.Stateful }

// touched notes a change of the host.
func (e *Engine) touched(h *host) {
	if e.stateful(h) {
		e.changes.note(h)
	}
}

// touchedSession notes a change of a session.
func (e *Engine) touchedSession(s *session) {
	if e.stateful(s.host) && s.settled() {
		e.changes.note(s)
	}
}

// settled: what a launch under way holds is not for others. Whoever takes over
// does not know what becomes of that launch; the host does.
func (s *session) settled() bool { return s.State != Reserved || s.launched }

func (h *host) item(e *Engine, now instant) (Item, bool) {
	d := h.seldom()
	return Item{
		Kind: ItemHost, Machine: e.machine(h).Name, Left: time.Duration(h.expires - e.at(now)), Lease: h.lease(), Callback: e.callback(h),
		Capacity: int(h.capacity), Load: int(h.load), AtLoad: d.atLoad, NextReport: d.nextReport, Turn: d.turn, Pass: h.pass, Reported: d.reported,
	}, true
}

func (s *session) item(e *Engine, now instant) (Item, bool) {
	return Item{Kind: ItemSession, Machine: e.machine(s.host).Name, Left: s.until.Sub(now), Session: s.Session}, s.settled()
}

func (t *ticket) item(_ *Engine, now instant) (Item, bool) {
	return Item{Kind: ItemTicket, Left: t.expires.Sub(now), ID: t.id, Ticket: t.Ticket, Spent: t.spent}, true
}

// Stateful reports whether others are to have what is answered to a launch of the
// group: its sessions, or its ticket. No group stands for tickets alone.
func (e *Engine) Stateful(group string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.index.Site().STAFailoverMode() == site.Stateful {
		return true
	}
	g, ok := e.index.Group(group)
	return ok && g.FailoverMode() == site.Stateful
}
