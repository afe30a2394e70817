package sim

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"understudy/site"
	"understudy/wire"
)

// userPatience is how long a user waits for anything.
const userPatience = 40 * time.Second

// person is a task of a user, who does one thing after the other. The driver calls
// it, so the order is that of the plan.
func (r *run) person(user string, do func()) {
	before, done := r.people[user], make(chan struct{})
	r.people[user] = done
	r.task(func() {
		defer close(done)
		if before != nil {
			<-before
		}
		do()
	})
}

// launch is what a user does at a StoreFront: look, and take something.
func (r *run) launch(f Fault) error {
	store := r.world.StoreOf(f.Other)
	r.person(f.Who, func() {
		ctx, cancel := context.WithTimeout(r.ctx, userPatience)
		defer cancel()
		shown, err := store.Resources(ctx, wire.ResourcesRequest{User: f.Who})
		if err != nil || len(shown.Resources) == 0 {
			r.trace.add(f.Who, fmt.Sprintf("sees nothing: %v", err))
			return
		}
		r.take(ctx, f, shown.Resources[f.N%len(shown.Resources)].ID)
	})
	return nil
}

func (r *run) take(ctx context.Context, f Fault, resource string) {
	asked := r.watch.inOutage(f.Other)
	answer, err := r.world.StoreOf(f.Other).Launch(ctx, wire.LaunchRequest{User: f.Who, Resource: resource})
	if err != nil {
		r.trace.add(f.Who, fmt.Sprintf("does not get %s: %v", resource, err))
		return
	}
	r.mu.Lock()
	r.served++
	r.mu.Unlock()
	r.trace.add(f.Who, fmt.Sprintf("gets %s on %s: session %s", resource, answer.Machine, answer.Session))
	r.watch.launched(f.Who, answer, asked)
}

// seat is a session as its desktop holds it.
type seat struct {
	desktop string
	session wire.Session
}

// seats are a user's sessions in a zone, in order of desktop.
func (r *run) seats(user, zone string) []seat {
	var list []seat
	for _, m := range r.first.Machines {
		name := string(m.Name)
		if m.Zone != zone || r.isDown(name) {
			continue
		}
		h, _ := r.world.Desktop(name).Holding(m.Name)
		for _, s := range h.Sessions {
			if s.User == user && s.State != wire.Reserved {
				list = append(list, seat{name, s})
			}
		}
	}
	slices.SortFunc(list, func(a, b seat) int {
		return cmp.Or(cmp.Compare(a.desktop, b.desktop), cmp.Compare(a.session.ID, b.session.ID))
	})
	return list
}

// act is what a user does with one of their sessions.
func (r *run) act(f Fault) error {
	list := r.seats(f.Who, f.Other)
	if len(list) == 0 {
		r.trace.add(f.Who, "has no session to "+string(f.Kind))
		return nil
	}
	s := list[f.N%len(list)]
	if f.Kind == Reconnect {
		r.person(f.Who, func() {
			ctx, cancel := context.WithTimeout(r.ctx, userPatience)
			defer cancel()
			r.take(ctx, f, s.session.Resource)
		})
		return nil
	}
	event := wire.SessionDisconnected
	if f.Kind == Logoff {
		event = wire.SessionEnded
		r.watch.loggedOff(s.session.ID)
	}
	r.task(func() {
		err := r.world.Desktop(s.desktop).Act(r.ctx, site.FQDN(s.desktop), s.session.ID, event)
		r.trace.add(f.Who, fmt.Sprintf("%s of %s on %s: %v", f.Kind, s.session.ID, s.desktop, err))
	})
	return nil
}
