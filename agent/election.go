package agent

import (
	"context"
	"net/http"

	"understudy/wire"
)

// Election carries out an operator's order about this connector's part in the
// election.
func (a *Agent) Election(_ context.Context, order wire.ElectionOrder) (wire.ElectionAnswer, error) {
	return wire.ElectionAnswer{}, wire.Problemf(http.StatusNotImplemented, wire.CodeRefused, "%s is not carried out yet", order.Action)
}
