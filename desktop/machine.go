package desktop

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/site"
	"understudy/wire"
)

// saver makes a state durable before it returns.
type saver interface{ Save(State) error }

// machine is one desktop host: its state, which every change saves before it
// shows, and its provider.
type machine struct {
	name     site.FQDN
	arbiter  Arbiter
	store    saver
	provider Provider
	wall     func() time.Time
	gate     func(context.Context) error
	log      logrus.FieldLogger
	// connectors are those of the configuration.
	connectors [][]string

	state  atomic.Pointer[State]
	turn   chan struct{} // one change at a time decides, saves and shows
	resets chan struct{}
	// resetAt is when the latest reset began; whoever has the turn may use it.
	resetAt time.Time
	// toTell wakes the registration loop, toExpire the one that ends reservations.
	toTell, toExpire chan struct{}
	called           *callIn
	with             atomic.Pointer[site.FQDN] // the broker that took its latest word; nil: none did
}

func newMachine(m *machine, state State) *machine {
	m.turn, m.resets = make(chan struct{}, 1), make(chan struct{}, 1)
	m.toTell, m.toExpire = make(chan struct{}, 1), make(chan struct{}, 1)
	m.called = newCallIn()
	m.state.Store(&state)
	return m
}

// now returns the state as it is on disk.
func (m *machine) now() State { return *m.state.Load() }

// change decides on the state, saves the new one and shows it. When the decision
// or the disk fails, nothing has changed.
func (m *machine) change(ctx context.Context, decide func(State) (State, error)) error {
	select {
	case m.turn <- struct{}{}:
		defer func() { <-m.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	was := m.now()
	next, err := decide(was)
	if err != nil {
		return err
	}
	if err := m.save(was, next); err != nil {
		return err
	}
	m.state.Store(&next)
	if next.resync != was.resync || next.Seq != was.Seq {
		poke(m.toTell)
	}
	poke(m.toExpire)
	return nil
}

func (m *machine) save(was, next State) error {
	if was.sameOnDisk(next) {
		return nil
	}
	err := m.gate(context.Background())
	if err == nil {
		err = m.store.Save(next)
	}
	if err != nil {
		m.log.WithError(err).Error("the desktop's state is not durable")
		return wire.NewProblem(http.StatusInternalServerError, wire.CodeDisk, "the desktop cannot save its state")
	}
	return nil
}

// prepare decides a prepare, durably, and then asks the provider. What the
// provider cannot do is taken back.
func (m *machine) prepare(ctx context.Context, p wire.Prepare) (wire.Prepared, error) {
	var verdict Verdict
	err := m.change(ctx, func(s State) (State, error) {
		next, v, err := m.arbiter.Prepare(time.Now(), s, Ask{Prepare: p, Wall: m.wall()})
		verdict = v
		return next, err
	})
	log := m.log.WithField(fieldSession, p.Session)
	if err != nil {
		log.WithField(fieldReason, err.Error()).Info("prepare refused")
		return wire.Prepared{}, err
	}
	log.WithField(fieldReason, verdict.Reason).Info("prepared")
	prepared, err := m.provider.Prepare(ctx, Seat{Session: verdict.Session, Command: p.Command})
	if err == nil {
		return prepared, nil
	}
	log.WithError(err).Error("the provider cannot prepare the session")
	m.takeBack(ctx, verdict.Session)
	return wire.Prepared{}, wire.NewProblem(http.StatusInternalServerError, wire.CodeInternal, "the desktop cannot prepare the session")
}

func (m *machine) takeBack(ctx context.Context, s wire.Session) {
	if s.State != wire.Reserved {
		return
	}
	if err := m.end(context.WithoutCancel(ctx), s.ID, true); err != nil {
		m.log.WithField(fieldSession, s.ID).WithError(err).Warn("the reservation stays until its life ends")
	}
}

// happened takes over an event of the provider or of the simulation.
func (m *machine) happened(ctx context.Context, e Event) error {
	if e.Seen != nil {
		return m.seen(ctx, e.Seen)
	}
	if e.Boot != "" {
		m.log.WithField(fieldBoot, e.Boot).Info("booted")
		return m.change(ctx, func(s State) (State, error) { return s.Booted(e.Boot), nil })
	}
	err := m.change(ctx, func(s State) (State, error) { return s.Happened(e.Session, e.Event) })
	if err == nil {
		m.log.WithFields(logrus.Fields{fieldSession: e.Session, fieldReason: e.Event}).Info("session event")
	}
	return err
}

// told is how the provider tells of an event: whoever comes without a reservation
// is logged off.
func (m *machine) told(ctx context.Context, e Event) error {
	err := m.happened(ctx, e)
	arrives := e.Event == wire.SessionStarted || e.Event == wire.SessionConnected
	if arrives && wire.IsCode(err, wire.CodeNotFound) {
		m.endAtProvider(ctx, wire.Session{ID: e.Session})
	}
	return err
}

// seen takes over what runs on the host. Whoever is there without a reservation is
// logged off.
func (m *machine) seen(ctx context.Context, list []Presence) error {
	var news []string
	var strangers []Presence
	err := m.change(ctx, func(s State) (State, error) {
		s, news, strangers = s.Observed(list)
		return s, nil
	})
	if err != nil {
		return err
	}
	for _, line := range news {
		m.log.WithField(fieldReason, line).Info("session event")
	}
	for _, p := range strangers {
		m.log.WithField(fieldReason, "nobody has reserved the desktop for "+p.User).Warn("a session is ended")
		m.endAtProvider(ctx, wire.Session{User: p.User})
	}
	return nil
}

// end logs a session off, or withdraws its reservation. With withdraw it leaves
// alone what somebody has connected to.
func (m *machine) end(ctx context.Context, session string, withdraw bool) error {
	held := wire.Session{ID: session}
	err := m.change(ctx, func(s State) (State, error) {
		if i := s.find(session); i >= 0 {
			held = s.Sessions[i].Session
		}
		if withdraw {
			return s.Withdrawn(session)
		}
		return s.Happened(session, wire.SessionEnded)
	})
	if err != nil {
		return err
	}
	m.endAtProvider(ctx, held)
	return nil
}

// disconnect sends a session's user away, where the provider can. That the user is gone
// it tells itself.
func (m *machine) disconnect(ctx context.Context, session string) error {
	list := m.now().sessions()
	i := slices.IndexFunc(list, func(s wire.Session) bool { return s.ID == session })
	if i < 0 {
		return wire.Problemf(http.StatusNotFound, wire.CodeNotFound, "there is no session %q", wire.Clip(session))
	}
	provider, can := m.provider.(Disconnector)
	if !can {
		return errNoDisconnect
	}
	err := provider.Disconnect(ctx, list[i])
	if err != nil && !errors.Is(err, errNoDisconnect) {
		m.log.WithField(fieldSession, session).WithError(err).Error("the provider cannot disconnect the session")
		return wire.NewProblem(http.StatusInternalServerError, wire.CodeInternal, "the desktop cannot disconnect the session")
	}
	return err
}

// errNoDisconnect is a provider's that has nothing to send users away with.
var errNoDisconnect = wire.NewProblem(http.StatusConflict, wire.CodeConflict, "this host cannot disconnect a session")

func (m *machine) endAtProvider(ctx context.Context, session wire.Session) {
	if err := m.provider.End(ctx, session); err != nil {
		m.log.WithField(fieldSession, session.ID).WithError(err).Error("the provider cannot end the session")
	}
}

// poke wakes who waits on c, now or next time.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
