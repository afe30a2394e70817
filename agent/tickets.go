package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"understudy/broker"
	"understudy/storefront"
	"understudy/wire"
)

// retire ends the secondary broker of an outage. Its tickets may still be with
// gateways, so it goes on answering for those alone. After a pause what it has is kept
// for as long as nobody else is known to serve.
func (a *Agent) retire() {
	s := a.serving
	a.serving = nil
	if r := a.core.record; r.Open() && r.Outage == s.outage && r.Writer == a.o.FQDN {
		a.mirror.keepOwn(&shadow{outage: s.outage, from: a.o.FQDN, engine: s.engine, index: s.index, whole: true})
		return
	}
	s.engine.Retire()
}

// ownTickets redeems what this connector issued, in every state: a gateway asks
// the authority that the ticket names (design 6). All else goes on by state.
func (a *Agent) ownTickets(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		last := a.tickets.Load()
		if last == nil || a.stance.Load().serving == last {
			next(w, r)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, wire.MaxBody))
		r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), failing{err}))
		var in wire.RedeemRequest
		if json.Unmarshal(body, &in) == nil && err == nil {
			if _, err := last.engine.Peek(time.Now(), in.Ticket); !isUnknown(err) {
				a.redeemLast(w, r, last, in)
				return
			}
		}
		next(w, r)
	}
}

// redeemLast redeems a ticket that an earlier secondary broker of this connector has.
// While the outage goes on with another one, that one may have it too, and decides.
func (a *Agent) redeemLast(w http.ResponseWriter, r *http.Request, last *serving, in wire.RedeemRequest) {
	s := a.stance.Load()
	if s.starting || !s.state.HA() || s.outage != last.outage {
		redeems(last, w, r)
		return
	}
	if s.elected == s.self || s.elected == "" {
		wire.WriteError(w, s.notElected())
		return
	}
	var out wire.RedeemAnswer
	path := r.URL.Path
	if r.URL.RawQuery != "" {
		path += "?" + r.URL.RawQuery
	}
	err := a.mesh.Do(r.Context(), s.elected, http.MethodPost, path, in, &out)
	p, answered := errors.AsType[*wire.Problem](err)
	dry, _ := storefront.Dry(r)
	if answered && p.Code == wire.CodeTicketUsed || err == nil && !dry {
		_, _ = last.engine.Redeem(time.Now(), in.Ticket) // the outage may end before the ticket does
	}
	switch {
	case err == nil:
		wire.WriteJSON(w, http.StatusOK, out)
	case answered && p.Code == wire.CodeTicketUnknown:
		redeems(last, w, r) // it was not mirrored
	case answered:
		wire.WriteError(w, p)
	default:
		wire.WriteError(w, s.notElected())
	}
}

// spend notes the tickets of an earlier secondary broker of this connector that were
// redeemed with the one that serves now.
func (a *Agent) spend(items []broker.Item) {
	last := a.tickets.Load()
	for i := range items {
		if t := &items[i]; last != nil && t.Kind == broker.ItemTicket && t.Spent {
			_, _ = last.engine.Redeem(time.Now(), t.ID)
		}
	}
}

func isUnknown(err error) bool {
	refusal, ok := errors.AsType[*broker.Refusal](err)
	return ok && refusal.Code == broker.CodeTicketUnknown
}

// failing hands on the error that a body was read with.
type failing struct{ err error }

// Read returns the error, or the end.
func (f failing) Read([]byte) (int, error) {
	if f.err == nil {
		return 0, io.EOF
	}
	return 0, f.err
}
