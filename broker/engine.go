// Package broker is the brokering engine: registrations with their leases,
// sessions, the choice of a machine, assignments, used marks and tickets. It is
// all in memory and decides only: time is a parameter, identifiers are handed
// in, and each change is returned as a record that the caller keeps. The secondary
// broker of a connector and the reference cloud broker run the same engine.
package broker

import (
	"sync"
	"time"
	"unique"

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
	terms map[string]uint64 // by zone

	// zero is the moment that moments count from.
	zero time.Time

	hosts   hosts
	byLease byLease
	latest  callback // that was made
	pools   []*pool
	poolOf  map[poolKey]int32
	leases  *queue[hostNo] // by when to look whether they have ended
	asides  *queue[hostNo] // by the end of their time
	unclean map[*host]bool

	counts   counts
	seats    map[seatKey]*seat
	byUser   map[string]map[*session]bool
	reserved *queue[*session] // by end

	// used and owners are known of machines that are not registered, too.
	used   map[site.FQDN]bool
	owners map[site.FQDN]owner
	owned  map[string]map[site.FQDN]bool // by user

	tickets map[string]*ticket
	issued  []*ticket // in the order of their end

	changes changes
	// early are sessions of an import whose hosts have not come yet.
	early map[site.FQDN]map[string]early

	turns, claims uint64
	taken         map[string]int // pooled desktops that launches used up, by group
	pending       []Record       // of what ended by itself, for Expire
}

// New returns an engine without registrations (LHC-31).
func New(o Options, index *site.Index) *Engine {
	e := &Engine{
		o:     o,
		index: index,
		terms: map[string]uint64{},

		latest: unique.Make(Around{}),

		taken:   map[string]int{},
		counts:  newCounts(),
		tickets: map[string]*ticket{},
	}
	e.forget()
	return e
}

// forget leaves the engine with no host, and nothing that came of one.
func (e *Engine) forget() {
	e.hosts = hosts{ofMachine: make([]hostNo, e.index.Machines())}
	e.byLease = newByLease(func(n hostNo) *LeaseKey { return &e.hosts.at(n).key })
	e.pools, e.poolOf = nil, map[poolKey]int32{}
	e.leases = &queue[hostNo]{
		less:  func(a, b hostNo) bool { return e.hosts.at(a).checked < e.hosts.at(b).checked },
		place: func(n hostNo) *int32 { return &e.hosts.at(n).due },
	}
	e.asides = &queue[hostNo]{
		less:  func(a, b hostNo) bool { return e.hosts.at(a).aside().until.Before(e.hosts.at(b).aside().until) },
		place: func(n hostNo) *int32 { return &e.hosts.at(n).own().aside.slot },
	}
	e.unclean = map[*host]bool{}

	e.seats = map[seatKey]*seat{}
	e.byUser = map[string]map[*session]bool{}
	e.reserved = &queue[*session]{
		less:  func(a, b *session) bool { return a.until.Before(b.until) },
		place: func(s *session) *int32 { return &s.slot },
	}

	e.used = map[site.FQDN]bool{}
	e.owners = map[site.FQDN]owner{}
	e.owned = map[string]map[site.FQDN]bool{}
	e.early = map[site.FQDN]map[string]early{}
	e.pending = nil
}

// Observe raises the zone's term to the highest seen, and returns it.
func (e *Engine) Observe(zone string, term uint64) uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.observe(zone, term)
	return e.terms[zone]
}

// TermLeap bounds how far one word can raise a term. What is further is a fault;
// followed, it would use up the numbers, and each host and disk would keep it.
const TermLeap = 1 << 32

func (e *Engine) observe(zone string, term uint64) {
	if was := e.terms[zone]; term > was && term-was <= TermLeap {
		e.terms[zone] = term
	}
}

// Term returns the zone's term.
func (e *Engine) Term(zone string) uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.terms[zone]
}

// Expire ends the leases, reservations and tickets whose time is over, and
// returns a record of everything that ended by itself since the last call.
func (e *Engine) Expire(now time.Time) []Record {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sweep(now)
	records := e.pending
	e.pending = nil
	return records
}

// sweep makes the engine as of now. Every operation begins with it, so that no
// answer depends on when Expire last ran.
func (e *Engine) sweep(now time.Time) {
	e.sweepLeases(now)
	for {
		s, ok := e.reserved.first()
		if !ok || now.Before(s.until) {
			break
		}
		e.end(s)
		e.place(s.host)
		e.pending = append(e.pending, e.recordOf(s, Withdrawn))
	}
	e.sweepAsides(now)
	e.sweepTickets(now)
}

// Apply starts from durable records, oldest first: who owns what, and which
// desktops were used. Registrations and sessions come from the machines.
func (e *Engine) Apply(records []Record) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range records {
		switch r.Kind {
		case UsedMark:
			e.setUsed(r.Machine, r.Used)
		case Assignment:
			e.applyAssignment(r)
		case Launched, LoggedOff, Registered, Dropped, Withdrawn, Conflicting:
		}
		if h := e.host(r.Machine); h != nil {
			e.place(h)
		}
	}
}

func (e *Engine) applyAssignment(r Record) {
	if m, ok := e.index.Machine(r.Machine); ok && m.AssignedUser == "" {
		e.own(r.Machine, r.User, r.Session)
	}
}

func (e *Engine) interval(zone string) time.Duration {
	return orElse(e.o.Interval, e.index.Settings(zone).VDAInterval)
}

func (e *Engine) lifetime(zone string) time.Duration {
	return orElse(e.o.Lifetime, site.Duration(2*e.interval(zone)))
}

func (e *Engine) reservationLife(zone string) time.Duration {
	return orElse(e.o.ReservationLife, e.index.Settings(zone).ReservationLife)
}

func (e *Engine) ticketLife(zone string) time.Duration {
	return orElse(e.o.TicketLife, e.index.Settings(zone).TicketLife)
}

func orElse(d time.Duration, fallback site.Duration) time.Duration {
	if d == 0 {
		return fallback.D()
	}
	return d
}
