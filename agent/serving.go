package agent

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"

	"understudy/broker"
	"understudy/peer"
	"understudy/site"
	"understudy/storefront"
	"understudy/vda"
	"understudy/wire"
)

// serving is the secondary broker during one outage: the engine and the same
// handlers that the cloud broker has over its own.
type serving struct {
	outage   string
	engine   *broker.Engine
	index    *site.Index
	handler  http.Handler
	inFlight atomic.Int64
	// publication is what peers mirror; oneDisk says that none had a launch in time,
	// and that this was told.
	publication *peer.Publication
	oneDisk     atomic.Bool
	uses        []poolUse // of the loop
}

// drained reports whether nothing is in flight.
func (s *serving) drained() bool { return s == nil || s.inFlight.Load() == 0 }

// newServing puts the handlers over an engine: one that starts from the snapshot and
// every durable record that it does not contain (design 7), or from what was mirrored.
func (a *Agent) newServing(outage string, engine *broker.Engine, index *site.Index) (*serving, error) {
	a.peaks.recall(engine)
	made := &serving{outage: outage, engine: engine, index: index, publication: a.newPublication(outage, engine)}
	caller := vda.Caller{Client: a.callbacks}
	desks, err := a.newDesks(engine, doubled{a.journal, a.settled(made)})
	if err != nil {
		return nil, err
	}
	fronts, err := storefront.New(storefront.Options{
		Engine: engine, Caller: caller, Recorder: a.journal, Rand: a.o.Env.Rand("tickets"), Authority: a.authority, Zone: a.o.Zone,
		Settle: a.settled(made),
	})
	if err != nil {
		return nil, err
	}
	router := chi.NewRouter()
	desks.Routes(router)
	fronts.Routes(router)
	made.handler = router
	return made, nil
}

// newDesks makes the registration API over an engine. Who registers is checked as
// vouched does it.
func (a *Agent) newDesks(engine *broker.Engine, recorder vda.Recorder) (*vda.API, error) {
	return vda.New(vda.Options{
		Engine: engine, Recorder: recorder, Rand: a.o.Env.Rand("leases"),
		Connectors:    func(string) []string { return a.connectorURLs() },
		OnTerm:        func(_ string, term uint64) { a.sawTerm(term) },
		CheckCallback: a.checkRegistration, OnRefused: a.refusedRegistration,
	})
}

// connectorURLs are the client URLs of the zone's connectors, for leases.
func (a *Agent) connectorURLs() []string {
	var urls []string
	for _, c := range a.list.Load().Connectors {
		urls = append(urls, c.ClientURL)
	}
	return urls
}

// serve answers a request by the stance: relayed, by the secondary broker, or
// refused at once.
func (a *Agent) serve(w http.ResponseWriter, r *http.Request, relayed http.Handler) {
	v := a.stance.Load().judge(time.Now())
	switch {
	case v.refuse != nil:
		wire.WriteError(w, v.refuse)
	case v.engine != nil:
		a.broker(w, r, v.engine)
	default:
		relayed.ServeHTTP(w, r)
	}
}

// broker counts the request in before it looks again, so that a hand-over that
// has begun meanwhile either sees it or stops it.
func (a *Agent) broker(w http.ResponseWriter, r *http.Request, s *serving) {
	s.inFlight.Add(1)
	defer s.inFlight.Add(-1)
	if v := a.stance.Load().judge(time.Now()); v.engine != s {
		refuse := v.refuse
		if refuse == nil {
			refuse = later(wire.CodeHandover, "the zone has just changed who serves")
		}
		wire.WriteError(w, refuse)
		return
	}
	s.handler.ServeHTTP(w, r)
}
