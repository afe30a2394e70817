package peer

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"understudy/broker"
	"understudy/site"
	"understudy/wire"
)

const (
	// mirrorHold is how long a request waits for something to tell.
	mirrorHold = time.Second
	// mirrorGather is how long after it was asked for an answer goes out at the earliest,
	// where nobody waits for it: changes of that time go together.
	mirrorGather = 5 * time.Millisecond
	// mirrorItems and mirrorRecords bound one answer; what a peer has not read yet
	// waits in the engine, where each thing is kept once.
	mirrorItems   = 1000
	mirrorRecords = 200
)

// Engine is what is mirrored of the secondary broker.
type Engine interface {
	Changed() (head uint64, next <-chan struct{})
	Tail(now time.Time, after uint64, limit int, former []broker.Item) (broker.Tail, bool)
}

// Records are the durable records that peers are to have too.
type Records interface {
	Held() (last map[string]uint64, next <-chan struct{})
	MissingFrom(ctx context.Context, has map[string]uint64, limit int) ([]broker.Record, error)
	// Surpass numbers the next own record beyond what a peer has of the own journal.
	Surpass(ctx context.Context, sequence uint64) error
}

// PublicationOptions say what is mirrored.
type PublicationOptions struct {
	// Stream names the secondary broker, so that no position of another counts.
	Stream string
	Outage string
	// Term is the present one.
	Term    func() uint64
	Engine  Engine
	Records Records
	// Journal is the own one.
	Journal string
	// Present says whether a peer is heard.
	Present func(site.FQDN) bool
	Gate    func(context.Context) error
}

// Publication is what the serving connector mirrors to its peers in one outage. Each
// peer asks for what comes after its position: state first, then the tail, in order;
// to ask is to acknowledge.
type Publication struct {
	o PublicationOptions

	mu      sync.Mutex // guards what follows
	readers map[site.FQDN]*reader
	acked   chan struct{} // closed at the next acknowledgement
	awaited int           // who waits for one
	urged   chan struct{} // closed when somebody begins to
}

// NewPublication returns one without readers.
func NewPublication(o PublicationOptions) *Publication {
	return &Publication{o: o, readers: map[site.FQDN]*reader{}, acked: make(chan struct{}), urged: make(chan struct{})}
}

// Answer waits until there is something that the peer has not, for a moment at most,
// and returns a part of it.
func (p *Publication) Answer(ctx context.Context, peer site.FQDN, r wire.MirrorRequest) (Mirrored, error) {
	if err := p.refuse(r); err != nil {
		return Mirrored{}, err
	}
	has := p.has(peer, r)
	if err := p.o.Records.Surpass(ctx, has[p.o.Journal]); err != nil {
		return Mirrored{}, fmt.Errorf("mirror: %w", err)
	}
	position := r.Position
	if r.Stream != p.o.Stream {
		position = 0
	}
	defer p.asks(peer, r.Stream == p.o.Stream, position, has[p.o.Journal])()
	asked, hold := time.Now(), time.NewTimer(mirrorHold)
	defer hold.Stop()
	if r.Stream == p.o.Stream {
		p.wait(ctx, hold, peer, position, has)
		p.gather(ctx, asked, position)
	}
	if err := p.o.Gate(ctx); err != nil {
		return Mirrored{}, err
	}
	return p.next(ctx, peer, position, r.Stream != p.o.Stream, has, nil)
}

// Rest returns what comes after a part of an answer, whose items nobody needs any more.
func (p *Publication) Rest(ctx context.Context, peer site.FQDN, r wire.MirrorRequest, m Mirrored) (Mirrored, error) {
	if err := p.o.Gate(ctx); err != nil {
		return Mirrored{}, err
	}
	p.still(peer)
	return p.next(ctx, peer, m.To, false, p.has(peer, r), m.Items)
}

// still notes that a peer reads.
func (p *Publication) still(peer site.FQDN) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.readers[peer].at = time.Now()
}

