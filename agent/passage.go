package agent

import (
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/go-chi/chi/v5"
	"github.com/sirupsen/logrus"

	"understudy/cloud"
	"understudy/events"
	"understudy/relay"
	"understudy/site"
	"understudy/storefront"
	"understudy/wire"
)

// passPath is before the paths of the cloud contract that a peer asks us for.
const passPath = "/peer/v1/relay"

// passages are the cloud broker as it is asked through each peer.
type passages struct {
	mu sync.Mutex // guards to
	to map[site.FQDN]passage
}

type passage struct {
	url    string
	client *cloud.Client
}

// through returns the cloud broker as it is asked through a peer; nil where that is
// none any more.
func (a *Agent) through(peer site.FQDN) *cloud.Client {
	url, secure, known := a.mesh.Way(peer)
	if !known {
		return nil
	}
	a.passages.mu.Lock()
	defer a.passages.mu.Unlock()
	if p, ok := a.passages.to[peer]; ok && p.url == url {
		return p.client
	}
	client, err := cloud.New(cloud.Options{
		Env: a.o.Env, URL: url + passPath, Site: a.o.Site, Connector: a.o.FQDN, Zone: a.o.Zone, TLS: secure, Timeout: a.o.Cloud.Timeout, Via: peer,
	})
	if err != nil {
		a.o.Logger.WithError(err).WithField("peer", string(peer)).Error("requests cannot go through the peer")
		return nil
	}
	if old, ok := a.passages.to[peer]; ok {
		old.client.Close()
	}
	a.passages.to[peer] = passage{url, client}
	return client
}

// close drops the idle connections to peers.
func (p *passages) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range p.to {
		one.client.Close()
	}
}

// cloudNow is the cloud broker as it is reached now, for syncs and the hand-back.
func (a *Agent) cloudNow() *cloud.Client {
	if via := a.relay.Via(); via != "" {
		if c := a.through(via); c != nil {
			return c
		}
	}
	return a.cloud
}

// throughPeer is through, as the relay wants it.
func (a *Agent) throughPeer(peer site.FQDN) relay.Cloud {
	if c := a.through(peer); c != nil {
		return c
	}
	return nil
}

// relayingPeers are those that say that they reach the cloud broker directly and pass
// on. Each connector begins with the one after itself, so that not all go through one.
func (a *Agent) relayingPeers() []site.FQDN { return a.stance.Load().relaying }

func relaying(self site.FQDN, peers []peerWord) []site.FQDN {
	var before, after []site.FQDN
	for _, p := range peers {
		switch {
		case !p.heard || p.differs || !p.facts.Relays || p.facts.Via != "" || p.facts.Starting || p.facts.Leaving:
		case p.fqdn < self:
			before = append(before, p.fqdn)
		default:
			after = append(after, p.fqdn)
		}
	}
	return slices.Concat(after, before)
}

// onRoute tells through whom requests go.
func (a *Agent) onRoute(from, to site.FQDN, reason string) {
	fields := logrus.Fields{"from": string(from), "via": string(to)}
	if to == "" {
		a.log.raise(events.PeerRelayEnded, "requests go directly to the cloud broker, no longer through "+string(from)+": "+reason, fields)
	} else {
		a.log.raise(events.PeerRelayStarted, "requests go through "+string(to)+": "+reason, fields)
	}
	a.wake()
}

// passRoutes are what a peer may ask the cloud broker through this connector: the
// paths of the cloud contract that connectors use, for this site, and no other.
func (a *Agent) passRoutes(r chi.Router) {
	r.Get("/cloud/v1/health", a.passOn(wire.Passed{}))
	r.Get("/cloud/v1/sites/{site}/configuration", a.passOn(wire.Passed{Stream: true}))
	r.Post("/cloud/v1/sites/{site}/records", a.passOn(wire.Passed{}))
	r.Post("/cloud/v1/sites/{site}/connectors/{fqdn}/calls", a.passOn(wire.Passed{Calls: true}))
	r.Post("/storefront/v1/resources", a.passOn(wire.Passed{}))
	r.Post("/storefront/v1/sessions", a.passOn(wire.Passed{}))
	r.Post("/storefront/v1/tickets/redeem", a.passOn(wire.Passed{}))
	r.Post(storefront.XMLPath, a.passOn(wire.Passed{}))
	r.Post(storefront.STAPath, a.passOn(wire.Passed{}))
	r.Post("/vda/v1/registrations", a.passOn(wire.Passed{}))
	r.Get("/vda/v1/registrations/{lease}", a.passOn(wire.Passed{}))
	r.Put("/vda/v1/registrations/{lease}", a.passOn(wire.Passed{}))
	r.Delete("/vda/v1/registrations/{lease}", a.passOn(wire.Passed{}))
	r.Post("/vda/v1/registrations/{lease}/sessions", a.passOn(wire.Passed{}))
}

// passOn passes a peer's request on to the same path of the cloud broker.
func (a *Agent) passOn(p wire.Passed) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p := p
		p.Peer, p.Method = site.Canonical(r.Header.Get(wire.HeaderConnector)), r.Method
		if err := a.mayPass(r, p.Peer); err != nil {
			wire.WriteError(w, err)
			return
		}
		p.Target = strings.TrimPrefix(r.URL.EscapedPath(), passPath)
		if r.URL.RawQuery != "" {
			p.Target += "?" + r.URL.RawQuery
		}
		a.relay.PassOn(w, r, p)
	}
}

// mayPass: a peer speaks for itself, of this site.
func (a *Agent) mayPass(r *http.Request, peer site.FQDN) error {
	of, calls := chi.URLParam(r, "site"), chi.URLParam(r, "fqdn")
	if of != "" && of != a.o.Site || calls != "" && site.Canonical(calls) != peer {
		return wire.Problemf(http.StatusForbidden, wire.CodeForbidden, "%s is not passed on for %s", r.URL.Path, peer)
	}
	return nil
}
