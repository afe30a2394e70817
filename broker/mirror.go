package broker

import (
	"slices"
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
	ItemSeat
)

// Item is one thing of an engine's soft state as others keep a copy of it (NEW-01):
// a registration, a session, a ticket, or the end of one; the peak of a day; where a
// dynamic resource is. Durations count from when the item was made, so that no two clocks
// are compared. Registrations are nearly all that there is, so what is of the others is
// behind pointers.
type Item struct {
	Kind  ItemKind
	Spent bool // of a ticket
	// Number is the machine's in the index of who made the item, of a registration: who has
	// the same index need not look for the name.
	Number  int32
	Machine site.FQDN
	// Left is the rest of the lease, of the reservation or of the ticket.
	Left time.Duration

	// Of a registration. Key is its lease, but where Lease is that; Callback is what is
	// around the machine's name in the URL.
	Key                    LeaseKey
	Lease                  string
	Callback               Around
	Capacity, Load, AtLoad int
	NextReport, Turn, Pass uint64
	// Reported are the records of the latest report: its host may repeat it.
	Reported []Record

	Session *Session

	// Of a ticket; its id is a secret.
	ID     string
	Ticket *Ticket

	Peak *Peak
	Seat *Seat
}

// LeaseText is the lease of a registration.
func (i *Item) LeaseText() string {
	if i.Lease == "" {
		return i.Key.text()
	}
	return i.Lease
}

// ended is the end of a registration or of a session.
type ended struct {
	stamp
	what Item
}

func (n *ended) item(_ *Engine, _ instant, i *Item) bool {
	*i = n.what
	return true
}

// Mirror makes the engine remember what changes, so that others can keep a copy.
// It is for engines that hold nothing yet.
func (e *Engine) Mirror() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.changes.on = true
	e.changes.log = make([]logged, 0, e.index.Machines())
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
// forgotten by now: only the state helps. A retired engine has not even that. The items
// are where those of a former tail were, which nobody needs any more.
func (e *Engine) Tail(now time.Time, after uint64, limit int, former []Item) (Tail, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.changes.on || !e.changes.follows(after) {
		return Tail{}, false
	}
	list := e.changes.after(after)
	n, most := 0, min(limit, len(list))
	t := Tail{To: e.changes.head, Items: slices.Grow(former[:0], most)[:most]}
	for _, l := range list {
		if l.of.stamped().version != l.version {
			continue
		}
		if n == limit {
			t.More = true
			break
		}
		t.To = l.version
		if l.of.item(e, now, &t.Items[n]) {
			n++
		}
	}
	if t.Items = t.Items[:n]; !t.More {
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

func (h *host) item(e *Engine, now instant, i *Item) bool {
	d := h.seldom()
	*i = Item{
		Kind: ItemHost, Number: h.machine, Machine: e.machine(h).Name, Left: time.Duration(h.expires - e.at(now)), Key: h.key, Lease: d.lease, Callback: h.callback.Value(),
		Capacity: int(h.capacity), Load: int(h.load), AtLoad: d.atLoad, NextReport: d.nextReport, Turn: d.turn, Pass: h.pass, Reported: d.reported,
	}
	return true
}

func (s *session) item(e *Engine, now instant, i *Item) bool {
	copied := s.Session
	*i = Item{Kind: ItemSession, Machine: e.machine(s.host).Name, Left: s.until.Sub(now), Session: &copied}
	return s.settled()
}

func (t *ticket) item(_ *Engine, now instant, i *Item) bool {
	copied := t.Ticket
	*i = Item{Kind: ItemTicket, Left: t.expires.Sub(now), ID: t.id, Ticket: &copied, Spent: t.spent}
	return true
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
