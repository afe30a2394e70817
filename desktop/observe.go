package desktop

import (
	"context"
	"fmt"

	"understudy/site"
	"understudy/wire"
)

// Holding is what one machine holds at the moment, as it is on its disk.
type Holding struct {
	Lease    string
	Term     uint64
	Used     bool
	Boot     string
	Sessions []wire.Session
}

// Holding shows what a machine of this process holds, for who runs the agent in
// its own process.
func (a *Agent) Holding(name site.FQDN) (Holding, bool) {
	for _, m := range a.machines {
		if m.name == name {
			s := m.now()
			return Holding{Lease: s.Lease, Term: s.Term, Used: s.Used, Boot: s.Boot, Sessions: s.sessions()}, true
		}
	}
	return Holding{}, false
}

// Act does to a session what its user would do, as the simulation paths do.
func (a *Agent) Act(ctx context.Context, name site.FQDN, session string, event wire.SessionEvent) error {
	for _, m := range a.machines {
		if m.name == name {
			return m.happened(ctx, Event{Session: session, Event: event})
		}
	}
	return fmt.Errorf("%s is not a machine of this process", name)
}
