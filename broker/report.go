package broker

import (
	"cmp"
	"slices"
	"time"

	"understudy/site"
)

// Report takes a session event. A repeated one changes nothing; if it is the
// latest it gets its records again, because they may not have reached the disk.
// In Normal the logoff from a pooled desktop asks for its reset; until the machine
// says that it is unused it gets no other user.
func (e *Engine) Report(now time.Time, lease string, r Report) ([]Record, []Reset, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sweep(now)
	h, err := e.holder(lease)
	if err != nil {
		return nil, nil, err
	}
	if r.Seq < h.seldom().nextReport {
		return h.repeated(r.Seq), nil, nil
	}
	h.own().nextReport, h.seen = r.Seq+1, e.at(now).seen()
	e.alive(h)
	records := e.happened(now, h, r)
	records = append(records, e.mark(h, r.Used || e.used[e.machine(h).Name], r.Session)...)
	h.own().reported = records
	e.place(h)
	if r.Event == SessionEnded && e.awaitsReset(h) {
		return records, []Reset{e.ask(now, h)}, nil
	}
	return records, nil, nil
}

// repeated returns the records of the latest report.
func (h *host) repeated(seq uint64) []Record {
	if seq+1 != h.seldom().nextReport {
		return nil
	}
	return slices.Clone(h.seldom().reported)
}

func (e *Engine) happened(now time.Time, h *host, r Report) []Record {
	said := r.Session
	switch r.Event {
	case SessionStarted, SessionConnected:
		said.State = Active
	case SessionDisconnected:
		said.State = Disconnected
	case SessionEnded:
		return e.loggedOff(h, said)
	}
	e.update(now, h, said)
	return nil
}

func (e *Engine) loggedOff(h *host, said Session) []Record {
	if s := h.sessions()[said.ID]; s != nil {
		e.end(s)
	}
	r := e.recordOf(&session{Session: said, host: h}, LoggedOff)
	return []Record{r}
}

// mark takes over the used mark of a pooled desktop; one with a user on it is
// used whatever an older message says. The record names the session that used it,
// where the host says which.
func (e *Engine) mark(h *host, used bool, by Session) []Record {
	used = used || h.live()
	if e.group(h).Kind != site.Pooled || e.used[e.machine(h).Name] == used {
		return nil
	}
	e.setUsed(e.machine(h).Name, used)
	r := e.record(h, UsedMark)
	if r.Used = used; used {
		r.User, r.Session, r.Resource = by.User, by.ID, by.Resource
	}
	return []Record{r}
}

func (e *Engine) setUsed(name site.FQDN, used bool) {
	if used {
		e.used[name] = true
	} else {
		delete(e.used, name)
	}
}

// Resets returns the pooled machines that wait for a reset, in Normal: those that
// came back used from an outage, and those that did not do as asked for a whole
// heartbeat interval.
func (e *Engine) Resets(now time.Time) []Reset {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sweep(now)
	var resets []Reset
	for h := range e.unclean {
		if h.seldom().asked.IsZero() || now.Sub(h.seldom().asked) >= e.interval(e.machine(h).Zone) {
			resets = append(resets, e.ask(now, h))
		}
	}
	slices.SortFunc(resets, func(a, b Reset) int { return cmp.Compare(a.Machine, b.Machine) })
	return resets
}

func (e *Engine) ask(now time.Time, h *host) Reset {
	h.own().asked = now
	zone := e.machine(h).Zone
	return Reset{Machine: e.machine(h).Name, Zone: zone, Callback: e.callback(h), Lease: h.lease(), Term: e.terms[zone]}
}
