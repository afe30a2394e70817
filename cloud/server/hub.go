package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"understudy/broker"
	"understudy/env"
	"understudy/site"
	"understudy/vda"
	"understudy/wire"
)

// hub knows the call streams that are open: one for each connector, the newest.
type hub struct {
	rand    io.Reader
	mu      sync.Mutex // guards all below
	closed  bool
	streams map[site.FQDN]*callStream
}

func newHub(random io.Reader) *hub {
	return &hub{rand: random, streams: map[site.FQDN]*callStream{}}
}

// add makes s the stream of its connector; it replaces an older one, which the
// connector has given up.
func (h *hub) add(s *callStream) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	if old := h.streams[s.connector.FQDN]; old != nil {
		old.end("the connector has opened a new one")
	}
	h.streams[s.connector.FQDN] = s
	return true
}

func (h *hub) remove(s *callStream) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.streams[s.connector.FQDN] == s {
		delete(h.streams, s.connector.FQDN)
	}
}

func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for _, s := range h.streams {
		s.end("the cloud broker stops")
	}
}

// of returns the streams of those connectors, in random order.
func (h *hub) of(connectors []site.Connector) []*callStream {
	h.mu.Lock()
	defer h.mu.Unlock()
	var list []*callStream
	for _, c := range connectors {
		if s := h.streams[c.FQDN]; s != nil {
			list = append(list, s)
		}
	}
	env.Shuffle(h.rand, list)
	return list
}

// callPatience is how long one connector has a call to itself.
const callPatience = time.Second

// Call asks a desktop host something through any connector of its zone; if one
// does not pass it on, or is slow, through another too (LHC-03): a stream whose other
// end is gone looks open for some seconds. Hosts take the same call twice.
func (s *Server) Call(ctx context.Context, c wire.Call) (wire.CallAnswer, error) {
	index := s.sites.Current().index
	machine, ok := index.Machine(c.Machine)
	if !ok {
		return wire.CallAnswer{}, wire.Problemf(http.StatusForbidden, wire.CodeUnknownMachine, "%s is not a machine of the site", c.Machine)
	}
	ctx, cancel := context.WithCancel(ctx)
	r := newRace(s.hub.of(index.Connectors(machine.Zone)))
	defer r.calling.Wait()
	defer cancel()
	answer, err := r.run(ctx, c)
	if err == nil && answer.Status == 0 {
		p := wire.Problemf(http.StatusServiceUnavailable, wire.CodeZoneUnreachable, "no connector of zone %q keeps a call stream", machine.Zone)
		p.RetryAfter = 5 * time.Second
		return wire.CallAnswer{}, p
	}
	return answer, err
}

// declined reports whether a connector, and not the machine, has answered no:
// another connector may say otherwise.
func declined(a wire.CallAnswer) bool {
	var p wire.Problem
	if a.Status/100 == 2 || json.Unmarshal(a.Body, &p) != nil {
		return false
	}
	return p.Code == wire.CodeInHAMode || p.Code == wire.CodeNotInZone || p.Code == wire.CodeStarting ||
		p.Code == wire.CodeBusy && a.Status == http.StatusServiceUnavailable
}

func (s *Server) sendReset(ctx context.Context, r broker.Reset) {
	ctx, cancel := context.WithTimeout(ctx, resetTime)
	defer cancel()
	answer, err := s.Call(ctx, vda.ResetCall(r))
	entry := s.log.WithField("machine", string(r.Machine))
	switch {
	case err != nil:
		entry.WithError(err).Warn("the desktop could not be asked to reset; it will be asked again")
	case answer.Status/100 != 2:
		entry.WithField("status", answer.Status).Warn("the desktop did not agree to reset; it will be asked again")
	}
}

func asProblem(err error) (*wire.Problem, bool) { return errors.AsType[*wire.Problem](err) }
