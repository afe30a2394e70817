package peer

import (
	"slices"
	"time"

	"understudy/broker"
	"understudy/site"
	"understudy/wire"
)

// reader is one peer's progress.
type reader struct {
	position uint64
	held     uint64 // of the own journal
	asking   int
	at       time.Time
	level    time.Time // when it last had everything
	anew     int       // how often it has been given the state
	// forgotten is up to where no record is left that it could be sent, by journal.
	forgotten map[string]uint64
}

// has is up to where the peer has each journal: as it says, and what is forgotten it
// cannot miss.
func (p *Publication) has(peer site.FQDN, r wire.MirrorRequest) map[string]uint64 {
	has := map[string]uint64{}
	for _, m := range r.Held {
		has[m.Journal] = m.Sequence
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.readers[peer]; known != nil {
		for journal, last := range known.forgotten {
			has[journal] = max(has[journal], last)
		}
	}
	return has
}

// forgotten notes the journals of which there was nothing to send, though the peer
// does not have them: the cloud broker has what is missing.
func (p *Publication) forgotten(peer site.FQDN, held, has map[string]uint64, sent []broker.Record) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.readers[peer]
	for journal, last := range held {
		if last <= has[journal] || slices.ContainsFunc(sent, func(r broker.Record) bool { return r.Journal == journal }) {
			continue
		}
		if r.forgotten == nil {
			r.forgotten = map[string]uint64{}
		}
		r.forgotten[journal] = last
		if journal == p.o.Journal {
			r.held = max(r.held, last)
		}
	}
}