// refuse: two that do not understand each other do not mirror (ADC-04), nor do those
// who are not in one outage; who has lost the office without knowing it yet learns
// that from the term.
func (p *Publication) refuse(r wire.MirrorRequest) error {
	switch {
	case !slices.Contains(r.Protocols, wire.MirrorProtocol):
		return wire.Problemf(http.StatusConflict, wire.CodeVersion,
			"this connector speaks mirror protocol %d, the peer %v", wire.MirrorProtocol, r.Protocols)
	case r.Outage != p.o.Outage:
		return wire.Problemf(http.StatusConflict, wire.CodeRefused, "this connector serves in outage %s, not in %s", p.o.Outage, r.Outage)
	case r.Term > p.o.Term():
		return wire.Problemf(http.StatusConflict, wire.CodeRefused, "this connector serves with term %d, and the peer knows of %d", p.o.Term(), r.Term)
	}
	return nil
}

// wait returns when there is something to tell, or the hold or the request is over.
func (p *Publication) wait(ctx context.Context, hold *time.Timer, peer site.FQDN, position uint64, has map[string]uint64) {
	for {
		head, changed := p.o.Engine.Changed()
		held, recorded := p.o.Records.Held()
		if head != position || misses(held, has) {
			return
		}
		select {
		case <-changed:
			p.level(peer)
		case <-recorded:
			p.level(peer)
		case <-hold.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// level notes that a peer had everything until now.
func (p *Publication) level(peer site.FQDN) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.readers[peer].level = time.Now()
}

func misses(held, has map[string]uint64) bool {
	for journal, last := range held {
		if last > has[journal] {
			return true
		}
	}
	return false
}

func (p *Publication) next(ctx context.Context, peer site.FQDN, position uint64, anew bool, has map[string]uint64, former []broker.Item) (Mirrored, error) {
	m := Mirrored{Stream: p.o.Stream, Outage: p.o.Outage, Term: p.o.Term(), Anew: anew}
	tail, ok := p.o.Engine.Tail(time.Now(), position, mirrorItems, former)
	if !ok {
		m.Anew = true
		if tail, ok = p.o.Engine.Tail(time.Now(), 0, mirrorItems, former); !ok {
			return Mirrored{}, notServing()
		}
	}
	if m.Anew {
		p.begun(peer)
	}
	m.Items, m.To, m.More = tail.Items, tail.To, tail.More
	held, _ := p.o.Records.Held()
	if !misses(held, has) {
		return m, nil
	}
	var err error
	if m.Records, err = p.o.Records.MissingFrom(ctx, has, mirrorRecords); err != nil {
		return Mirrored{}, fmt.Errorf("mirror: %w", err)
	}
	m.More = m.More || len(m.Records) == mirrorRecords
	if len(m.Records) < mirrorRecords {
		p.forgotten(peer, held, has, m.Records)
	}
	return m, nil
}

// asks notes an acknowledgement; the function it returns ends the request.
func (p *Publication) asks(peer site.FQDN, ours bool, position, held uint64) func() {
	head, _ := p.o.Engine.Changed()
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.readers[peer]
	if r == nil {
		r = &reader{level: now}
		p.readers[peer] = r
	}
	r.position, r.held, r.at = position, held, now
	r.asking++
	if ours && position >= head {
		r.level = now
	}
	close(p.acked)
	p.acked = make(chan struct{})
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		r.asking--
		r.at = time.Now()
	}
}

func (p *Publication) begun(peer site.FQDN) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.readers[peer].anew++
}

// Level reports whether a peer has everything that there is now.
func (p *Publication) Level(peer site.FQDN) bool {
	head, _ := p.o.Engine.Changed()
	held, _ := p.o.Records.Held()
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.readers[peer]
	return r != nil && r.position >= head && r.held >= held[p.o.Journal]
}

// Reads reports whether a peer has asked for the mirror lately.
func (p *Publication) Reads(peer site.FQDN) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.readers[peer]
	return r != nil && (r.asking > 0 || time.Since(r.at) < 2*mirrorHold)
}

// Lag is how far a peer is behind.
type Lag struct {
	Peer site.FQDN
	// Position is what the peer has acknowledged, Head what there is.
	Position, Head uint64
	// Behind is for how long it has not had everything.
	Behind time.Duration
	// Anew counts how often it was given the state.
	Anew int
}

// Lags are those of all peers that have read, by name.
func (p *Publication) Lags(now time.Time) []Lag {
	head, _ := p.o.Engine.Changed()
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []Lag
	for name, r := range p.readers {
		l := Lag{Peer: name, Position: r.position, Head: head, Anew: r.anew}
		if r.position < head {
			l.Behind = now.Sub(r.level)
		}
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b Lag) int { return cmp.Compare(a.Peer, b.Peer) })
	return out
}
