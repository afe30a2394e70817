package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"understudy/broker"
	"understudy/cloud"
	"understudy/roles"
	"understudy/site"
	"understudy/storefront"
	"understudy/vda"
	"understudy/wire"
)

const (
	bodyTime = 30 * time.Second // for a body of ordinary size
	siteTime = 10 * time.Minute // for a whole site
)

// routes are the paths of the cloud contract.
func (s *Server) routes() (http.Handler, error) {
	desktops, err := vda.New(vda.Options{
		Engine: s.engine, Recorder: s, Rand: s.o.Env.Rand("leases"), TrustRelay: true,
		Connectors: s.connectorURLs, Authorize: s.authorizeMachine, CheckCallback: s.checkCallback, OnReset: s.askReset,
	})
	if err != nil {
		return nil, err
	}
	fronts, err := storefront.New(storefront.Options{
		Engine: s.engine, Caller: s, Recorder: s, Rand: s.o.Env.Rand("tickets"), Authority: "STA", TrustRelay: true,
		Files: s.o.Files, Now: s.o.Env.Now, XML: s.o.XML,
	})
	if err != nil {
		return nil, err
	}
	r := chi.NewRouter()
	r.Use(middleware.Recoverer)
	r.NotFound(func(w http.ResponseWriter, r *http.Request) {
		wire.WriteError(w, notFound("there is no path %s", r.URL.Path))
	})
	r.MethodNotAllowed(func(w http.ResponseWriter, r *http.Request) {
		wire.WriteError(w, wire.Problemf(http.StatusMethodNotAllowed, wire.CodeMethod, "%s has no method %s", r.URL.Path, r.Method))
	})
	r.Group(s.siteRoutes)
	r.Group(func(r chi.Router) {
		r.Use(s.authenticated(Connector), s.relayed, within(bodyTime), s.inTurn)
		desktops.Routes(r)
		fronts.Routes(r)
	})
	return r, nil
}

func (s *Server) siteRoutes(r chi.Router) {
	r.With(s.authenticated(Connector, Admin), s.permit(roles.Greet)).Get("/cloud/v1/health", s.getHealth)
	r.Route("/cloud/v1/sites/{site}", func(r chi.Router) {
		r.With(s.authenticated(Connector, Admin), s.permit(roles.SeeWhole), s.ourSite, within(siteTime)).Get("/configuration", s.getConfiguration)
		r.With(s.authenticated(Admin), s.permit(roles.See), s.ourSite, within(siteTime)).Get("/", s.getSite)
		r.With(s.authenticated(Admin), s.permit(roles.ChangePart), s.ourSite, within(siteTime)).Put("/", s.putSite)
		r.With(s.authenticated(Connector), s.ourSite, within(bodyTime)).Post("/records", s.postRecords)
		r.With(s.authenticated(Admin), s.permit(roles.See), s.ourSite, within(bodyTime)).Get("/findings", s.getFindings)
		r.With(s.authenticated(Connector), s.ourSite).Post("/connectors/{fqdn}/calls", s.takeCalls)
	})
}

func notFound(format string, args ...any) error {
	return wire.Problemf(http.StatusNotFound, wire.CodeNotFound, format, args...)
}

// within bounds how long a request may take on the line.
func within(d time.Duration) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			line := http.NewResponseController(w)
			_ = line.SetReadDeadline(time.Now().Add(d))
			_ = line.SetWriteDeadline(time.Now().Add(d))
			next.ServeHTTP(w, r)
		})
	}
}

func (s *Server) ourSite(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name := chi.URLParam(r, "site"); name != s.o.Site {
			wire.WriteError(w, notFound("this cloud broker does not serve site %q", name))
			return
		}
		next.ServeHTTP(w, r)
	})
}

