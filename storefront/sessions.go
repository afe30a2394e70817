package storefront

import (
	"context"
	"net/http"
	"time"

	"understudy/broker"
	"understudy/env"
	"understudy/site"
	"understudy/wire"
)

// maxKey bounds an idempotency key.
const maxKey = 255

// Launch answers a request for a session. It goes on when the client has gone
// away, so that a repetition with the same key finds the answer.
func (h *Handlers) Launch(w http.ResponseWriter, r *http.Request) {
	var in wire.LaunchRequest
	dry, err := read(w, r, &in)
	if err != nil {
		wire.WriteError(w, err)
		return
	}
	form, err := h.form(r, in.Resource)
	if err != nil {
		wire.WriteError(w, err)
		return
	}
	if dry {
		h.probe(w, r, in)
		return
	}
	l, err := h.once(r, in)
	if err != nil {
		wire.WriteError(w, problem(err))
		return
	}
	h.write(w, form, in.Resource, l)
}

// once launches, or returns the answer that the same key has got before.
func (h *Handlers) once(r *http.Request, in wire.LaunchRequest) (launched, error) {
	ctx := context.WithoutCancel(r.Context())
	work := func() (launched, error) { return h.start(ctx, r, in) }
	key := r.Header.Get(wire.HeaderIdempotency)
	switch {
	case key == "":
		return work()
	case len(key) > maxKey:
		return launched{}, wire.Problemf(http.StatusBadRequest, wire.CodeBadRequest, "the %s is longer than %d bytes", wire.HeaderIdempotency, maxKey)
	}
	return h.answers.do(r.Context(), launchKey{site.UserKey(in.User), key}, in.Resource, work)
}

func (h *Handlers) start(ctx context.Context, r *http.Request, in wire.LaunchRequest) (launched, error) {
	held, at, err := h.launcher.launch(ctx, h.request(r, in))
	if err != nil {
		return launched{}, err
	}
	answer := h.answer(r, held)
	answer.Address, answer.Port, answer.Protocol = at.Address, at.Port, at.Protocol
	answer.Ticket = env.Token(h.o.Rand)
	answer.Lifetime = site.Duration(h.o.Engine.Issue(time.Now(), answer.Ticket, broker.Ticket{
		Session: held.Session, User: held.User, Machine: held.Machine, Zone: held.Zone,
		Address: at.Address, Port: at.Port,
	}))
	h.o.Settle(ctx, held.Group)
	return launched{answer, in.User, held.Group, held.Command, h.o.Now().Add(answer.Lifetime.D())}, nil
}

// probe tells what a launch would be given, and holds nothing.
func (h *Handlers) probe(w http.ResponseWriter, r *http.Request, in wire.LaunchRequest) {
	held, err := h.o.Engine.Probe(time.Now(), h.request(r, in))
	if err != nil {
		wire.WriteError(w, problem(err))
		return
	}
	wire.WriteJSON(w, http.StatusOK, h.answer(r, held))
}

func (h *Handlers) request(r *http.Request, in wire.LaunchRequest) broker.LaunchRequest {
	return broker.LaunchRequest{User: in.User, Groups: in.Groups, Resource: in.Resource, Zone: h.zone(r)}
}

// zone is that of whoever relays, else our own.
func (h *Handlers) zone(r *http.Request) string {
	if relayed := r.Header.Get(wire.HeaderZone); relayed != "" && h.o.TrustRelay {
		return relayed
	}
	return h.o.Zone
}

// authority is that of whoever relays, else our own.
func (h *Handlers) authority(r *http.Request) string {
	if relayed := r.Header.Get(wire.HeaderAuthority); relayed != "" && h.o.TrustRelay {
		return relayed
	}
	return h.o.Authority
}

func (h *Handlers) answer(r *http.Request, held broker.Reservation) wire.LaunchAnswer {
	return wire.LaunchAnswer{
		Session: held.Session, Machine: held.Machine, Reconnected: held.Reconnect, Authority: h.authority(r),
	}
}
