package desktop

import (
	"context"
	"time"

	"understudy/wire"
)

// watch runs the provider for as long as ctx lives.
func (m *machine) watch(ctx context.Context) error {
	return m.provider.Watch(ctx, func(e Event) error { return m.told(ctx, e) })
}

// expire withdraws reservations whose users have not come, on the host too.
func (m *machine) expire(ctx context.Context, gate func(context.Context) error) error {
	for gate(ctx) == nil {
		if err := m.withdraw(ctx); err != nil {
			m.log.WithError(err).Warn("cannot withdraw a reservation")
		}
		m.untilExpiry(ctx)
	}
	return nil
}

func (m *machine) withdraw(ctx context.Context) error {
	now := time.Now()
	if _, due := m.now().Expire(now); len(due) == 0 {
		return nil
	}
	var withdrawn []wire.Session
	err := m.change(ctx, func(s State) (State, error) {
		s, withdrawn = s.Expire(now)
		return s, nil
	})
	if err != nil {
		return err
	}
	for _, session := range withdrawn {
		m.log.WithField(fieldSession, session.ID).Info("the reservation's life is over")
		m.endAtProvider(ctx, session)
	}
	return nil
}

// untilExpiry waits for the next reservation to end, or for the state to change;
// a second at least after a failure.
func (m *machine) untilExpiry(ctx context.Context) {
	pause := time.Hour
	if at, ok := m.now().NextExpiry(); ok {
		if pause = time.Until(at); pause <= 0 {
			pause = time.Second
		}
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-m.toExpire:
	}
}

// resetPatience is how long a reset may take before another request begins a new one.
const resetPatience = 2 * time.Minute

// askReset decides a request for a reset, durably, and has it run. While one is
// under way a second is agreed to and does nothing: it would end the session of
// whoever comes after the first. One that does not come to its end is begun again.
func (m *machine) askReset(ctx context.Context, r wire.Reset) error {
	begins := false
	err := m.change(ctx, func(s State) (State, error) {
		next, err := s.Reset(r)
		begins = err == nil && (!s.resetting || time.Since(m.resetAt) > resetPatience)
		if begins {
			m.resetAt = time.Now()
		}
		return next, err
	})
	if err != nil {
		m.log.WithField(fieldReason, err.Error()).Info("reset refused")
		return err
	}
	if begins {
		poke(m.resets)
	}
	return nil
}

// reset runs the resets that were accepted.
func (m *machine) reset(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-m.resets:
			m.resetNow(ctx)
		}
	}
}

func (m *machine) resetNow(ctx context.Context) {
	m.log.Info("resetting")
	err := m.provider.Reset(ctx)
	if err == nil || ctx.Err() != nil {
		return
	}
	m.log.WithError(err).Error("the provider cannot reset the desktop")
	_ = m.change(ctx, func(s State) (State, error) {
		s.resetting = false
		return s, nil
	})
}
