package demo

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"understudy/agent"
	"understudy/site"
	"understudy/wire"
	"understudy/world"
	"understudy/zone"
)

// patience bounds one step; a whole story takes well under a minute.
const patience = 20 * time.Second

// act is one step of the story: something that is done, and what is then seen.
type act struct {
	name string
	do   func(ctx context.Context) error
	// see returns what is seen, or why the step has not happened yet.
	see func(ctx context.Context) (string, error)
}

// play goes through the story until a step does not happen.
func (s *stage) play(ctx context.Context) error {
	s.began = time.Now()
	for _, a := range s.story() {
		step := s.perform(ctx, a)
		s.tell(step)
		if !step.OK {
			return fmt.Errorf("%w: %s: %s", ErrFailed, step.Step, step.Detail)
		}
	}
	return nil
}

func (s *stage) perform(ctx context.Context, a act) Step {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(s.o.Patience, patience))
	defer cancel()
	began := time.Now()
	detail, err := s.until(ctx, a)
	step := Step{Step: a.name, OK: err == nil, At: s.o.Env.Now().UTC(), Took: site.Duration(time.Since(began)), Detail: detail}
	if err != nil {
		step.Detail = err.Error()
	}
	return step
}

func (s *stage) until(ctx context.Context, a act) (string, error) {
	if a.do != nil {
		if err := a.do(ctx); err != nil {
			return "", err
		}
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		detail, err := a.see(ctx)
		if err == nil {
			return detail, nil
		}
		select {
		case <-ctx.Done():
			return "", err
		case <-tick.C:
		}
	}
}

// story is the whole of it, in order.
func (s *stage) story() []act {
	names := s.world.Connectors()
	first, second := names[0].FQDN, names[1].FQDN
	others := []site.FQDN{names[1].FQDN, names[2].FQDN}
	pool := launch{user: "bob", resource: "desktop:pool"}
	return []act{
		{"synced", func(context.Context) error { return s.world.Start(s.running) }, s.synced},
		{"desktops registered with the cloud", nil, s.cloudHasDesktops},
		{"launched", nil, s.launches(launch{user: "alice", resource: "desktop:office"})},
		{"cloud cut", func(context.Context) error { s.world.KillCloud(); return nil }, func(context.Context) (string, error) { return "the cloud broker is gone", nil }},
		{"PendingHA", nil, s.state(first, zone.PendingHA)},
		{"InitialHA", nil, s.state(first, zone.InitialHA)},
		{"the elected serves, others reject", nil, s.serves(first, others...)},
		{"desktops registered", nil, s.registered(first)},
		{"launched in the outage", nil, s.launches(pool)},
		{"elected killed", func(context.Context) error { s.world.KillConnector(first); return nil }, func(context.Context) (string, error) { return string(first) + " is gone", nil }},
		{"next one takes over", nil, s.serves(second, names[2].FQDN)},
		{"desktops registered again", nil, s.registered(second)},
		{"launched again", nil, s.launches(launch{user: "carol", resource: "app:Writer"})},
		{"the first is back and takes over", func(context.Context) error { return s.world.StartConnector(s.running, first) }, s.serves(first, others...)},
		{"cloud back", func(context.Context) error { return s.world.StartCloud(s.running) }, func(context.Context) (string, error) { return "the cloud broker answers again", nil }},
		{"PendingRecovery", nil, s.state(first, zone.PendingRecovery)},
		{"Normal", nil, s.everywhere(zone.Normal)},
		{"desktops re-registered", nil, s.cloudHasDesktops},
		{"launched through the cloud", nil, s.reconnects(pool)},
	}
}

func (s *stage) agent(name site.FQDN) *agent.Agent { return s.world.Agent(name) }

