package broker

import "time"

// moment is a time as an engine keeps it: how long after its first operation.
type moment time.Duration

// at makes a moment of a time.
func (e *Engine) at(now time.Time) moment {
	if e.zero.IsZero() {
		e.zero = now
	}
	return moment(now.Sub(e.zero))
}

// seen is a moment to the millisecond, of which only the low bits are kept: enough to
// tell times apart that are not weeks from each other.
func (m moment) seen() uint32 { return uint32(time.Duration(m).Milliseconds()) }

// since is the time from what seen has kept.
func (m moment) since(seen uint32) time.Duration {
	return time.Duration(int32(m.seen()-seen)) * time.Millisecond
}

// lease makes a host's registration last until the time. A later end is not queued
// before the earlier one is due: most heartbeats move nothing.
func (e *Engine) lease(h *host, until moment) {
	h.expires = until
	if h.due == 0 || until < h.checked {
		h.checked = until
		e.leases.put(e.number(h))
	}
}

// sweepLeases ends those whose time is over, in the order of their ends.
func (e *Engine) sweepLeases(now time.Time) {
	for {
		if n, ok := e.leases.first(); !ok || e.at(now) < e.hosts.at(n).checked {
			return
		}
		h := e.shortest()
		if e.at(now) < h.expires {
			return
		}
		e.pending = append(e.pending, e.drop(h, "two periods passed without a heartbeat"))
	}
}

// shortest returns the host whose lease ends first; nil when there is none.
func (e *Engine) shortest() *host {
	for {
		n, ok := e.leases.first()
		if !ok {
			return nil
		}
		h := e.hosts.at(n)
		if h.checked >= h.expires {
			return h
		}
		h.checked = h.expires
		e.leases.put(e.number(h))
	}
}
