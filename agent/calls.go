package agent

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"understudy/relay"
	"understudy/site"
	"understudy/vda"
	"understudy/wire"
)

// call carries out one of the cloud broker's calls, in Normal and PendingHA, on a
// machine of this zone (LHC-03).
func (a *Agent) call(ctx context.Context, c wire.Call) wire.CallAnswer {
	if p := a.refuseCall(c); p != nil {
		return relay.Problem(p)
	}
	answer, err := vda.Caller{Client: a.callbacks}.Call(ctx, c)
	if p, ok := errors.AsType[*wire.Problem](err); ok {
		return relay.Problem(p)
	}
	if err != nil {
		return relay.Problem(wire.Problemf(http.StatusBadGateway, wire.CodeNoAnswer, "%s did not answer", c.Machine))
	}
	return answer
}

func (a *Agent) refuseCall(c wire.Call) *wire.Problem {
	if s := a.stance.Load(); s.starting || s.state.HA() {
		return wire.NewProblem(http.StatusConflict, wire.CodeInHAMode, "the zone is in HA mode or the connector is starting")
	}
	snapshot, ok := a.snapshots.Current()
	if !ok {
		return wire.NewProblem(http.StatusConflict, wire.CodeNoSnapshot, "this connector does not know its zone's machines yet")
	}
	defer snapshot.Release()
	m, known := snapshot.Index.Machine(c.Machine)
	if !known || m.Zone != a.o.Zone || !a.ownCallback(c) {
		return wire.Problemf(http.StatusForbidden, wire.CodeNotInZone, "%s at that callback is no machine of zone %s", c.Machine, a.o.Zone)
	}
	return nil
}

// ownCallback: a call goes to the machine itself, wherever the cloud broker says
// that it is.
func (a *Agent) ownCallback(c wire.Call) bool {
	if a.o.Insecure {
		return vda.LoopbackCallback(nil, wire.Registration{Machine: c.Machine, Callback: c.Callback}) == nil
	}
	u, err := url.Parse(c.Callback)
	return err == nil && site.Canonical(u.Hostname()) == c.Machine
}
