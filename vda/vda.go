// Package vda is the registration API that desktop hosts use: chi handlers over
// the broker's engine, the checks of who may register what, and the caller that
// asks a host to prepare, end or reset. The connector serves it in HA mode, the
// reference cloud broker always.
package vda

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"understudy/broker"
	"understudy/env"
	"understudy/site"
	"understudy/wire"
)

// Recorder makes records durable before an answer goes out.
type Recorder interface {
	Record(ctx context.Context, records []broker.Record) error
}

// Options say over which engine the API works and what its answers set off.
type Options struct {
	Engine   *broker.Engine
	Recorder Recorder
	// Rand names leases; they are secrets.
	Rand io.Reader
	// Connectors are the client URLs that leases of a zone name.
	Connectors func(zone string) []string
	// OnTerm hears of every term that a host or a relaying connector names.
	OnTerm func(zone string, term uint64)
	// Authorize says whether a registration, or the use of a lease, may speak for the
	// machine; nil lets everybody.
	Authorize func(r *http.Request, machine site.FQDN) error
	// CheckCallback says whether the machine may be called there; nil allows all.
	CheckCallback func(r *http.Request, registration wire.Registration) error
	// OnReset hears of desktops to reset after the report is on disk. It must not
	// block.
	OnReset func(ctx context.Context, reset broker.Reset)
	// OnRefused hears of registrations that were refused, and why.
	OnRefused func(machine site.FQDN, reason string)
	// OnRegistered hears of registrations before they are answered. It must not block,
	// and what it keeps of the body it copies.
	OnRegistered func(said wire.Registration, lease broker.Lease)
	// TrustRelay takes the zone's term from relayed requests: for the cloud broker.
	TrustRelay bool
}

func (o Options) validate() error {
	switch {
	case o.Engine == nil:
		return errors.New("vda: Engine is missing")
	case o.Recorder == nil:
		return errors.New("vda: Recorder is missing")
	case o.Rand == nil:
		return errors.New("vda: Rand is missing")
	}
	return nil
}

func (o Options) withDefaults() Options {
	if o.Connectors == nil {
		o.Connectors = func(string) []string { return nil }
	}
	if o.OnTerm == nil {
		o.OnTerm = func(string, uint64) {}
	}
	if o.Authorize == nil {
		o.Authorize = func(*http.Request, site.FQDN) error { return nil }
	}
	if o.CheckCallback == nil {
		o.CheckCallback = func(*http.Request, wire.Registration) error { return nil }
	}
	if o.OnReset == nil {
		o.OnReset = func(context.Context, broker.Reset) {}
	}
	if o.OnRefused == nil {
		o.OnRefused = func(site.FQDN, string) {}
	}
	if o.OnRegistered == nil {
		o.OnRegistered = func(wire.Registration, broker.Lease) {}
	}
	return o
}

// API serves the registration API.
type API struct {
	o    Options
	owed owed
}

// New returns the API.
func New(o Options) (*API, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	return &API{o: o.withDefaults()}, nil
}

// Routes adds the paths of the API.
func (a *API) Routes(r chi.Router) {
	r.Post("/vda/v1/registrations", a.Register)
	r.Get("/vda/v1/registrations/{lease}", a.Lookup)
	r.Put("/vda/v1/registrations/{lease}", a.Heartbeat)
	r.Delete("/vda/v1/registrations/{lease}", a.Unregister)
	r.Post("/vda/v1/registrations/{lease}/sessions", a.Report)
}

// Register gives a machine a lease.
func (a *API) Register(w http.ResponseWriter, r *http.Request) { answer(w, a.register(w, r)) }

// Lookup answers a health probe: it reads, and changes nothing.
func (a *API) Lookup(w http.ResponseWriter, r *http.Request) { answer(w, a.lookup(w, r)) }

// Heartbeat keeps the lease in the path.
func (a *API) Heartbeat(w http.ResponseWriter, r *http.Request) { answer(w, a.heartbeat(w, r)) }

// Unregister ends the lease in the path.
func (a *API) Unregister(w http.ResponseWriter, r *http.Request) { answer(w, a.unregister(w, r)) }

// Report takes what happened to a session of the machine with the lease in the path.
func (a *API) Report(w http.ResponseWriter, r *http.Request) { answer(w, a.report(w, r)) }

// answer says why a request failed, if it did.
func answer(w http.ResponseWriter, err error) {
	if err != nil {
		wire.WriteError(w, problem(err))
	}
}

func problem(err error) error {
	refusal, ok := errors.AsType[*broker.Refusal](err)
	if !ok {
		return err
	}
	p := wire.NewProblem(refusal.Status(), refusal.Code, refusal.Detail)
	p.Zones = refusal.Zones
	return p
}

