// Package broker is the brokering engine: registrations with their leases,
// sessions, the choice of a machine, assignments, used marks and tickets. It is
// all in memory and decides only: time is a parameter, identifiers are handed
// in, and each change is returned as a record that the caller keeps. The secondary
// broker of a connector and the reference cloud broker run the same engine.
package broker

import (
	"sync"
	"time"

	"understudy/site"
)

// Options say for whom an engine brokers. A zero duration stands for the setting
// of the machine's zone.
type Options struct {
	Broker site.FQDN
	// Zone is the engine's pod (LHC-33); empty serves all zones.
	Zone string
	// HA says that machines cannot be reset after use (LHC-34).
	HA bool

	Interval        time.Duration
	Lifetime        time.Duration // default: twice the interval (LHC-32)
	ReservationLife time.Duration
	TicketLife      time.Duration
}

// Engine brokers. It is safe for concurrent use.
type Engine struct {
	o  Options
	mu sync.Mutex // guards all below

	index *site.Index
	terms map[string]uint64
}

// New returns an engine without registrations (LHC-31).
func New(o Options, index *site.Index) *Engine {
	return &Engine{o: o, index: index, terms: map[string]uint64{}}
}

// SetIndex goes on with another version of the site.
func (e *Engine) SetIndex(index *site.Index) []Record { panic("not yet") }

// Observe raises the zone's term to the highest seen.
func (e *Engine) Observe(zone string, term uint64) {}

// Term returns the zone's term.
func (e *Engine) Term(zone string) uint64 { return 0 }

// Register gives a lease to a machine.
func (e *Engine) Register(now time.Time, lease string, r Registration) (Lease, []Record, error) {
	panic("not yet")
}

// Heartbeat keeps a lease.
func (e *Engine) Heartbeat(now time.Time, lease string, h Heartbeat) (Lease, []Record, error) {
	panic("not yet")
}

// Lookup returns a lease without keeping it alive.
func (e *Engine) Lookup(now time.Time, lease string) (Lease, error) { panic("not yet") }

// Unregister ends a lease.
func (e *Engine) Unregister(now time.Time, lease string) ([]Record, error) { panic("not yet") }

// Report takes a session event.
func (e *Engine) Report(now time.Time, lease string, r Report) ([]Record, []Reset, error) {
	panic("not yet")
}

// Resets returns the pooled machines that still wait for a reset.
func (e *Engine) Resets(now time.Time) []Reset { panic("not yet") }

// Reserve holds a machine for a launch.
func (e *Engine) Reserve(now time.Time, r LaunchRequest) (Reservation, error) { panic("not yet") }

// Probe answers as Reserve would, and holds nothing.
func (e *Engine) Probe(now time.Time, r LaunchRequest) (Reservation, error) { panic("not yet") }

// Commit keeps what was reserved.
func (e *Engine) Commit(now time.Time, r Reservation) []Record { panic("not yet") }

// Release gives up what was reserved, and reports whether nobody else holds it.
func (e *Engine) Release(now time.Time, r Reservation) bool { panic("not yet") }

// Issue makes a ticket good and returns its lifetime.
func (e *Engine) Issue(now time.Time, ticket string, t Ticket) time.Duration { panic("not yet") }

// Redeem spends a ticket.
func (e *Engine) Redeem(now time.Time, ticket string) (Ticket, error) { panic("not yet") }

// Peek answers as Redeem would, and spends nothing.
func (e *Engine) Peek(now time.Time, ticket string) (Ticket, error) { panic("not yet") }

// Resources lists what a user may launch.
func (e *Engine) Resources(user string, groups []string) []Resource { panic("not yet") }

// Expire ends what is over.
func (e *Engine) Expire(now time.Time) []Record { panic("not yet") }

// Apply starts from durable records.
func (e *Engine) Apply(records []Record) { panic("not yet") }

// Registrations lists the registered machines by name.
func (e *Engine) Registrations(now time.Time) []RegistrationInfo { panic("not yet") }

// Sessions lists the sessions by machine and id.
func (e *Engine) Sessions() []SessionInfo { panic("not yet") }

// Stats counts what the engine holds.
func (e *Engine) Stats() Stats { panic("not yet") }