// relayed checks who relays, and learns the zone's term.
func (s *Server) relayed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := s.asks(r, r.Header.Get(wire.HeaderConnector))
		if err == nil && c.Zone != r.Header.Get(wire.HeaderZone) {
			err = wire.Problemf(http.StatusForbidden, wire.CodeNotInZone, "connector %s is not in zone %q", c.FQDN, r.Header.Get(wire.HeaderZone))
		}
		if err != nil {
			wire.WriteError(w, err)
			return
		}
		if term, err := strconv.ParseUint(r.Header.Get(wire.HeaderTerm), 10, 64); err == nil {
			s.engine.Observe(c.Zone, term)
		}
		w.Header().Set(wire.HeaderTerm, strconv.FormatUint(s.engine.Term(c.Zone), 10))
		next.ServeHTTP(w, r)
	})
}

// asks returns the connector of that name, if the token or certificate is good for it.
func (s *Server) asks(r *http.Request, name string) (site.Connector, error) {
	index := s.sites.Current().index
	c, ok := index.Connector(site.Canonical(name))
	switch {
	case !ok && s.sites.Current().document == nil:
		return c, wire.Problemf(http.StatusForbidden, wire.CodeNotInZone, "no site has been published yet: understudy site apply does")
	case !ok:
		return c, wire.Problemf(http.StatusForbidden, wire.CodeNotInZone, "%q is not a connector of the site", name)
	}
	speaker, err := speaks(r, index, c)
	if err != nil {
		return c, err
	}
	own := site.Canonical(holder(r.Context()).Name)
	if _, bound := index.Connector(own); bound && own != speaker {
		return c, wire.Problemf(http.StatusForbidden, wire.CodeForbidden, "the token or certificate is that of connector %s", own)
	}
	return c, nil
}

// speaks is whose token a request of the connector carries: its own, or that of the
// peer which passes it on (NEW-03). A peer speaks for connectors of its own zone only.
func speaks(r *http.Request, index *site.Index, c site.Connector) (site.FQDN, error) {
	via := r.Header.Get(wire.HeaderVia)
	if via == "" {
		return c.FQDN, nil
	}
	peer, ok := index.Connector(site.Canonical(via))
	if !ok || peer.Zone != c.Zone || peer.FQDN == c.FQDN {
		return "", wire.Problemf(http.StatusForbidden, wire.CodeNotInZone, "%q is no peer of connector %s", via, c.FQDN)
	}
	return peer.FQDN, nil
}

// getHealth reads the store and knows whether it can be written: a broker that
// cannot do both is not healthy, for it would refuse launches.
func (s *Server) getHealth(w http.ResponseWriter, r *http.Request) {
	version, err := s.store.Version(r.Context())
	if err != nil {
		s.log.WithError(err).Error("the store cannot be read")
		wire.WriteError(w, err)
		return
	}
	if err := s.store.Writable(r.Context()); err != nil {
		wire.WriteError(w, diskFailed("the cloud broker's store cannot be written"))
		return
	}
	wire.WriteJSON(w, http.StatusOK, wire.CloudHealth{Site: s.o.Site, Version: version})
}

func diskFailed(detail string) error {
	p := wire.NewProblem(http.StatusServiceUnavailable, wire.CodeDisk, detail)
	p.RetryAfter = retry
	return p
}

func quoted(tag string) string { return `"` + tag + `"` }

