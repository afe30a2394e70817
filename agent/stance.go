package agent

import (
	"net/http"
	"time"

	"understudy/site"
	"understudy/wire"
	"understudy/zone"
)

// Bounds of relayed requests: Normal waits for the cloud broker, PendingHA
// already doubts it.
const (
	relayNormal  = 10 * time.Second
	relayPending = 2 * time.Second
)

// stance is how requests are answered at the moment: made by the loop, read by
// the handlers, never changed.
type stance struct {
	state    zone.State
	starting bool
	closing  bool
	self     site.FQDN
	elected  site.FQDN
	// source is the elected one, where it serves in our outage: whom to mirror.
	source site.FQDN
	// returned is the term with which this connector closed the latest outage; 0: it
	// closed none since it started.
	returned uint64
	// electedURL and the healthy peer's are client URLs.
	electedURL string
	healthy    site.FQDN
	healthyURL string
	// relaying are the peers through which the cloud broker could be asked.
	relaying []site.FQDN
	outage   string
	term     uint64
	record   zone.Record
	highest  uint64
	// serving is the secondary broker, where this connector is the one that serves.
	serving *serving
	// until is when the election that this stance goes by lapses.
	until    time.Time
	majority bool
	// successor is who is to take over from this connector, if somebody is.
	successor site.FQDN
	draining  bool
	// canServe and health are what this connector says of itself to its peers.
	canServe bool
	health   health
}

// verdict is what happens to one request: exactly one field is set.
type verdict struct {
	relay  time.Duration
	engine *serving
	refuse *wire.Problem
}

// judge decides by state who answers (design 8): the cloud broker, the secondary
// broker, or nobody here.
func (s *stance) judge(now time.Time) verdict {
	switch {
	case s.starting:
		return verdict{refuse: later(wire.CodeStarting, "the connector is starting and has not heard its peers yet")}
	case s.state == zone.Normal:
		return verdict{relay: relayNormal}
	case s.state == zone.PendingHA:
		return verdict{relay: relayPending}
	case s.closing:
		return verdict{refuse: later(wire.CodeHandover, "the office is being handed over")}
	case s.serving == nil:
		return verdict{refuse: s.notElected()}
	case now.After(s.until):
		return verdict{refuse: later(wire.CodeStarting, "the election has not been evaluated lately")}
	}
	return verdict{engine: s.serving}
}

func later(code, detail string) *wire.Problem {
	p := wire.NewProblem(http.StatusServiceUnavailable, code, detail)
	p.RetryAfter = time.Second
	return p
}

// notElected names the one who serves (LHC-22).
func (s *stance) notElected() *wire.Problem {
	if s.elected == s.self {
		return later(wire.CodeStarting, "the secondary broker is taking over")
	}
	if s.elected == "" && s.majority {
		return later(wire.CodeNoQuorum, "no majority of the zone's connectors names one that may serve")
	}
	p := later(wire.CodeNotElected, "no connector of the zone is elected")
	if s.elected != "" {
		p.Detail = "the zone is in HA mode and " + string(s.elected) + " serves"
		p.Elected, p.ElectedURL = s.elected, s.electedURL
	}
	return p
}

// unreachable is the answer when the cloud broker gave none; it names a peer that
// has the cloud broker.
func (s *stance) unreachable(detail string) *wire.Problem {
	p := later(wire.CodeCloudUnreachable, detail)
	p.Elected, p.ElectedURL = s.healthy, s.healthyURL
	return p
}

// heartbeat answers a StoreFront (LHC-06, LHC-22): in every state, by itself, and
// never better than a request would be answered now.
func (s *stance) heartbeat(now time.Time, farm, zoneName string) (wire.FrontHeartbeat, *wire.Problem) {
	v := s.judge(now)
	h := wire.FrontHeartbeat{
		Farm: farm, Zone: zoneName, Connector: s.self, State: s.state, Outage: s.outage,
		Serving: v.engine != nil, Elected: s.elected, ElectedURL: s.electedURL,
	}
	if v.refuse != nil {
		return h, v.refuse
	}
	if s.state == zone.PendingHA && s.healthy != "" {
		return h, s.unreachable("this connector cannot reach the cloud broker, a peer can")
	}
	return h, nil
}