func (a *API) register(w http.ResponseWriter, r *http.Request) error {
	var body wire.Registration
	if err := wire.Read(w, r, wire.MaxRegistration, wire.Ignore, &body); err != nil {
		return err
	}
	lease, records, err := a.admit(r, body)
	if err != nil {
		a.o.OnRefused(body.Machine, err.Error())
		return err
	}
	a.o.OnRegistered(body, lease)
	return a.granted(w, r, grant{http.StatusCreated, lease, body.Term, records})
}

// admit lets a machine in, or says why not.
func (a *API) admit(r *http.Request, body wire.Registration) (broker.Lease, []broker.Record, error) {
	if err := a.o.Authorize(r, body.Machine); err != nil {
		return broker.Lease{}, nil, err
	}
	if err := a.o.CheckCallback(r, body); err != nil {
		return broker.Lease{}, nil, err
	}
	return a.o.Engine.Register(time.Now(), env.Token(a.o.Rand), registration(body))
}

func (a *API) heartbeat(w http.ResponseWriter, r *http.Request) error {
	held, err := a.holder(r)
	if err != nil {
		return err
	}
	var body wire.Heartbeat
	if err := wire.Read(w, r, wire.MaxRegistration, wire.Ignore, &body); err != nil {
		return err
	}
	lease, records, err := a.o.Engine.Heartbeat(time.Now(), held.ID, heartbeat(body))
	if err != nil {
		return err
	}
	return a.granted(w, r, grant{http.StatusOK, lease, body.Term, records})
}

// grant is a lease to be answered, once its records are on disk.
type grant struct {
	status  int
	lease   broker.Lease
	said    uint64 // the host's highest term
	records []broker.Record
}

func (a *API) granted(w http.ResponseWriter, r *http.Request, g grant) error {
	if err := a.record(r.Context(), g.records); err != nil {
		return err
	}
	g.lease.Term = a.learn(r, g.lease, g.said)
	wire.WriteJSON(w, g.status, a.wireLease(g.lease))
	return nil
}

// learn passes on the highest term that the request names, and returns the zone's. What
// the lease has is known to the engine.
func (a *API) learn(r *http.Request, lease broker.Lease, said uint64) uint64 {
	if a.o.TrustRelay && r.Header.Get(wire.HeaderZone) == lease.Zone {
		if term, err := strconv.ParseUint(r.Header.Get(wire.HeaderTerm), 10, 64); err == nil {
			said = max(said, term)
		}
	}
	a.o.OnTerm(lease.Zone, said)
	if said <= lease.Term {
		return lease.Term
	}
	return max(lease.Term, a.o.Engine.Observe(lease.Zone, said))
}

func (a *API) lookup(w http.ResponseWriter, r *http.Request) error {
	lease, err := a.holder(r)
	if err == nil {
		wire.WriteJSON(w, http.StatusOK, a.wireLease(lease))
	}
	return err
}

func (a *API) unregister(w http.ResponseWriter, r *http.Request) error {
	held, err := a.holder(r)
	if err != nil {
		return err
	}
	records, err := a.o.Engine.Unregister(time.Now(), held.ID)
	if err != nil {
		return err
	}
	if err := a.record(r.Context(), records); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) report(w http.ResponseWriter, r *http.Request) error {
	held, err := a.holder(r)
	if err != nil {
		return err
	}
	var body wire.SessionReport
	if err := wire.Read(w, r, wire.MaxRegistration, wire.Ignore, &body); err != nil {
		return err
	}
	records, resets, err := a.o.Engine.Report(time.Now(), held.ID, report(body))
	if err != nil {
		return err
	}
	if err := a.record(r.Context(), records); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	for _, reset := range resets {
		a.o.OnReset(context.WithoutCancel(r.Context()), reset)
	}
	return nil
}

// holder returns the lease in the path, if the request may speak for its machine.
func (a *API) holder(r *http.Request) (broker.Lease, error) {
	lease, err := a.o.Engine.Lookup(time.Now(), chi.URLParam(r, "lease"))
	if err == nil {
		err = a.o.Authorize(r, lease.Machine)
	}
	return lease, err
}

// record makes records durable, with those that could not be made so before.
func (a *API) record(ctx context.Context, records []broker.Record) error {
	due := records
	if owed := a.owed.take(); len(owed) > 0 {
		due = append(owed, records...)
	}
	if len(due) == 0 {
		return nil
	}
	if err := a.o.Recorder.Record(ctx, due); err != nil {
		a.owed.add(due)
		if _, told := errors.AsType[*wire.Problem](err); told { // a full journal is no failed disk
			return err
		}
		p := wire.NewProblem(http.StatusServiceUnavailable, wire.CodeDisk, "the broker cannot write its journal")
		p.RetryAfter = time.Second
		return errors.Join(p, err)
	}
	return nil
}
