package broker

import "time"

// lease makes a host's registration last until the time. A later end is not queued
// before the earlier one is due: most heartbeats move nothing.
func (e *Engine) lease(h *host, until time.Time) {
	h.expires = until
	if h.due == 0 || until.Before(h.checked) {
		h.checked = until
		e.leases.put(h)
	}
}

// sweepLeases ends those whose time is over, in the order of their ends.
func (e *Engine) sweepLeases(now time.Time) {
	for {
		if h, ok := e.leases.first(); !ok || now.Before(h.checked) {
			return
		}
		h, _ := e.shortest()
		if now.Before(h.expires) {
			return
		}
		e.pending = append(e.pending, e.drop(h, "two periods passed without a heartbeat"))
	}
}

// shortest returns the host whose lease ends first.
func (e *Engine) shortest() (*host, bool) {
	for {
		h, ok := e.leases.first()
		if !ok || !h.checked.Before(h.expires) {
			return h, ok
		}
		h.checked = h.expires
		e.leases.put(h)
	}
}
