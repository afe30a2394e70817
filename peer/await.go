package peer

import (
	"context"
	"time"

	"understudy/site"
	"understudy/wire"
)

// Await waits, for so long at most, until one present peer has everything that there
// is now: applied, and its records on its disk. It reports false when none has, at
// once where no present peer reads.
func (p *Publication) Await(ctx context.Context, limit time.Duration) bool {
	head, _ := p.o.Engine.Changed()
	held, _ := p.o.Records.Held()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	defer p.urge()()
	for {
		has, hope, acked := p.reached(head, held[p.o.Journal])
		if has || !hope {
			return has
		}
		select {
		case <-acked:
		case <-timer.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// urge lets answers go out at once until the function that it returns is called.
func (p *Publication) urge() func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.awaited++; p.awaited == 1 {
		close(p.urged)
		p.urged = make(chan struct{})
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.awaited--
	}
}

func (p *Publication) reached(head, held uint64) (has, hope bool, acked <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for name, r := range p.readers {
		if r.position >= head && r.held >= held {
			return true, true, p.acked
		}
		hope = hope || p.o.Present(name)
	}
	return false, hope, p.acked
}

// gather waits for more, unless somebody waits for an acknowledgement or there is
// enough for an answer. An answer costs as much as many changes.
func (p *Publication) gather(ctx context.Context, asked time.Time, position uint64) {
	if head, _ := p.o.Engine.Changed(); head-position < mirrorItems {
		p.pause(ctx, mirrorGather-time.Since(asked))
	}
}

// goesOn reports whether more may follow after a part in the same answer: not records,
// before those that came are on the peer's disk, nor what is not there yet, where somebody
// waits for the peer to acknowledge.
func (p *Publication) goesOn(m Mirrored) bool {
	awaited, _ := p.awaits()
	return len(m.Records) == 0 && (m.More || len(m.Items) > 0 && !awaited)
}

// follows waits a moment for something to come after a part; it reports false when
// nothing does. What changes all the time goes to a peer without being asked for: the
// peer's question would be under way while the changes wait for it.
func (p *Publication) follows(ctx context.Context, peer site.FQDN, r wire.MirrorRequest, m Mirrored) bool {
	if m.More {
		return true
	}
	p.pause(ctx, mirrorGather)
	head, _ := p.o.Engine.Changed()
	held, _ := p.o.Records.Held()
	return ctx.Err() == nil && (head != m.To || misses(held, p.has(peer, r)))
}

// pause ends early when somebody waits for an acknowledgement.
func (p *Publication) pause(ctx context.Context, most time.Duration) {
	awaited, urged := p.awaits()
	if most <= 0 || awaited {
		return
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-urged:
	case <-ctx.Done():
	}
}

func (p *Publication) awaits() (now bool, begins <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.awaited > 0, p.urged
}
