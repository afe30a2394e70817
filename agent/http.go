package agent

import (
	"crypto/x509"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"understudy/peer"
	"understudy/relay"
	"understudy/site"
	"understudy/storefront"
	"understudy/wire"
)

// clientRoutes are those for StoreFronts and desktops.
func (a *Agent) clientRoutes() http.Handler {
	r := newRouter()
	r.Use(storefront.FoldCase)
	a.healthRoutes(r)
	a.xmlRoutes(r)
	r.Group(func(r chi.Router) {
		r.Use(a.frontEnds)
		r.Get("/storefront/v1/heartbeat", storefront.Heartbeat(func() (wire.FrontHeartbeat, *wire.Problem) {
			return a.stance.Load().heartbeat(time.Now(), a.o.Site, a.o.Zone)
		}).ServeHTTP)
		r.Post("/storefront/v1/resources", a.by(relay.Resources, enumerates))
		r.Post("/storefront/v1/sessions", a.by(relay.Launch, launches))
		r.Post("/storefront/v1/tickets/redeem", a.ownTickets(a.by(relay.Redeem, redeems)))
	})
	r.Group(func(r chi.Router) {
		r.Use(a.desktops)
		r.Post("/vda/v1/registrations", a.answer(a.vouched(a.named(a.relay.Handler(relay.Register))), registers))
		r.Get("/vda/v1/registrations/{lease}", a.byDesktop(relay.Lookup, looksUp))
		r.Put("/vda/v1/registrations/{lease}", a.byDesktop(relay.Heartbeat, beats))
		r.Delete("/vda/v1/registrations/{lease}", a.byDesktop(relay.Unregister, unregisters))
		r.Post("/vda/v1/registrations/{lease}/sessions", a.byDesktop(relay.Report, reports))
	})
	return newDirect(r)
}

// by answers by the stance, relayed as one kind of request.
func (a *Agent) by(kind relay.Kind, own brokered) http.HandlerFunc {
	return a.answer(a.relay.Handler(kind), own)
}

// byDesktop is by for desktops that use a lease.
func (a *Agent) byDesktop(kind relay.Kind, own brokered) http.HandlerFunc {
	return a.answer(a.named(a.relay.Handler(kind)), own)
}

// peerRoutes are those for the other connectors of the zone.
func (a *Agent) peerRoutes() http.Handler {
	r := newRouter()
	a.mesh.Routes(r)
	r.Group(func(r chi.Router) {
		r.Use(a.mesh.Members)
		r.Post("/peer/v1/outage", a.peerOutage)
		r.Get("/peer/v1/connectors", func(w http.ResponseWriter, _ *http.Request) {
			wire.WriteJSON(w, http.StatusOK, a.list.Load())
		})
		r.Post("/storefront/v1/tickets/redeem", a.peerRedeem)
		r.Group(func(r chi.Router) {
			r.Use(a.mesh.Alike)
			r.Get("/peer/v1/snapshot", a.peerSnapshot)
			r.Get("/peer/v1/desktops", a.peerDesktops)
			r.Post("/peer/v1/mirror", peer.ServeMirror(a.publication))
			r.Route(passPath, a.passRoutes)
		})
	})
	return r
}

func (a *Agent) peerOutage(w http.ResponseWriter, r *http.Request) {
	var order wire.OutageOrder
	if err := wire.Read(w, r, wire.MaxBody, wire.Ignore, &order); err != nil {
		wire.WriteError(w, err)
		return
	}
	if s := a.stance.Load(); s.elected != s.self {
		wire.WriteError(w, s.notElected())
		return
	}
	answer, err := a.obey(r.Context(), order)
	if err != nil {
		wire.WriteError(w, err)
		return
	}
	wire.WriteJSON(w, http.StatusOK, answer)
}

// peerSnapshot streams the snapshot in use to a peer that is behind.
func (a *Agent) peerSnapshot(w http.ResponseWriter, r *http.Request) {
	snapshot, ok := a.snapshots.Current()
	if !ok {
		wire.WriteError(w, wire.NewProblem(http.StatusNotFound, wire.CodeNoSnapshot, "this connector has no usable snapshot"))
		return
	}
	defer snapshot.Release()
	w.Header().Set("Content-Type", "application/octet-stream")
	if err := snapshot.Stream(r.Context(), w); err != nil {
		// The stream has no trailer then, so the reader knows that it is not whole.
		panic(http.ErrAbortHandler)
	}
}

func newRouter() chi.Router {
	r := chi.NewRouter()
	r.Use(middleware.Recoverer)
	r.NotFound(func(w http.ResponseWriter, r *http.Request) {
		wire.WriteError(w, wire.Problemf(http.StatusNotFound, wire.CodeNotFound, "there is no %s here", r.URL.Path))
	})
	r.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		wire.WriteError(w, wire.Problemf(http.StatusMethodNotAllowed, wire.CodeMethod, "%s does not take %s", r.URL.Path, r.Method))
	})
	return r
}

// frontEnds lets StoreFronts and gateways in: by certificate or key where there
// is TLS. Their requests make the connector take part in HA detection (LHC-06).
func (a *Agent) frontEnds(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := a.frontKnown(r); err != nil {
			wire.WriteError(w, err)
			return
		}
		a.front.touch()
		next.ServeHTTP(w, r)
	})
}

func (a *Agent) frontKnown(r *http.Request) error {
	if a.frontCertified(r) || a.o.TLS.Client == nil && a.o.FrontKeys == nil {
		return nil // the latter is plain, on loopback
	}
	key := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	return wire.Shown(r, key != "", func() bool { return a.keyKnown(key) }, wire.NewProblem(http.StatusUnauthorized, wire.CodeUnauthorized,
		"show a client certificate that front_ends names, or one of the keys in storefront_keys_file"))
}

func (a *Agent) keyKnown(key string) bool {
	if a.o.FrontKeys == nil {
		return false
	}
	_, known := a.o.FrontKeys().Holder(key)
	return known
}

// frontCertified reports whether the certificate that is shown is a front end's. One that
// also names a desktop or a connector is none.
func (a *Agent) frontCertified(r *http.Request) bool {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return false
	}
	certificate := r.TLS.PeerCertificates[0]
	return slices.ContainsFunc(certificate.DNSNames, func(name string) bool {
		return slices.Contains(a.o.FrontEnds, site.Canonical(name))
	}) && !a.namesHost(certificate)
}

// namesHost reports whether a certificate is a desktop's or a connector's: those
// speak for themselves only, never for users.
func (a *Agent) namesHost(c *x509.Certificate) bool {
	snapshot, ok := a.snapshots.Current()
	if !ok {
		return false
	}
	defer snapshot.Release()
	for _, name := range c.DNSNames {
		_, machine := snapshot.Index.Machine(site.Canonical(name))
		_, connector := snapshot.Index.Connector(site.Canonical(name))
		if machine || connector {
			return true
		}
	}
	return false
}
