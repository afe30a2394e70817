// Package console is the admin API: what operators and their commands ask one
// connector. It decides nothing; each answer comes from a function that the agent
// hands in. It is served on loopback or on a Unix socket.
package console

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"understudy/events"
	"understudy/wire"
)

// DefaultPoll is how often a followed list of events looks for new ones.
const DefaultPoll = 200 * time.Millisecond

// Options are the answers that the API gives. A server that serves it ends open
// follows by ending its BaseContext.
type Options struct {
	Status        func() wire.Status
	Events        func(context.Context, Query) ([]events.Entry, error)
	Peers         func() wire.List[wire.PeerStatus]
	Snapshots     func() wire.List[wire.SnapshotStatus]
	Registrations func() wire.List[wire.RegistrationStatus]
	Sessions      func() wire.List[wire.SessionStatus]
	// Groups are the delivery groups of the site with their machines in the zone.
	Groups func() wire.GroupList
	// SessionPeaks are the most sessions at a time, of the latest days.
	SessionPeaks func(ctx context.Context, days int) (wire.List[wire.SessionPeak], error)
	// Journal is a page of the durable records after a sequence.
	Journal func(ctx context.Context, after uint64, limit int) (wire.JournalPage, error)
	// Outage carries out an operator's order; what it returns as *wire.Problem is
	// answered as such.
	Outage func(context.Context, wire.OutageOrder) (wire.OutageAnswer, error)
	// Election carries out an order about this connector's part in the election; what
	// it returns as *wire.Problem is answered as such.
	Election func(context.Context, wire.ElectionOrder) (wire.ElectionAnswer, error)
	// SnapshotDiff says what a version changes, SnapshotOrder carries out an order about
	// snapshots; what they return as *wire.Problem is answered as such.
	SnapshotDiff  func(context.Context) (wire.SnapshotDiff, error)
	SnapshotOrder func(context.Context, wire.SnapshotOrder) (wire.SnapshotAnswer, error)
	// Token must come with every request over TCP; none is asked on a Unix socket.
	// Empty means that nobody gets in over TCP.
	Token string
	Poll  time.Duration
}

func (o Options) validate() error {
	for _, part := range []struct {
		name    string
		missing bool
	}{
		{"Status", o.Status == nil},
		{"Events", o.Events == nil},
		{"Peers", o.Peers == nil},
		{"Snapshots", o.Snapshots == nil},
		{"Registrations", o.Registrations == nil},
		{"Sessions", o.Sessions == nil},
		{"Groups", o.Groups == nil},
		{"SessionPeaks", o.SessionPeaks == nil},
		{"Journal", o.Journal == nil},
		{"Outage", o.Outage == nil},
		{"Election", o.Election == nil},
		{"SnapshotDiff", o.SnapshotDiff == nil},
		{"SnapshotOrder", o.SnapshotOrder == nil},
	} {
		if part.missing {
			return errors.New("console: " + part.name + " is missing")
		}
	}
	return nil
}

// Console serves the admin API.
type Console struct{ o Options }

// New returns a Console.
func New(o Options) (*Console, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.Poll == 0 {
		o.Poll = DefaultPoll
	}
	return &Console{o: o}, nil
}

// Routes adds the API to a router.
func (c *Console) Routes(r chi.Router) {
	r.Route("/admin/v1", func(r chi.Router) {
		r.Use(c.authorize)
		r.NotFound(notFound)
		r.MethodNotAllowed(notAllowed)
		r.Get("/status", get(c.o.Status))
		r.Get("/peers", get(c.o.Peers))
		r.Get("/snapshots", get(c.o.Snapshots))
		r.Get("/snapshots/diff", find(c.o.SnapshotDiff))
		r.Post("/snapshots", obey(c.o.SnapshotOrder))
		r.Get("/registrations", get(c.o.Registrations))
		r.Get("/sessions", get(c.o.Sessions))
		r.Get("/groups", get(c.o.Groups))
		r.Get("/sessions/peaks", c.peaks)
		r.Get("/events", c.events)
		r.Get("/journal", c.journal)
		r.Post("/outage", obey(c.o.Outage))
		r.Post("/election", obey(c.o.Election))
	})
}

func get[T any](answer func() T) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { wire.WriteJSON(w, http.StatusOK, answer()) }
}

// find answers what may be refused.
func find[T any](answer func(context.Context) (T, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		found, err := answer(r.Context())
		if err != nil {
			wire.WriteError(w, err)
			return
		}
		wire.WriteJSON(w, http.StatusOK, found)
	}
}

// obey reads an order and has it carried out.
func obey[O, A any](carryOut func(context.Context, O) (A, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var order O
		if err := wire.Read(w, r, wire.MaxBody, wire.Refuse, &order); err != nil {
			wire.WriteError(w, err)
			return
		}
		answer, err := carryOut(r.Context(), order)
		if err != nil {
			wire.WriteError(w, err)
			return
		}
		wire.WriteJSON(w, http.StatusOK, answer)
	}
}

func notFound(w http.ResponseWriter, r *http.Request) {
	wire.WriteError(w, wire.Problemf(http.StatusNotFound, wire.CodeNotFound, "there is no %s", r.URL.Path))
}

func notAllowed(w http.ResponseWriter, r *http.Request) {
	wire.WriteError(w, wire.Problemf(http.StatusMethodNotAllowed, wire.CodeMethod, "%s does not take %s", r.URL.Path, r.Method))
}