func (s *stage) synced(context.Context) (string, error) {
	for _, c := range s.world.Connectors() {
		st := s.agent(c.FQDN).Status()
		switch {
		case st.Snapshot == nil:
			return "", fmt.Errorf("%s has no snapshot yet: %s", c.FQDN, st.Sync.Detail)
		case st.Starting || !st.Health.Healthy:
			return "", fmt.Errorf("%s is not healthy yet: %s", c.FQDN, st.Health.Reason)
		case len(st.Missing) > 1:
			return "", fmt.Errorf("%s: %s", c.FQDN, st.Missing[0])
		}
	}
	st := s.agent(s.world.Connectors()[0].FQDN).Status()
	return fmt.Sprintf("%d connectors use version %s; elected is %s", len(s.world.Connectors()), st.Snapshot.Version, st.Election.Elected), nil
}

func (s *stage) cloudHasDesktops(context.Context) (string, error) {
	n, err := s.world.CloudRegistrations()
	if err == nil && n < world.SmallDesktops {
		err = fmt.Errorf("%d of %d desktops are registered with the cloud broker", n, world.SmallDesktops)
	}
	return fmt.Sprintf("%d desktops are registered with the cloud broker", n), err
}

func (s *stage) state(name site.FQDN, want zone.State) func(context.Context) (string, error) {
	return func(context.Context) (string, error) {
		st := s.agent(name).Status()
		if st.State != want {
			return "", fmt.Errorf("%s is in %s: %s", name, st.State, st.Reason)
		}
		return fmt.Sprintf("%s: %s", name, st.Reason), nil
	}
}

func (s *stage) everywhere(want zone.State) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		for _, c := range s.world.Connectors() {
			if _, err := s.state(c.FQDN, want)(ctx); err != nil {
				return "", err
			}
		}
		return "every connector is in " + string(want), nil
	}
}

// serves: the elected one answers StoreFronts, the others refuse and name it.
func (s *stage) serves(elected site.FQDN, others ...site.FQDN) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		beats := s.beats(ctx)
		if b := beats[elected]; !b.serving {
			return "", fmt.Errorf("%s does not serve yet: %s", elected, b.reason)
		}
		for _, name := range others {
			if b := beats[name]; b.code != wire.CodeNotElected || b.elected != elected {
				return "", fmt.Errorf("%s does not reject and name %s yet: %s", name, elected, b.reason)
			}
		}
		return fmt.Sprintf("%s serves, %d reject and name it", elected, len(others)), nil
	}
}

func (s *stage) registered(name site.FQDN) func(context.Context) (string, error) {
	return func(context.Context) (string, error) {
		n := len(s.agent(name).Registrations().Items)
		if n < world.SmallDesktops {
			return "", fmt.Errorf("%d of %d desktops are registered with %s", n, world.SmallDesktops, name)
		}
		return fmt.Sprintf("%d desktops are registered with %s", n, name), nil
	}
}

// launch is what a user asks a StoreFront for.
type launch struct{ user, resource string }

func (s *stage) launches(l launch) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		a, err := s.world.Store().Launch(ctx, wire.LaunchRequest{User: l.user, Resource: l.resource})
		if err != nil {
			return "", err
		}
		r, err := s.world.Store().Redeem(ctx, wire.RedeemRequest{Ticket: a.Ticket})
		if err != nil {
			return "", fmt.Errorf("redeem the ticket: %w", err)
		}
		how := "opened"
		if a.Reconnected {
			how = "reconnected to"
		}
		return fmt.Sprintf("%s %s %s on %s (%s:%d)", l.user, how, l.resource, r.Machine, r.Address, r.Port), nil
	}
}

// reconnects: the session of the outage is still there, and the user gets it
// (RAS-03, LHC-37).
func (s *stage) reconnects(l launch) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		a, err := s.world.Store().Launch(ctx, wire.LaunchRequest{User: l.user, Resource: l.resource})
		if err == nil && !a.Reconnected {
			err = fmt.Errorf("%s got a new session on %s instead of the one from the outage", l.user, a.Machine)
		}
		return fmt.Sprintf("%s is back in the session on %s", l.user, a.Machine), err
	}
}
