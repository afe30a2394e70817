package broker

import (
	"cmp"
	"time"

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
	key     poolKey
	group   site.DeliveryGroup
	balance site.Balance
	hosts   *queue[hostNo]
	// interval and lifetime are those of leases in the zone.
	interval, lifetime time.Duration
	// registered counts its machines that are registered, free or not.
	registered int
	// clock is how far the turns are: who comes late does not catch up on those missed.
	clock uint64
}

// poolFor finds or makes the pool of a machine.
func (e *Engine) poolFor(m *site.Machine) int32 {
	key := poolKey{m.Group, m.Zone}
	if at, ok := e.poolOf[key]; ok {
		return at
	}
	g, _ := e.index.Group(m.Group)
	return e.addPool(e.newPool(key, g))
}

func (e *Engine) newPool(key poolKey, g site.DeliveryGroup) *pool {
	before := e.orderOf(g.Balancing())
	return &pool{
		key: key, group: g, balance: g.Balancing(), interval: e.interval(key.zone), lifetime: e.lifetime(key.zone),
		hosts: &queue[hostNo]{
			less:  func(a, b hostNo) bool { return before(e.hosts.at(a), e.hosts.at(b)) },
			place: func(n hostNo) *int32 { return &e.hosts.at(n).slot },
		},
	}
}

func (e *Engine) addPool(p *pool) int32 {
	at := int32(len(e.pools))
	e.pools = append(e.pools, p)
	e.poolOf[p.key] = at
	return at
}

// poolBy finds a pool; nil when no machine of it has registered yet.
func (e *Engine) poolBy(key poolKey) *pool {
	if at, ok := e.poolOf[key]; ok {
		return e.pools[at]
	}
	return nil
}

// orderOf puts who was put aside behind all others.
func (e *Engine) orderOf(balance site.Balance) func(a, b *host) bool {
	before := e.policyOf(balance)
	return func(a, b *host) bool {
		if a.aside().last() != b.aside().last() {
			return b.aside().last()
		}
		return before(a, b)
	}
}

func (e *Engine) policyOf(balance site.Balance) func(a, b *host) bool {
	switch balance {
	case site.RoundRobin:
		return e.firstInTurn
	case site.BreadthFirst:
		return e.fewestSessions
	case site.DepthFirst:
		return e.fullest
	case site.LeastLoad:
	}
	return e.lessLoaded
}

// admit queues a host where it belongs now.
func (e *Engine) queue(p *pool, h *host) {
	if h.slot == 0 {
		h.pass = max(h.pass, p.clock)
	}
	p.hosts.put(e.number(h))
}

func (e *Engine) leavePool(h *host) {
	e.pools[h.pool].hosts.drop(e.number(h))
}

// chose notes that a host gets a new session. A group that another connector must
// balance in the same way, from what hosts report alone, has no turns: its ties go by
// name (ADC-01).
func (e *Engine) chose(h *host) {
	if e.group(h).FailoverMode() == site.Stateless {
		return
	}
	e.turns++
	h.own().turn = e.turns
	p := e.pools[h.pool]
	p.clock = max(p.clock, h.pass)
	h.pass += passUnit / uint64(e.machine(h).Weight)
}

func (e *Engine) lessLoaded(a, b *host) bool {
	if a.index != b.index {
		return a.index < b.index
	}
	return e.byTurn(a, b)
}

func (e *Engine) firstInTurn(a, b *host) bool {
	if a.pass != b.pass {
		return a.pass < b.pass
	}
	return e.byTurn(a, b)
}

// fewestSessions compares the sessions for each unit of weight.
func (e *Engine) fewestSessions(a, b *host) bool {
	if x, y := a.count()*e.machine(b).Weight, b.count()*e.machine(a).Weight; x != y {
		return x < y
	}
	return e.byTurn(a, b)
}

// fullest has no rotation: the next empty host is opened only when all open ones are
// full.
func (e *Engine) fullest(a, b *host) bool {
	return cmp.Or(cmp.Compare(b.count(), a.count()), cmp.Compare(e.machine(b).Weight, e.machine(a).Weight), e.byName(a, b)) < 0
}

func (e *Engine) byTurn(a, b *host) bool {
	if x, y := a.turn(), b.turn(); x != y {
		return x < y
	}
	return e.byName(a, b) < 0
}

// byName compares hosts by name, which in one pool is the order of the index: no name
// has to be read.
func (e *Engine) byName(a, b *host) int {
	if a.pool == b.pool {
		return cmp.Compare(a.machine, b.machine)
	}
	return cmp.Compare(e.machine(a).Name, e.machine(b).Name)
}
