package agent

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"understudy/broker"
	"understudy/peer"
	"understudy/wire"
)

// peakDays is how many days are in memory: more than a wall clock jumps about.
const peakDays = 8

// peaks records the most sessions at a time on each day (VPN-05): those that the
// secondary broker of this connector counts, and those that it mirrors. The days are
// those of the wall clock, in UTC.
type peaks struct {
	store interface {
		SavePeaks(ctx context.Context, peaks []broker.Peak) error
		Peaks(ctx context.Context, days int) ([]broker.Peak, error)
	}
	day func() string
	// engine is the secondary broker's; nil: this connector does not serve.
	engine func() *broker.Engine
	failed func(at time.Time, err error)
	gate   func(context.Context) error
	due    func() <-chan struct{} // the next round

	last *broker.Engine // of run: whose peaks it has seen

	mu sync.Mutex // guards what follows
	// saved are those on the disk, unsaved are higher.
	saved, unsaved map[peakOf]int
}

// peakOf is what a peak is of.
type peakOf struct{ day, group string }

func (a *Agent) newPeaks(ctx context.Context) (*peaks, error) {
	p := &peaks{
		store: a.state, day: a.today, failed: a.disk.failed, gate: a.o.Env.Gate, due: a.chores.add(),
		engine: func() *broker.Engine {
			if s := a.stance.Load().serving; s != nil {
				return s.engine
			}
			return nil
		},
		saved: map[peakOf]int{}, unsaved: map[peakOf]int{},
	}
	known, err := p.store.Peaks(ctx, peakDays)
	for _, k := range known {
		p.saved[peakOf{k.Day, k.Group}] = k.Sessions
	}
	return p, err
}

func (a *Agent) today() string { return a.o.Env.Now().UTC().Format(time.DateOnly) }

// run records until ctx ends, and then what there is still.
func (p *peaks) run(ctx context.Context) {
	for p.gate(ctx) == nil {
		due := p.due()
		p.round(ctx)
		select {
		case <-ctx.Done():
			p.round(context.WithoutCancel(ctx))
			return
		case <-due:
		}
	}
}

// round looks also at a secondary broker that has ended since the last one.
func (p *peaks) round(ctx context.Context) {
	day, present := p.day(), p.engine()
	if p.last != nil && p.last != present {
		p.note(p.last.Peaks(day))
	}
	if present != nil {
		p.note(present.Peaks(day))
	}
	p.last = present
	p.save(ctx)
}

// note keeps those that are higher than what is known, for the next round.
func (p *peaks) note(list []broker.Peak) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range list {
		of := peakOf{k.Day, k.Group}
		if k.Sessions > max(p.saved[of], p.unsaved[of]) {
			p.unsaved[of] = k.Sessions
		}
	}
}

// mirrored notes the peaks that another connector counts.
func (p *peaks) mirrored(m peer.Mirrored) {
	var list []broker.Peak
	for _, i := range m.Items {
		if i.Kind != broker.ItemPeak {
			continue
		}
		if _, err := time.Parse(time.DateOnly, i.Peak.Day); err == nil {
			list = append(list, *i.Peak)
		}
	}
	p.note(list)
}

// save puts on the disk what is not there yet; what it does not take stays.
func (p *peaks) save(ctx context.Context) {
	list := p.pending()
	if len(list) == 0 {
		return
	}
	begun := time.Now()
	if err := p.store.SavePeaks(ctx, list); err != nil {
		if ctx.Err() == nil {
			p.failed(begun, err)
		}
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range list {
		of := peakOf{k.Day, k.Group}
		p.saved[of] = max(p.saved[of], k.Sessions)
		if p.unsaved[of] <= k.Sessions {
			delete(p.unsaved, of)
		}
	}
	p.forget()
}

func (p *peaks) pending() []broker.Peak {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []broker.Peak
	for of, n := range p.unsaved {
		list = append(list, broker.Peak{Day: of.day, Group: of.group, Sessions: n})
	}
	return list
}

// forget drops from memory all days but the latest ones, and today.
func (p *peaks) forget() {
	days := map[string]bool{}
	for of := range p.saved {
		days[of.day] = true
	}
	names := slices.Sorted(maps.Keys(days))
	latest := names[max(0, len(names)-peakDays):]
	maps.DeleteFunc(p.saved, func(of peakOf, _ int) bool { return of.day != p.day() && !slices.Contains(latest, of.day) })
}

// of returns what is known of a day.
func (p *peaks) of(day string) []broker.Peak {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []broker.Peak
	for of, n := range p.saved {
		if of.day == day {
			list = append(list, broker.Peak{Day: day, Group: of.group, Sessions: max(n, p.unsaved[of])})
		}
	}
	for of, n := range p.unsaved {
		if _, both := p.saved[of]; of.day == day && !both {
			list = append(list, broker.Peak{Day: day, Group: of.group, Sessions: n})
		}
	}
	return list
}

// site returns the peak of a day over all groups.
func (p *peaks) site(day string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(p.saved[peakOf{day, ""}], p.unsaved[peakOf{day, ""}])
}

// recall lets an engine go on from the peaks of today.
func (p *peaks) recall(engine *broker.Engine) {
	day := p.day()
	p.note(engine.Peaks(day))
	engine.Recall(p.of(day))
}

// List returns the peaks of so many days, for operators.
func (p *peaks) List(ctx context.Context, days int) (wire.List[wire.SessionPeak], error) {
	p.save(ctx)
	found, err := p.store.Peaks(ctx, days)
	out := wire.List[wire.SessionPeak]{Items: []wire.SessionPeak{}}
	for _, k := range found {
		out.Items = append(out.Items, wire.SessionPeak{Day: k.Day, Group: k.Group, Sessions: k.Sessions})
	}
	return out, err
}
