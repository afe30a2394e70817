package broker

import (
	"cmp"

	"understudy/site"
)

// passUnit is what a machine of weight 1 moves on by at its turn; one of twice the
// weight moves half as far, and so comes twice as often.
const passUnit = 1 << 32

// poolKey names the machines of a delivery group in a zone.
type poolKey struct{ group, zone string }

// pool holds the machines of a group in a zone that anybody may get, in the order in
// which the group's policy gives them out: the next one costs O(log n).
type pool struct {
	balance site.Balance
	hosts   *queue[*host]
	// clock is how far the turns are: who comes late does not catch up on those missed.
	clock uint64
}

func newPool(balance site.Balance) *pool {
	return &pool{
		balance: balance,
		hosts:   &queue[*host]{less: orderOf(balance), place: func(h *host) *int { return &h.slot }},
	}
}

// orderOf puts who was put aside, and has not shown itself since, behind all others.
func orderOf(balance site.Balance) func(a, b *host) bool {
	before := policyOf(balance)
	return func(a, b *host) bool {
		if a.aside.late != b.aside.late {
			return b.aside.late
		}
		return before(a, b)
	}
}

func policyOf(balance site.Balance) func(a, b *host) bool {
	switch balance {
	case site.RoundRobin:
		return firstInTurn
	case site.BreadthFirst:
		return fewestSessions
	case site.DepthFirst:
		return fullest
	case site.LeastLoad:
	}
	return lessLoaded
}

// admit queues a host where it belongs now.
func (p *pool) admit(h *host) {
	if h.slot == 0 {
		h.pass = max(h.pass, p.clock)
	}
	p.hosts.put(h)
}

func (e *Engine) leavePool(h *host) {
	if p := e.pools[h.pool()]; p != nil {
		p.hosts.drop(h)
	}
}

// chose notes that a host gets a new session. A group that another connector must
// balance in the same way, from what hosts report alone, has no turns: its ties go by
// name (ADC-01).
func (e *Engine) chose(h *host) {
	if h.group.FailoverMode() == site.Stateless {
		return
	}
	e.turns++
	h.turn = e.turns
	if p := e.pools[h.pool()]; p != nil {
		p.clock = max(p.clock, h.pass)
		h.pass += passUnit / uint64(h.machine.Weight)
	}
}

func lessLoaded(a, b *host) bool {
	if a.index != b.index {
		return a.index < b.index
	}
	return byTurn(a, b)
}

func firstInTurn(a, b *host) bool {
	if a.pass != b.pass {
		return a.pass < b.pass
	}
	return byTurn(a, b)
}

// fewestSessions compares the sessions for each unit of weight.
func fewestSessions(a, b *host) bool {
	if x, y := a.count*b.machine.Weight, b.count*a.machine.Weight; x != y {
		return x < y
	}
	return byTurn(a, b)
}

// fullest has no rotation: the next empty host is opened only when all open ones are
// full.
func fullest(a, b *host) bool {
	return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(b.machine.Weight, a.machine.Weight),
		cmp.Compare(a.machine.Name, b.machine.Name)) < 0
}

func byTurn(a, b *host) bool {
	if a.turn != b.turn {
		return a.turn < b.turn
	}
	return a.machine.Name < b.machine.Name
}
