package agent

import (
	"slices"

	"understudy/peer"
)

// claim hands a copy over to this connector's secondary broker: the whole one, else
// what it served from itself, else what there is of one.
func (m *mirror) claim(outage string) *shadow {
	m.mu.Lock()
	defer m.mu.Unlock()
	var s *shadow
	for _, kept := range []*shadow{m.shadow, m.own, m.coming} {
		if s == nil && kept != nil && kept.outage == outage {
			s = kept
		}
	}
	if m.own != s {
		m.dropOwn()
	}
	m.shadow, m.own, m.coming, m.claimed = nil, nil, nil, s
	m.claims++
	return s
}

// keepOwn keeps what this connector served from before it was paused: it is what the
// zone has for as long as nobody else takes the office.
func (m *mirror) keepOwn(s *shadow) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.own, m.claimed = s, nil
}

// outdateOwn is called when somebody else has taken the office: what is done there is
// not known here.
func (m *mirror) outdateOwn() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dropOwn()
}

// dropOwn leaves the tickets alone. It is called with the lock held.
func (m *mirror) dropOwn() {
	if m.own != nil {
		m.own.engine.Retire()
		m.own = nil
	}
}

// tellKept lets everything that may be served from, or is by now, know of records
// that are on the disk. It is called with the lock held. A copy that begins has them
// from there. Those that the snapshot contains are left out, as there: since then the
// desktop may have been reset, or taken from its owner.
func (m *mirror) tellKept(got peer.Mirrored) {
	if len(got.Records) == 0 {
		return
	}
	records := stillNeeded(slices.Clone(got.Records), m.contained())
	for _, s := range []*shadow{m.shadow, m.own, m.coming, m.claimed} {
		if s != nil && s.outage == got.Outage {
			s.engine.Apply(records)
		}
	}
}
