package load

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"understudy/desktop"
	"understudy/site"
	"understudy/wire"
)

// machine is one simulated desktop. It goes by the rules of a real one, in memory.
type machine struct {
	Machine
	callback string
	timer    *time.Timer
	client   *http.Client

	mu         sync.Mutex // guards all below
	state      desktop.State
	broker     site.FQDN // of the lease
	registered bool
	resync     bool // brokers must hear of all sessions
	interval   time.Duration
	due        time.Time // of the next heartbeat
	present    string    // the connector that answered last
	failures   int
	busy       bool   // its round is on
	again      bool   // something to tell came up in the round
	invited    uint64 // the term of the latest invitation
}

// follow has the next request be a registration with who invites. It is called with
// the lock held.
func (m *machine) follow(i wire.Invitation) {
	m.registered, m.invited, m.failures = false, i.Term, 0
	if len(i.Connectors) > 0 {
		m.present = strings.TrimSuffix(i.Connectors[0], "/")
	}
}

// decide changes the state by a rule of desktops.
func (m *machine) decide(rule func(desktop.State) (desktop.State, error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	next, err := rule(m.state)
	if err == nil {
		m.state = next
	}
	return err
}

// prepare takes a user in, or refuses as a real desktop does.
func (m *machine) prepare(p wire.Prepare) (wire.Prepared, error) {
	arbiter := desktop.Arbiter{Capacity: m.Capacity}
	err := m.decide(func(s desktop.State) (desktop.State, error) {
		before := ids(s)
		next, _, err := arbiter.Prepare(time.Now(), s, desktop.Ask{Prepare: p, Wall: time.Now()})
		m.resync = m.resync || err == nil && renamed(before, ids(next))
		return next, err
	})
	return wire.Prepared{Address: string(m.Name), Port: 3389, Protocol: "rdp"}, err
}

// renamed reports whether a session goes by another name now.
func renamed(before, after []string) bool {
	return len(before) == len(after) && !slices.Equal(before, after)
}

func ids(s desktop.State) []string {
	list := make([]string, 0, len(s.Sessions))
	for _, h := range s.Sessions {
		list = append(list, h.ID)
	}
	return list
}

func (m *machine) happened(session string, event wire.SessionEvent) error {
	return m.decide(func(s desktop.State) (desktop.State, error) { return s.Happened(session, event) })
}

func (m *machine) end(session string, withdraw bool) error {
	return m.decide(func(s desktop.State) (desktop.State, error) {
		if withdraw {
			return s.Withdrawn(session)
		}
		return s.Happened(session, wire.SessionEnded)
	})
}

// registration is called with the lock held, as are those below.
func (m *machine) registration(zone string) wire.Registration {
	return wire.Registration{
		Machine: m.Name, Zone: zone, AgentVersion: "load", Protocol: wire.VDAProtocol, Callback: m.callback,
		Capacity: m.Capacity, Load: m.load(), Term: m.state.Term, Used: m.state.Used, AssignedUser: m.state.AssignedUser,
		Sessions: m.sessions(),
	}
}

func (m *machine) heartbeat() wire.Heartbeat {
	h := wire.Heartbeat{Load: m.load(), Term: m.state.Term, Used: m.state.Used, AssignedUser: m.state.AssignedUser}
	if m.resync {
		sessions := m.sessions()
		h.Sessions = &sessions
	}
	return h
}

func (m *machine) load() int { return min(10000, len(m.state.Sessions)*10000/max(1, m.Capacity)) }

func (m *machine) sessions() []wire.Session {
	list := make([]wire.Session, 0, len(m.state.Sessions))
	for _, h := range m.state.Sessions {
		list = append(list, h.Session)
	}
	return list
}
