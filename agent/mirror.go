package agent

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/broker"
	"understudy/env"
	"understudy/events"
	"understudy/peer"
	"understudy/site"
	"understudy/wire"
)

const (
	// mirrorPatience bounds the wait for a part of the mirror.
	mirrorPatience = 4 * time.Second
	// mirrorPause is the wait after one that failed.
	mirrorPause = 200 * time.Millisecond
)

// mirror keeps a copy of what the serving connector has, in engines of its own that
// nobody is served from, until this connector is elected (NEW-01, REP-02).
type mirror struct {
	ask  func(ctx context.Context, from site.FQDN, r wire.MirrorRequest, take func(peer.Mirrored) error) error
	keep func(ctx context.Context, got peer.Mirrored) error
	// contained are the records that the snapshot contains.
	contained func() []wire.ContainedRecord
	held      func() map[string]uint64
	fresh     func(ctx context.Context) (*broker.Engine, *site.Index, error)
	gate      func(context.Context) error
	changed   func() <-chan struct{}
	target    func() mirrorTarget
	rand      io.Reader
	log       *log

	mu sync.Mutex // guards what follows
	// shadow is the latest whole copy; coming one that is not whole yet, of another
	// secondary broker.
	shadow, coming *shadow
	// own is what this connector served from before it was paused; claimed, what it
	// serves from: records that were under way go there too.
	own, claimed *shadow
	trouble      string // why nothing comes
	refused      bool   // the two do not understand each other
	claims       int
}

// mirrorTarget is whom to ask, and for which outage.
type mirrorTarget struct {
	from   site.FQDN
	outage string
	term   uint64
}

// shadow is a copy of a secondary broker.
type shadow struct {
	outage, stream string
	from           site.FQDN
	engine         *broker.Engine
	index          *site.Index
	position       uint64
	whole          bool
	read           time.Time // when its source answered last
}

// run asks the serving connector, one request after the other: each acknowledges
// what the one before has brought.
func (m *mirror) run(ctx context.Context) {
	for m.gate(ctx) == nil {
		changed, t := m.changed(), m.target()
		m.dropOthers(t)
		if t.from == "" {
			select {
			case <-ctx.Done():
			case <-changed:
			}
			continue
		}
		if err := m.once(ctx, t); err != nil && ctx.Err() == nil {
			m.failed(t, err)
			select {
			case <-ctx.Done():
			case <-time.After(env.Jitter(m.rand, mirrorPause, 0.5)):
			}
		}
	}
}

// once asks for what comes next, for as long as there is somebody to ask.
func (m *mirror) once(parent context.Context, t mirrorTarget) error {
	ctx, giveUp := context.WithCancelCause(parent)
	cancel := func() { giveUp(nil) }
	defer cancel()
	patience := time.AfterFunc(mirrorPatience, func() { giveUp(context.DeadlineExceeded) })
	defer patience.Stop()
	watched := make(chan struct{})
	go func() { defer close(watched); m.watch(ctx, cancel, t) }()
	r, claims := m.request(t)
	err := m.ask(ctx, t.from, r, func(got peer.Mirrored) error {
		patience.Stop()
		defer patience.Reset(mirrorPatience)
		return m.take(parent, t, got, claims)
	})
	cancel()
	<-watched
	return err
}

// watch gives a request up when there is somebody else to ask, or nobody.
func (m *mirror) watch(ctx context.Context, cancel func(), t mirrorTarget) {
	for {
		changed := m.changed()
		if now := m.target(); now.from != t.from || now.outage != t.outage {
			cancel()
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

func (m *mirror) request(t mirrorTarget) (wire.MirrorRequest, int) {
	r := wire.MirrorRequest{Protocols: []int{wire.MirrorProtocol}, Outage: t.outage, Term: t.term}
	held := m.held()
	for _, journal := range slices.Sorted(maps.Keys(held)) {
		r.Held = append(r.Held, wire.MirrorMark{Journal: journal, Sequence: held[journal]})
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.present(); s != nil && s.from == t.from {
		r.Stream, r.Position = s.stream, s.position
	}
	return r, m.claims
}

// present is the copy that grows.
func (m *mirror) present() *shadow {
	if m.coming != nil {
		return m.coming
	}
	return m.shadow
}

// take makes records durable and applies the rest; only then does the next request
// acknowledge it.
func (m *mirror) take(ctx context.Context, t mirrorTarget, got peer.Mirrored, claims int) error {
	if got.Outage != t.outage {
		return fmt.Errorf("%s mirrors outage %s, not %s", t.from, got.Outage, t.outage)
	}
	if err := m.keep(ctx, got); err != nil {
		return err
	}
	var made *shadow
	if got.Anew {
		engine, index, err := m.fresh(ctx)
		if err != nil {
			return err
		}
		made = &shadow{outage: t.outage, stream: got.Stream, from: t.from, engine: engine, index: index}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tellKept(got)
	if m.claims != claims {
		return nil // this connector has taken the office meanwhile
	}
	if made != nil {
		m.coming = made
	}
	m.apply(got)
	m.trouble, m.refused = "", false
	return nil
}

// apply is called with the lock held.
func (m *mirror) apply(got peer.Mirrored) {
	s := m.present()
	if s == nil || s.stream != got.Stream {
		return
	}
	s.engine.Import(time.Now(), got.Items)
	s.position, s.whole, s.read = got.To, s.whole || !got.More, time.Now()
	if s.whole {
		m.shadow, m.coming = s, nil
		m.dropOwn()
	}
}

// failed notes why nothing comes; that two versions do not understand each other is
// told of once.
func (m *mirror) failed(t mirrorTarget, err error) {
	reason := wire.ClipError(err).Error()
	refused := wire.IsCode(err, wire.CodeVersion)
	m.mu.Lock()
	first := refused && !m.refused
	m.trouble, m.refused = reason, refused
	m.mu.Unlock()
	if first {
		m.log.raise(events.MirrorRefused, reason, logrus.Fields{"peer": string(t.from)})
	}
}

// dropOthers forgets what is of another outage than the present one.
func (m *mirror) dropOthers(t mirrorTarget) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.shadow != nil && m.shadow.outage != t.outage {
		m.shadow = nil
	}
	if m.coming != nil && (m.coming.outage != t.outage || t.from != "" && m.coming.from != t.from) {
		m.coming = nil
	}
	if m.own != nil && m.own.outage != t.outage {
		m.dropOwn()
	}
	if m.claimed != nil && m.claimed.outage != t.outage {
		m.claimed = nil
	}
	if t.from == "" {
		m.trouble, m.refused = "", false
	}
}

// whole reports whether there is a whole copy of what the outage's server has, and
// whether there could be one at all. One that has not been kept up lately does not
// count: who has a newer one takes over, and an old one is better than none.
func (m *mirror) whole(outage string) (whole, possible bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.shadow != nil && m.shadow.outage == outage && time.Since(m.shadow.read) <= behindAfter, !m.refused
}

// status says how far the copy is, and why it does not go on.
func (m *mirror) status(t mirrorTarget) wire.MirrorStatus {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := wire.MirrorStatus{From: t.from, WhyNot: m.trouble}
	if s := m.present(); s != nil {
		out.Position, out.Whole = s.position, m.shadow != nil
	}
	return out
}

// copied shows the copy as it is.
func (m *mirror) copied() Copy {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.shadow == nil {
		return Copy{}
	}
	return Copy{Outage: m.shadow.outage, Whole: m.coming == nil, Items: itemsOf(m.shadow.engine)}
}
