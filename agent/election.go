package agent

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/events"
	"understudy/peer"
	"understudy/site"
	"understudy/wire"
)

// pendingElection is an operator's promotion on its way through the loop.
type pendingElection struct {
	wire.ElectionOrder
	given time.Time
	reply chan error
}

// Election carries out an operator's order about this connector's part in the
// election. It is not passed on: the operator means this connector.
func (a *Agent) Election(ctx context.Context, order wire.ElectionOrder) (wire.ElectionAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, orderLimit)
	defer cancel()
	var err error
	switch order.Action {
	case wire.Promote:
		err = a.promote(ctx, order)
	case wire.Drain:
		err = a.drain(ctx, order, true)
	case wire.Undrain:
		err = a.drain(ctx, order, false)
	case wire.Relist:
		err = a.do(ctx, func() { a.relist = true })
	default:
		err = wire.NewProblem(http.StatusBadRequest, wire.CodeBadRequest, order.Validate().Error())
	}
	if err != nil {
		return wire.ElectionAnswer{}, err
	}
	_ = a.do(ctx, func() {}) // the round that carried it out has shown it
	s := a.Status()
	return wire.ElectionAnswer{Connector: s.Connector, State: s.State, Election: s.Election}, nil
}

// promote lets this connector serve without a majority (RAS-02); it waits until
// the record that says so is durable.
func (a *Agent) promote(ctx context.Context, order wire.ElectionOrder) error {
	pending := &pendingElection{ElectionOrder: order, given: time.Now(), reply: make(chan error, 1)}
	var refused error
	if err := a.do(ctx, func() {
		if refused = a.refusePromotion(); refused == nil && !a.core.promoted() {
			a.promotion = pending
		} else {
			pending.reply <- refused
		}
	}); err != nil {
		return err
	}
	select {
	case err := <-pending.reply:
		return err
	case <-ctx.Done():
		return wire.NewProblem(http.StatusGatewayTimeout, wire.CodeInProgress, "the promotion was not carried out in time")
	}
}

// refusePromotion says what speaks against it: it is for a zone in which nobody
// else can be seen to serve.
func (a *Agent) refusePromotion() error {
	c, refuse := a.core, func(detail string) error { return wire.NewProblem(http.StatusConflict, wire.CodeRefused, detail) }
	incumbent := slices.ContainsFunc(a.sights, func(s peer.Sight) bool {
		return s.Heard && !s.Facts.Starting && s.FQDN == c.record.Writer && s.Facts.CanServe
	})
	switch {
	case c.promoted():
		return nil
	case a.settings().Policy != site.Majority:
		return refuse("promotion is for the policy majority; under available a connector needs none")
	case c.starting:
		return refuse("the connector is starting; wait until it has heard its peers")
	case a.promotion != nil:
		return refuse("a promotion is under way")
	case c.election.Quorum:
		return refuse("a majority names this connector already")
	case c.election.Elected != "":
		return refuse(string(c.election.Elected) + " is elected and seen: " + c.election.Reason)
	case incumbent:
		return refuse(string(c.record.Writer) + " holds the office and is heard; it may be elected again at any moment")
	case a.whyNotSaid != "":
		return refuse("this connector cannot serve: " + a.whyNotSaid)
	}
	return nil
}

// resolvePromotion answers a promotion that is carried out, or cannot be.
func (a *Agent) resolvePromotion() {
	p := a.promotion
	if p == nil {
		return
	}
	switch {
	case a.core.office && a.core.promoted():
		a.log.raise(events.Promoted, p.Reason, a.fields(logrus.Fields{"by": p.By}))
		p.reply <- nil
	case a.core.office:
		p.reply <- nil // a majority came first
	case time.Since(p.given) > orderPatience:
		p.reply <- wire.NewProblem(http.StatusConflict, wire.CodeRefused, a.core.election.Reason)
	default:
		return
	}
	a.promotion = nil
}

// drain makes others serve where they can, or ends that. It waits until the
// hand-over is done, if there is one to make.
func (a *Agent) drain(ctx context.Context, order wire.ElectionOrder, on bool) error {
	err := a.do(ctx, func() {
		if a.core.draining == on {
			return
		}
		a.core.draining = on
		name := events.Draining
		if !on {
			name = events.Undrained
		}
		a.log.raise(name, order.Reason, a.fields(logrus.Fields{"by": order.By}))
	})
	if err != nil || !on {
		return err
	}
	return a.awaitDrained(ctx)
}

// handsOver reports whether this connector is giving the office away, and nobody has
// it yet.
func (s *stance) handsOver() bool {
	if s.elected == s.self {
		return s.successor != ""
	}
	return s.elected == "" && s.record.Writer == s.self && s.record.Successor != ""
}

// awaitDrained waits until another connector has the office, or nobody can take
// it.
func (a *Agent) awaitDrained(ctx context.Context) error {
	for {
		changed := a.rounds.next()
		if s := a.stance.Load(); s.draining && !s.handsOver() {
			return nil
		}
		select {
		case <-changed:
		case <-a.looped:
			return nil
		case <-ctx.Done():
			return wire.NewProblem(http.StatusGatewayTimeout, wire.CodeInProgress, "the connector drains, but the hand-over is not done yet")
		}
	}
}