// getConfiguration answers "changed?" without a body where the answer is no
// (LHC-01), and with what changed where it knows that.
func (s *Server) getConfiguration(w http.ResponseWriter, r *http.Request) {
	p := s.sites.Current()
	if p.document == nil {
		wire.WriteError(w, notFound("no site has been published yet"))
		return
	}
	tag := quoted(p.digest)
	w.Header().Set("ETag", tag)
	if matches(r.Header.Get("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	document, err := p.since(r.URL.Query().Get("since"))
	if err != nil {
		s.log.WithError(err).Error("the configuration cannot be written")
		wire.WriteError(w, err)
		return
	}
	w.Header().Set("Content-Type", cloud.ConfigurationType)
	w.Header().Set("Content-Length", strconv.Itoa(len(document)))
	_, _ = bytes.NewReader(document).WriteTo(w)
}

// since is what a connector needs that has a version: the changes where they are
// known, else everything (NEW-06).
func (p *published) since(version string) ([]byte, error) {
	base, ok := site.ParseVersion(version)
	if !ok {
		return p.document, nil
	}
	delta, err := p.delta(base)
	if err != nil || delta != nil {
		return delta, err
	}
	return p.document, nil
}

func matches(list, tag string) bool {
	for one := range strings.SplitSeq(list, ",") {
		if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == tag {
			return true
		}
	}
	return false
}

// getSite answers what of the site the administrator sees.
func (s *Server) getSite(w http.ResponseWriter, r *http.Request) {
	p := s.sites.Current()
	if p.document == nil {
		wire.WriteError(w, notFound("no site has been published yet"))
		return
	}
	w.Header().Set("ETag", quoted(p.version.String()))
	wire.WriteJSON(w, http.StatusOK, cloud.Published{Version: p.version, Digest: p.digest, Site: roles.Part(whoOf(r), p.index.Site())})
}

// putSite publishes a site, or the part of it that the administrator sees, that has
// arrived, whether or not who sent it still waits.
func (s *Server) putSite(w http.ResponseWriter, r *http.Request) {
	var in site.Site
	err := wire.Read(w, r, wire.MaxStream, wire.Refuse, &in)
	var p *published
	if err == nil {
		if p, err = s.sites.Put(context.WithoutCancel(r.Context()), &in, r.Header.Get("If-Match"), whoOf(r)); err != nil {
			err = s.unpublished(err)
		}
	}
	s.account(r, p, err)
	if err != nil {
		wire.WriteError(w, err)
		return
	}
	w.Header().Set("ETag", quoted(p.version.String()))
	wire.WriteJSON(w, http.StatusOK, cloud.Published{Version: p.version, Digest: p.digest})
}

// unpublished is the answer to a site that was not taken: the client's own fault,
// or the store's.
func (s *Server) unpublished(err error) error {
	if _, ok := asProblem(err); ok {
		return err
	}
	if denied, ok := errors.AsType[*roles.Denied](err); ok {
		return wire.NewProblem(http.StatusForbidden, wire.CodeForbidden, denied.Reason)
	}
	s.log.WithError(err).Error("the site cannot be saved")
	return diskFailed("the cloud broker cannot save the site; the one before it stays")
}

func (s *Server) connectorURLs(zone string) []string {
	var urls []string
	for _, c := range s.sites.Current().index.Connectors(zone) {
		urls = append(urls, c.ClientURL)
	}
	return urls
}

// authorizeMachine lets a connector speak for the machines of its own zone, and a desktop
// behind it for the one that its certificate names.
func (s *Server) authorizeMachine(r *http.Request, machine site.FQDN) error {
	m, ok := s.sites.Current().index.Machine(machine)
	if zone := r.Header.Get(wire.HeaderZone); ok && m.Zone != zone {
		return wire.Problemf(http.StatusForbidden, wire.CodeNotInZone, "machine %s is not in zone %q", machine, zone)
	}
	return vda.VouchedFor(r, machine)
}

func (s *Server) checkCallback(r *http.Request, body wire.Registration) error {
	if s.o.Insecure {
		return vda.LoopbackCallback(r, body)
	}
	return vda.OwnCallback(r, body)
}

// Record makes the durable records durable before the answer that they belong to
// goes out, and has assignments published.
func (s *Server) Record(ctx context.Context, records []broker.Record) error {
	s.note(records)
	var durable []broker.Record
	assigned := false
	for _, r := range records {
		if r.Durable() {
			durable = append(durable, r)
		}
		assigned = assigned || r.Kind == broker.Assignment
	}
	if len(durable) == 0 {
		return nil
	}
	if err := s.store.Record(context.WithoutCancel(ctx), durable); err != nil {
		s.log.WithError(err).Error("the store cannot be written")
		return fmt.Errorf("record: %w", err)
	}
	if assigned {
		s.sites.assigned()
	}
	return nil
}
