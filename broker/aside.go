package broker

import (
	"time"

	"understudy/site"
)

// A host whose prepare failed gets no launches for asideTime; one that said no gets
// those that no other can take. At most maxAside hosts are aside: when half a zone cannot be reached, the fault is hardly theirs.
const (
	asideTime = time.Minute
	maxAside  = 1000
)

// Failure is what came of a prepare.
type Failure string

// The failures.
const (
	// Declined: the host is there and said no.
	Declined Failure = "it declined a launch"
	// Silent: there was no proper answer, so nobody knows what the host does.
	Silent Failure = "it did not answer a launch"
	// Gone: nobody listens there, so the desktop agent does not run.
	Gone Failure = "nobody listens at its callback"
)

// aside is the state of a host after a prepare that failed. It ends with the host's
// next registration, or with its next sign of life after the time. When the time is
// over without one, the host is late: it gets launches that no other can take.
type aside struct {
	why     string
	failure Failure
	until   time.Time
	late    bool
	slot    int32 // in the queue of asides
}

// now reports whether the host gets no launches at all.
func (a aside) now() bool { return a.slot > 0 && a.failure != Declined }

// last reports whether the host comes after all others.
func (a aside) last() bool { return a.why != "" }

// PutAside notes that the prepare of a reservation failed. A host that has registered
// anew since is another one.
func (e *Engine) PutAside(now time.Time, r Reservation, f Failure) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sweep(now)
	h := e.host(r.Machine)
	if h == nil || h.lease() != r.Lease {
		return
	}
	e.leavePool(h) // its order changes
	e.asides.drop(e.number(h))
	h.own().aside = aside{why: string(f), failure: f, until: now.Add(asideTime)}
	e.asides.put(e.number(h))
	e.place(h)
	if first, ok := e.asides.first(); ok && len(e.asides.items) > maxAside {
		e.late(e.hosts.at(first))
	}
}

func (e *Engine) sweepAsides(now time.Time) {
	for {
		n, ok := e.asides.first()
		if !ok || now.Before(e.hosts.at(n).aside().until) {
			return
		}
		e.late(e.hosts.at(n))
	}
}

func (e *Engine) late(h *host) {
	e.asides.drop(e.number(h))
	h.own().aside.late = true
	e.place(h)
}

// alive notes a sign of life. The caller places the host.
func (e *Engine) alive(h *host) {
	switch {
	case h.aside().late:
		e.comeBack(h)
	case h.aside().failure == Gone:
		h.own().aside.failure = Declined // it is there
	}
}

// comeBack ends it. The caller places the host.
func (e *Engine) comeBack(h *host) {
	if h.aside() == (aside{}) {
		return
	}
	e.leavePool(h)
	e.asides.drop(e.number(h))
	h.own().aside = aside{}
}

func (e *Engine) isAside(name site.FQDN) bool {
	h := e.host(name)
	return h != nil && h.aside().why != ""
}

// lost reports whether the session does not keep its user (VPN-02): its host is gone;
// or it does not answer, and a second session is harmless or allowed. Whose only
// desktop does not answer stays with it until its lease lapses (LHC-37).
func (e *Engine) lost(s *session) bool {
	switch g := e.group(s.host); s.host.aside().failure {
	case Gone:
		return true
	case Silent:
		return s.host.aside().now() && (s.State == Reserved || g.Kind == site.MultiSession || g.ReplaceUnreachable)
	case Declined:
	}
	return false
}
