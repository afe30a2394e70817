package agent

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"understudy/site"
	"understudy/wire"
	"understudy/zone"
)

// orderLimit bounds how long an order may wait to be carried out and carried by
// a peer.
// It is shorter than a command waits by default, so that its answer arrives.
const orderLimit = 8 * time.Second

// orderPatience bounds how long the loop keeps an order that it cannot carry out:
// less than its giver waits, so that the reason arrives.
const orderPatience = orderLimit / 2

// pendingOrder is an operator's order on its way through the loop.
type pendingOrder struct {
	wire.OutageOrder
	given time.Time
	// needed says that the zone was not yet as ordered.
	needed bool
	reply  chan orderReply
}

type orderReply struct {
	record zone.Record
	err    error
}

func (o *pendingOrder) done(r zone.Record)     { o.reply <- orderReply{record: r} }
func (o *pendingOrder) refuse(p *wire.Problem) { o.reply <- orderReply{err: p} }

// Outage forces or clears an outage of the whole zone (LHC-18): it may be given
// to any connector, which passes it to the elected one; to the next one, where that
// one has just gone. An order given twice is carried out once.
func (a *Agent) Outage(ctx context.Context, order wire.OutageOrder) (wire.OutageAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, orderLimit)
	defer cancel()
	for {
		changed := a.rounds.next()
		s := a.stance.Load()
		answer, err := a.pass(ctx, s, order)
		_, refused := errors.AsType[*wire.Problem](err)
		if err == nil || s.elected == s.self || refused && !wire.IsCode(err, wire.CodeNotElected) {
			return answer, err
		}
		select {
		case <-changed:
		case <-a.looped:
			return wire.OutageAnswer{}, err
		case <-ctx.Done():
			return wire.OutageAnswer{}, wire.Problemf(http.StatusGatewayTimeout, wire.CodeInProgress, "%s did not carry out the order in time", s.elected)
		}
	}
}

func (a *Agent) pass(ctx context.Context, s *stance, order wire.OutageOrder) (wire.OutageAnswer, error) {
	switch s.elected {
	case "":
		return wire.OutageAnswer{}, wire.NewProblem(http.StatusConflict, wire.CodeRefused,
			"no connector of the zone is elected, so nobody can carry out the order; `understudy status` says why")
	case s.self:
		return a.obey(ctx, order)
	}
	var answer wire.OutageAnswer
	err := a.mesh.Do(ctx, s.elected, http.MethodPost, "/peer/v1/outage", order, &answer)
	return answer, err
}

// obey carries out an order as the elected connector. It answers when a present
// peer carries the record, at once where none is present: else the order would be
// lost with this connector.
func (a *Agent) obey(ctx context.Context, order wire.OutageOrder) (wire.OutageAnswer, error) {
	pending := &pendingOrder{OutageOrder: order, given: time.Now(), reply: make(chan orderReply, 1)}
	busy := false
	err := a.do(ctx, func() {
		if busy = a.order != nil; !busy {
			pending.needed = a.core.record.Forced() != (order.Action == "force")
			a.order = pending
		}
	})
	switch {
	case err != nil:
		return wire.OutageAnswer{}, err
	case busy:
		return wire.OutageAnswer{}, wire.NewProblem(http.StatusConflict, wire.CodeInProgress, "another order is being carried out")
	}
	select {
	case r := <-pending.reply:
		if r.err != nil {
			return wire.OutageAnswer{}, r.err
		}
		return a.awaitCarrier(ctx, r.record)
	case <-ctx.Done():
		return wire.OutageAnswer{}, wire.NewProblem(http.StatusGatewayTimeout, wire.CodeInProgress, "the order was not carried out in time")
	}
}

func (a *Agent) awaitCarrier(ctx context.Context, r zone.Record) (wire.OutageAnswer, error) {
	for {
		changed := a.rounds.next()
		carrier, present := a.carrier(r)
		if carrier != "" || !present {
			return wire.OutageAnswer{Record: r, CarriedBy: carrier}, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return wire.OutageAnswer{}, wire.NewProblem(http.StatusGatewayTimeout, wire.CodeInProgress,
				"the order is carried out here, but no peer has confirmed it yet")
		}
	}
}

// carrier names a peer whose heartbeat carries the record, or a higher one.
func (a *Agent) carrier(r zone.Record) (site.FQDN, bool) {
	present := false
	for _, s := range a.mesh.Sights(time.Now()) {
		if !s.Heard || s.Facts.Starting || s.Facts.Unsaved {
			continue
		}
		present = true
		if zone.Compare(s.Facts.Record, r) >= 0 {
			return s.FQDN, true
		}
	}
	return "", present
}

// rounds lets others wait for the loop's next round.
type rounds struct {
	mu sync.Mutex // guards ch
	ch chan struct{}
}

func newRounds() *rounds { return &rounds{ch: make(chan struct{})} }

func (r *rounds) next() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ch
}

func (r *rounds) announce() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.ch)
	r.ch = make(chan struct{})
}
