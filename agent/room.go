package agent

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"

	"understudy/broker"
	"understudy/site"
	"understudy/vda"
	"understudy/wire"
	"understudy/zone"
)

// Bounds of the resets that a room asks for.
const (
	roomResets    = 16
	roomResetTime = 3 * time.Second
)

// room is where our desktops register in Normal in a zone whose controllers are not
// ours. It brokers nothing: it keeps them ready for an outage, in which who serves calls
// them in, and has those reset that an outage used.
type room struct {
	a   *Agent
	due func() <-chan struct{} // the next round

	mu      sync.Mutex // guards what follows
	engine  *broker.Engine
	routes  http.Handler
	version site.Version // of the site in it
}

func (a *Agent) newRoom() *room { return &room{a: a, due: a.chores.add()} }

// ServeHTTP answers the registration API over the snapshot in use.
func (m *room) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	routes, err := m.ready()
	if err != nil {
		wire.WriteError(w, err)
		return
	}
	routes.ServeHTTP(w, r)
}

// ready brings the room level with the snapshot and the zone's term.
func (m *room) ready() (http.Handler, error) {
	snapshot, ok := m.a.snapshots.Current()
	if !ok {
		return nil, later(wire.CodeStarting, "this connector does not know its zone's machines yet")
	}
	defer snapshot.Release()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.engine == nil {
		if err := m.open(snapshot.Index); err != nil {
			return nil, err
		}
	} else if m.version != snapshot.Version {
		m.engine.SetIndex(snapshot.Index)
	}
	m.version = snapshot.Version
	m.engine.Observe(m.a.o.Zone, m.a.stance.Load().term)
	return m.routes, nil
}

// open makes the engine. Who registers was checked before it was relayed.
func (m *room) open(index *site.Index) error {
	engine := broker.New(broker.Options{Broker: m.a.o.FQDN, Zone: m.a.o.Zone}, index)
	desks, err := vda.New(vda.Options{
		Engine: engine, Recorder: unrecorded{}, Rand: m.a.o.Env.Rand("waiting"), Connectors: func(string) []string { return m.a.connectorURLs() },
		OnTerm: func(_ string, term uint64) { m.a.sawTerm(term) }, OnRefused: m.a.refusedRegistration, Authorize: vda.VouchedFor,
	})
	if err != nil {
		return err
	}
	r := newRouter()
	r.Route("/vda/v1/registrations", func(r chi.Router) {
		r.Post("/", desks.Register)
		r.Get("/{lease}", desks.Lookup)
		r.Put("/{lease}", desks.Heartbeat)
		r.Delete("/{lease}", desks.Unregister)
		r.Post("/{lease}/sessions", desks.Report)
	})
	m.engine, m.routes = engine, r
	return nil
}

// unrecorded keeps no records: what happens in Normal is the controllers' to know.
type unrecorded struct{}

// Record drops them.
func (unrecorded) Record(context.Context, []broker.Record) error { return nil }

// run ends leases that lapsed, and has used desktops reset, in Normal.
func (m *room) run(ctx context.Context) {
	for m.a.o.Env.Gate(ctx) == nil {
		due := m.due()
		m.round(ctx, time.Now())
		select {
		case <-ctx.Done():
			return
		case <-due:
		}
	}
}

func (m *room) round(ctx context.Context, now time.Time) {
	m.mu.Lock()
	engine := m.engine
	m.mu.Unlock()
	if s := m.a.stance.Load(); engine == nil || s.starting || s.state != zone.Normal {
		return
	}
	engine.Expire(now)
	var asking sync.WaitGroup
	defer asking.Wait()
	slots := make(chan struct{}, roomResets)
	for _, reset := range engine.Resets(now) {
		slots <- struct{}{}
		asking.Go(func() { defer func() { <-slots }(); m.reset(ctx, reset) })
	}
}

// reset asks a desktop to reset itself. One that does not is asked again.
func (m *room) reset(ctx context.Context, r broker.Reset) {
	ctx, cancel := context.WithTimeout(ctx, roomResetTime)
	defer cancel()
	answer, err := vda.Caller{Client: m.a.callbacks}.Call(ctx, vda.ResetCall(r))
	if err != nil || answer.Status/100 != 2 {
		m.a.o.Logger.WithField("machine", string(r.Machine)).Warn("the desktop did not reset; it will be asked again")
	}
}
