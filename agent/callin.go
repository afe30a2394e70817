package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/callin"
	"understudy/env"
	"understudy/events"
	"understudy/site"
	"understudy/wire"
)

const (
	// invitePatience bounds one invitation.
	invitePatience = 3 * time.Second
	// inviteAgain is the wait before those are tried once more that were not reached.
	inviteAgain = 2 * time.Second
	// inviteJitter is how far an invitation strays from its turn.
	inviteJitter = 0.5
)

// callTarget is for whom desktops are invited, and how; without a term nobody is.
type callTarget struct {
	term uint64
	// serving is with whom they are to register; nil: with the cloud broker.
	serving    *serving
	connectors []string
	rate       int
}

func (t callTarget) same(o callTarget) bool { return t.term == o.term && t.serving == o.serving }

// inviter invites the desktops that are not registered with whoever begins to serve
// (NEW-02): this connector, or the cloud broker after the outage. Heartbeats go on
// beside it, and bring those that it does not reach.
type inviter struct {
	known   *callin.Directory
	target  func() callTarget
	changed func() <-chan struct{}
	// ours keeps those that are machines of the zone, called at their own names.
	ours   func([]callin.Desktop) []callin.Desktop
	invite func(ctx context.Context, d callin.Desktop, body json.RawMessage) (status int, err error)
	gate   func(context.Context) error
	rand   io.Reader
	log    *log
	self   site.FQDN

	held  atomic.Pointer[time.Time] // not before then: the cloud broker asked
	calls atomic.Uint64             // invitations to this connector since its start

	// What follows belongs to run.
	done callTarget
	pace callin.Pace

	mu     sync.Mutex // guards status
	status wire.CallInStatus
}

// run invites whenever somebody begins to serve.
func (v *inviter) run(ctx context.Context) {
	for v.gate(ctx) == nil {
		changed, t := v.changed(), v.target()
		if t.term == 0 || t.same(v.done) {
			select {
			case <-ctx.Done():
			case <-changed:
			}
			continue
		}
		v.callIn(ctx, t)
	}
}

// callIn goes once through all that have to be invited, and once more through those
// that were not reached; it ends at once when t is no longer so.
func (v *inviter) callIn(parent context.Context, t callTarget) {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	watched := make(chan struct{})
	go func() { defer close(watched); v.watch(ctx, cancel, t) }()
	list := v.due(t)
	v.begin(t, list)
	again, err := v.pass(ctx, t, list, false)
	if err == nil && len(again) > 0 {
		if err = v.wait(ctx, env.Jitter(v.rand, inviteAgain, inviteJitter)); err == nil {
			_, err = v.pass(ctx, t, again, true)
		}
	}
	if err == nil {
		v.done = t
	}
	v.finish(t, err == nil)
	cancel()
	<-watched
}

