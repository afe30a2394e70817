package agent

import (
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sys/cpu"

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
	desks    *vda.API
	fronts   *storefront.Handlers
	_        cpu.CacheLinePad
	inFlight atomic.Int64
	_        cpu.CacheLinePad
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
	var err error
	if made.desks, err = a.newDesks(engine, doubled{a.journal, a.settled(made)}); err != nil {
		return nil, err
	}
	made.fronts, err = storefront.New(storefront.Options{
		Engine: engine, Caller: caller, Recorder: a.journal, Rand: a.o.Env.Rand("tickets"), Authority: a.authority, Zone: a.o.Zone,
		Settle: a.settled(made), Files: a.o.Files, Now: a.o.Env.Now, XML: a.o.XML,
	})
	return made, err
}

// newDesks makes the registration API over an engine. Who registers is checked as
// vouched does it, and who uses a lease likewise.
func (a *Agent) newDesks(engine *broker.Engine, recorder vda.Recorder) (*vda.API, error) {
	return vda.New(vda.Options{
		Engine: engine, Recorder: recorder, Rand: a.o.Env.Rand("leases"),
		Connectors: func(string) []string { return a.connectorURLs() },
		OnTerm:     func(_ string, term uint64) { a.sawTerm(term) },
		Authorize:  a.speaksFor, CheckCallback: a.checkCallback, OnRefused: a.refusedRegistration, OnRegistered: a.servedDesktop,
	})
}

// clientURLs are those of a list of connectors.
type clientURLs struct {
	of   *wire.ConnectorList
	urls []string
}

// connectorURLs are the client URLs of the zone's connectors, for leases; made once for
// each list, so they must not be changed.
func (a *Agent) connectorURLs() []string {
	list := a.list.Load()
	if made := a.urls.Load(); made != nil && made.of == list {
		return made.urls
	}
	urls := make([]string, 0, len(list.Connectors))
	for _, c := range list.Connectors {
		urls = append(urls, c.ClientURL)
	}
	a.urls.Store(&clientURLs{list, urls})
	return urls
}

// brokered is how the secondary broker answers a kind of request.
type brokered func(*serving, http.ResponseWriter, *http.Request)

func registers(s *serving, w http.ResponseWriter, r *http.Request)   { s.desks.Register(w, r) }
func looksUp(s *serving, w http.ResponseWriter, r *http.Request)     { s.desks.Lookup(w, r) }
func beats(s *serving, w http.ResponseWriter, r *http.Request)       { s.desks.Heartbeat(w, r) }
func unregisters(s *serving, w http.ResponseWriter, r *http.Request) { s.desks.Unregister(w, r) }
func reports(s *serving, w http.ResponseWriter, r *http.Request)     { s.desks.Report(w, r) }
func enumerates(s *serving, w http.ResponseWriter, r *http.Request)  { s.fronts.Resources(w, r) }
func launches(s *serving, w http.ResponseWriter, r *http.Request)    { s.fronts.Launch(w, r) }
func redeems(s *serving, w http.ResponseWriter, r *http.Request)     { s.fronts.Redeem(w, r) }
func asksXML(s *serving, w http.ResponseWriter, r *http.Request)     { s.fronts.XMLService(w, r) }
func asksSTA(s *serving, w http.ResponseWriter, r *http.Request)     { s.fronts.STA(w, r) }

// answer answers requests by the stance: relayed, by the secondary broker, or refused
// at once.
func (a *Agent) answer(relayed http.Handler, own brokered) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		judged := a.stance.Load()
		v := judged.judge(time.Now())
		switch {
		case v.refuse != nil:
			wire.WriteError(w, v.refuse)
		case v.engine != nil:
			a.broker(w, r, judged, own)
		default:
			relayed.ServeHTTP(w, r)
		}
	}
}

// broker counts the request in before it looks again, so that a hand-over that
// has begun meanwhile either sees it or stops it.
func (a *Agent) broker(w http.ResponseWriter, r *http.Request, judged *stance, own brokered) {
	s := judged.serving
	s.inFlight.Add(1)
	defer s.inFlight.Add(-1)
	if now := a.stance.Load(); now != judged {
		if v := now.judge(time.Now()); v.engine != s {
			refuse := v.refuse
			if refuse == nil {
				refuse = later(wire.CodeHandover, "the zone has just changed who serves")
			}
			wire.WriteError(w, refuse)
			return
		}
	}
	own(s, w, r)
}
