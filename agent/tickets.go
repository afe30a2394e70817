package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"understudy/broker"
	"understudy/wire"
)

// retire ends the secondary broker of an outage. Its tickets may still be with
// gateways, so it goes on answering for those alone.
func (a *Agent) retire() {
	a.serving.engine.Retire()
	a.serving = nil
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
				last.handler.ServeHTTP(w, r)
				return
			}
		}
		next(w, r)
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