// watch ends a call-in when this connector serves no longer, or the cloud broker not
// yet after all.
func (v *inviter) watch(ctx context.Context, cancel func(), t callTarget) {
	for {
		changed := v.changed()
		if now := v.target(); !now.same(t) {
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

// due are those that have to be invited, in an order of chance.
func (v *inviter) due(t callTarget) []callin.Desktop {
	var list []callin.Desktop
	for _, d := range v.ours(v.known.Below(t.term)) {
		if !v.there(t, d.Machine) {
			list = append(list, d)
		}
	}
	env.Shuffle(v.rand, list)
	return list
}

// there reports whether a desktop came by itself.
func (v *inviter) there(t callTarget, machine site.FQDN) bool {
	if t.serving != nil {
		return t.serving.engine.Registered(time.Now(), machine)
	}
	return v.known.Term(machine) >= t.term
}

// pass invites all of a list at the pace, for the first time or again, and returns
// those that were not reached; an error, where it was broken off.
func (v *inviter) pass(ctx context.Context, t callTarget, list []callin.Desktop, again bool) ([]callin.Desktop, error) {
	body, err := json.Marshal(wire.Invitation{Term: t.term, Connectors: t.connectors})
	if err != nil {
		return nil, err
	}
	var missed missed
	var running sync.WaitGroup
	slots := newFlight()
	for _, d := range list {
		if v.came(t, d.Machine, again) {
			continue
		}
		if err = v.turn(ctx, t, slots); err != nil {
			break
		}
		if v.came(t, d.Machine, again) {
			slots.unused()
			continue
		}
		running.Go(func() {
			v.recount(again)
			reached := v.one(ctx, t, d, body)
			slots.leave(reached)
			missed.note(d, reached)
		})
	}
	running.Wait()
	return missed.list, errors.Join(err, ctx.Err())
}

// came counts a desktop that has come before its turn.
func (v *inviter) came(t callTarget, machine site.FQDN, again bool) bool {
	there := v.there(t, machine)
	if there {
		v.recount(again)
		v.count(func(s *wire.CallInStatus) { s.There++ })
	}
	return there
}

// recount takes back that a desktop was not reached, so that each is counted once.
func (v *inviter) recount(again bool) {
	if again {
		v.count(func(s *wire.CallInStatus) { s.Invited--; s.Unreachable-- })
	}
}

// missed are those that were not reached.
type missed struct {
	mu   sync.Mutex // guards list
	list []callin.Desktop
}

func (m *missed) note(d callin.Desktop, reached bool) {
	if !reached {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.list = append(m.list, d)
	}
}

// turn waits until the next invitation may go out: by the pace, by what the cloud
// broker asked for, and by how many are in flight.
func (v *inviter) turn(ctx context.Context, t callTarget, slots *flight) error {
	gap := env.Jitter(v.rand, time.Second/time.Duration(max(1, t.rate)), inviteJitter)
	if err := v.wait(ctx, v.pace.Wait(time.Now(), gap)); err != nil {
		return err
	}
	for t.serving == nil && v.heldFor() > 0 {
		if err := v.wait(ctx, v.heldFor()); err != nil {
			return err
		}
	}
	if err := slots.enter(ctx); err != nil {
		return err
	}
	if now := v.target(); !now.same(t) {
		slots.unused()
		return context.Canceled
	}
	return v.gate(ctx)
}

func (v *inviter) wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// one invites one desktop, and reports whether it was reached.
func (v *inviter) one(ctx context.Context, t callTarget, d callin.Desktop, body json.RawMessage) bool {
	within, cancel := context.WithTimeout(ctx, invitePatience)
	defer cancel()
	if t.serving != nil {
		v.calls.Add(1)
	}
	v.count(func(s *wire.CallInStatus) { s.Invited++ })
	status, err := v.invite(within, d, body)
	v.count(func(s *wire.CallInStatus) {
		switch {
		case err != nil:
			s.Unreachable++
		case status == http.StatusAccepted:
			s.Answered++
		default:
			s.Refused++
		}
	})
	return err == nil
}

// hold lets the cloud broker set the pace: nobody is invited to it for so long.
func (v *inviter) hold(d time.Duration) {
	until := time.Now().Add(d)
	if was := v.held.Load(); was == nil || until.After(*was) {
		v.held.Store(&until)
	}
}

func (v *inviter) heldFor() time.Duration {
	until := v.held.Load()
	if until == nil {
		return 0
	}
	return max(0, time.Until(*until))
}

func (v *inviter) count(change func(*wire.CallInStatus)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	change(&v.status)
}

func (v *inviter) begin(t callTarget, list []callin.Desktop) {
	to := wire.CallInToCloud
	if t.serving != nil {
		to = string(v.self)
	}
	v.count(func(s *wire.CallInStatus) {
		*s = wire.CallInStatus{To: to, Term: t.term, Running: true, Due: len(list)}
	})
	if len(list) > 0 {
		v.log.raise(events.CallInStarted, fmt.Sprintf("%d desktops are not registered with %s", len(list), to), logrus.Fields{
			"to": to, "term": t.term, "due": len(list), "known": v.known.Callable(), "rate": t.rate,
		})
	}
}

func (v *inviter) finish(t callTarget, whole bool) {
	var s wire.CallInStatus
	v.count(func(now *wire.CallInStatus) { now.Running = false; s = *now })
	if s.Due == 0 {
		return
	}
	reason := fmt.Sprintf("%d of %d were invited, %d came by themselves", s.Invited, s.Due, s.There)
	if !whole {
		reason += "; it was broken off, because whom they were invited to serves no longer"
	}
	v.log.raise(events.CallInFinished, reason, logrus.Fields{
		"to": s.To, "term": t.term, "due": s.Due, "there": s.There, "invited": s.Invited, "answered": s.Answered, "refused": s.Refused, "unreachable": s.Unreachable,
	})
}

// now is the status for operators.
func (v *inviter) now(enabled bool) wire.CallInStatus {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.status
	s.Enabled, s.Known = enabled, v.known.Callable()
	if s.Running && s.To == wire.CallInToCloud {
		s.Held = site.Duration(v.heldFor().Round(time.Second))
	}
	return s
}
