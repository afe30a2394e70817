package peer

import (
	"context"
	"time"
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
	head, _ := p.o.Engine.Changed()
	awaited, urged := p.awaits()
	rest := mirrorGather - time.Since(asked)
	if rest <= 0 || awaited || head-position >= mirrorItems {
		return
	}
	timer := time.NewTimer(rest)
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
