package broker

import (
	"time"

	"understudy/site"
)

// spentMemory is for how many lifetimes a ticket is remembered after its end, so
// that a second redemption is told apart from an unknown ticket.
const spentMemory = 10

// ticket is an issued one-time ticket.
type ticket struct {
	Ticket
	stamp
	id      string
	expires time.Time
	forget  time.Time
	spent   bool
}

// Issue makes a ticket good for one redemption and returns its lifetime (LHC-30).
func (e *Engine) Issue(now time.Time, id string, t Ticket) time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sweep(now)
	life := e.ticketLife(t.Zone)
	e.issue(now, id, t, life)
	return life
}

func (e *Engine) issue(now time.Time, id string, t Ticket, life time.Duration) *ticket {
	n := &ticket{Ticket: t, id: id, expires: now.Add(life), forget: now.Add(life + e.ticketLife(t.Zone)*spentMemory)}
	e.tickets[id] = n
	e.issued = append(e.issued, n)
	e.touchedTicket(n)
	return n
}

func (e *Engine) touchedTicket(t *ticket) {
	if e.index.Site().STAFailoverMode() == site.Stateful {
		e.changes.note(t)
	}
}

// Redeem spends a ticket.
func (e *Engine) Redeem(now time.Time, id string) (Ticket, error) {
	return e.redeem(now, id, true)
}

// Peek answers as Redeem would, and spends nothing.
func (e *Engine) Peek(now time.Time, id string) (Ticket, error) {
	return e.redeem(now, id, false)
}

func (e *Engine) redeem(now time.Time, id string, spend bool) (Ticket, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sweep(now)
	t, ok := e.tickets[id]
	switch {
	case !ok:
		return Ticket{}, refuse(CodeTicketUnknown, "this broker has issued no such ticket")
	case t.spent:
		return Ticket{}, refuse(CodeTicketUsed, "the ticket has been redeemed already")
	case !now.Before(t.expires):
		return Ticket{}, refuse(CodeTicketUnknown, "the ticket's lifetime is over")
	}
	if spend {
		t.spent = true
		e.touchedTicket(t)
	}
	return t.Ticket, nil
}

// sweepTickets forgets old tickets. Lifetimes differ little, so the order of issue
// is nearly that of their end; one that is out of order goes a little later.
func (e *Engine) sweepTickets(now time.Time) {
	n := 0
	for n < len(e.issued) && !now.Before(e.issued[n].forget) {
		if t := e.issued[n]; e.tickets[t.id] == t {
			delete(e.tickets, t.id)
			e.changes.gone(t, nil)
		}
		e.issued[n] = nil
		n++
	}
	e.issued = e.issued[n:]
}

// Retire forgets everything but the tickets: of an engine whose outage is over
// (LHC-16), and whose tickets gateways may still hold.
func (e *Engine) Retire() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.forget()
	e.changes.tell()
	e.changes = changes{}
	for _, t := range e.counts.all() {
		t.now = 0 // the peaks stay: who records them may not have come yet
	}
}
