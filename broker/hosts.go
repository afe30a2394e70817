package broker

import (
	"iter"

	"understudy/site"
)

// hostNo numbers a registered machine for as long as it is registered; 0 is none.
type hostNo int32

// partSize is how many hosts lie side by side: a part fills what the allocator gives.
const partSize = 64

// hosts are the registered machines. They are kept in parts, so that none moves and
// nothing is copied when there are more.
type hosts struct {
	parts []*[partSize]host
	free  []hostNo // to be used again
	// ofMachine finds a host by its machine's number in the index.
	ofMachine []hostNo
	n         int
}

func (l *hosts) at(n hostNo) *host { return &l.parts[(n-1)/partSize][(n-1)%partSize] }

// of is the host of a machine; nil when it is not registered.
func (l *hosts) of(machine int32) *host {
	if n := l.ofMachine[machine]; n > 0 {
		return l.at(n)
	}
	return nil
}

// add makes the host of a machine.
func (l *hosts) add(machine int32) *host {
	if len(l.free) == 0 {
		begin := hostNo(len(l.parts) * partSize)
		l.parts = append(l.parts, new([partSize]host))
		for n := begin + partSize; n > begin; n-- {
			l.free = append(l.free, n)
		}
	}
	end := len(l.free) - 1
	n := l.free[end]
	l.free = l.free[:end]
	l.ofMachine[machine] = n
	l.n++
	h := l.at(n)
	h.machine = machine
	return h
}

func (l *hosts) remove(h *host) {
	l.free = append(l.free, l.ofMachine[h.machine])
	l.ofMachine[h.machine] = 0
	l.n--
	*h = host{}
}

// all are the hosts in the order of the index.
func (l *hosts) all() iter.Seq[*host] {
	return func(yield func(*host) bool) {
		for _, n := range l.ofMachine {
			if n > 0 && !yield(l.at(n)) {
				return
			}
		}
	}
}

// host finds a registered machine by its name; nil when it is not registered.
func (e *Engine) host(name site.FQDN) *host {
	if machine, ok := e.index.Number(name); ok {
		return e.hosts.of(machine)
	}
	return nil
}

func (e *Engine) number(h *host) hostNo { return e.hosts.ofMachine[h.machine] }

func (e *Engine) machine(h *host) *site.Machine { return e.index.MachineAt(h.machine) }

func (e *Engine) group(h *host) *site.DeliveryGroup { return &e.pools[h.pool].group }
