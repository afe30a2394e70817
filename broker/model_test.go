package broker_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"understudy/broker"
	"understudy/site"
)

// model is what an engine should know, kept in the plainest way. It has one group
// of each kind in one zone.
type model struct {
	*bench
	site  *site.Site
	index *site.Index
	hosts map[site.FQDN]*modelHost
	ids   int
}

type modelHost struct {
	machine  site.Machine
	kind     site.Kind
	owner    string
	used     bool
	load     int
	atLoad   int
	sessions map[string]broker.Reservation
	started  map[string]bool
}

func newModel() *model {
	s := &site.Site{Name: "acme", Zones: []site.Zone{{Name: "east"}}, Groups: []site.DeliveryGroup{
		{Name: "pool", Kind: site.Pooled, Zones: []string{"east"}, Desktop: "P"},
		{Name: "owned", Kind: site.Assigned, Zones: []string{"east"}, Desktop: "O"},
		{Name: "office", Kind: site.MultiSession, Zones: []string{"east"}, Desktop: "M"},
	}}
	for i := range 4 {
		for _, g := range s.Groups {
			m := site.Machine{Name: site.FQDN(fmt.Sprintf("%s%d", g.Name, i)), Group: g.Name, Zone: "east"}
			if g.Kind == site.MultiSession {
				m.Capacity, m.Weight = 3, 100+50*i
			}
			s.Machines = append(s.Machines, m)
		}
	}
	for _, g := range s.Groups {
		s.Entitlements = append(s.Entitlements, site.Entitlement{UserGroup: "staff", Desktop: g.Name})
	}
	return &model{bench: inOutage(s), site: s, index: site.NewIndex(s), hosts: map[site.FQDN]*modelHost{}}
}

// candidates are the machines that the user may get without a session anywhere,
// best first, ties together.
func (m *model) candidates(user, group string) []site.FQDN {
	least := 1 << 30
	var found []site.FQDN
	for _, name := range slices.Sorted(maps.Keys(m.hosts)) {
		h := m.hosts[name]
		if h.machine.Group != group || !h.free() || h.kind == site.Assigned && h.owner != "" && h.owner != user {
			continue
		}
		switch load := h.loadIndex(); {
		case load < least:
			least, found = load, []site.FQDN{name}
		case load == least:
			found = append(found, name)
		}
	}
	return found
}

func (h *modelHost) free() bool {
	switch h.kind {
	case site.Pooled:
		return len(h.sessions) == 0 && !h.used
	case site.Assigned:
		return len(h.sessions) == 0
	default:
		return len(h.sessions) < 3 && h.load < 10000
	}
}

func (h *modelHost) loadIndex() int {
	if h.kind != site.MultiSession {
		return 0
	}
	share := len(h.sessions) * 10000 / 3
	return max(share, h.load+max(0, len(h.sessions)-h.atLoad)*10000/3) * 100 / h.machine.Weight
}

func (m *model) register(t *rapid.T) {
	machine := rapid.SampledFrom(m.site.Machines).Draw(t, "machine")
	machine, _ = m.index.Machine(machine.Name)
	if m.hosts[machine.Name] != nil {
		return
	}
	group, _ := m.index.Group(machine.Group)
	h := &modelHost{machine: machine, kind: group.Kind, sessions: map[string]broker.Reservation{}, started: map[string]bool{}}
	if h.kind == site.MultiSession {
		h.load = rapid.IntRange(0, 10000).Draw(t, "load")
	}
	m.hosts[machine.Name] = h
	m.announce(t, broker.Registration{Machine: machine.Name, Zone: "east", Capacity: 50, Load: h.load})
}

func (m *model) launchOne(t *rapid.T) {
	user := rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f"}).Draw(t, "user")
	group := rapid.SampledFrom(m.site.Groups).Draw(t, "group").Name
	m.ids++
	id := fmt.Sprintf("s%d", m.ids)
	held, err := m.Reserve(m.now, staff(user, site.DesktopID(group), id))
	if at, session, ok := m.sessionOf(user, group); ok {
		if err != nil || held.Machine != at || held.Session != session {
			t.Fatalf("LHC-37: %s has %s on %s, got %+v, %v", user, session, at, held, err)
		}
		m.Release(m.now, held)
		return
	}
	want := m.candidates(user, group)
	if own := m.ownOf(user, group); own != nil {
		want = slices.DeleteFunc(want, func(n site.FQDN) bool { return m.hosts[n] != own })
	}
	if err != nil {
		if len(want) > 0 {
			t.Fatalf("%s of %s: %v, want one of %v", group, user, err, want)
		}
		return
	}
	if !slices.Contains(want, held.Machine) {
		t.Fatalf("%s of %s got %s, want one of %v", group, user, held.Machine, want)
	}
	m.settle(t, held)
}

// settle commits or releases a new reservation.
func (m *model) settle(t *rapid.T, held broker.Reservation) {
	if !rapid.Bool().Draw(t, "commit") {
		m.Release(m.now, held)
		return
	}
	m.Commit(m.now, held)
	h := m.hosts[held.Machine]
	h.sessions[held.Session] = held
	if h.kind == site.Assigned {
		h.owner = held.User
	}
}

func (m *model) sessionOf(user, group string) (site.FQDN, string, bool) {
	for name, h := range m.hosts {
		for id, s := range h.sessions {
			if s.User == user && h.machine.Group == group {
				return name, id, true
			}
		}
	}
	return "", "", false
}

func (m *model) ownOf(user, group string) *modelHost {
	for _, h := range m.hosts {
		if h.owner == user && h.machine.Group == group {
			return h
		}
	}
	return nil
}

// step reports the next event of some session: started, then ended.
func (m *model) step(t *rapid.T) {
	for _, name := range slices.Sorted(maps.Keys(m.hosts)) {
		h := m.hosts[name]
		for _, id := range slices.Sorted(maps.Keys(h.sessions)) {
			if !rapid.Bool().Draw(t, "this one") {
				continue
			}
			if !h.started[id] {
				h.started[id], h.used = true, true
				m.report(t, h.sessions[id], broker.SessionStarted)
				return
			}
			m.report(t, h.sessions[id], broker.SessionEnded)
			delete(h.sessions, id)
			return
		}
	}
}

func (m *model) heartbeat(t *rapid.T) {
	for _, name := range slices.Sorted(maps.Keys(m.hosts)) {
		h := m.hosts[name]
		if h.kind == site.MultiSession {
			h.load, h.atLoad = rapid.IntRange(0, 10000).Draw(t, "load"), len(h.sessions)
		}
		h.used = h.used && h.kind == site.Pooled
		if _, _, err := m.Heartbeat(m.now, "lease-"+string(name), broker.Heartbeat{Load: h.load, Used: h.used}); err != nil {
			t.Fatal(err)
		}
	}
}

func (m *model) check(t *rapid.T) {
	perMachine, want := map[site.FQDN]int{}, 0
	for _, s := range m.Sessions() {
		perMachine[s.Machine]++
	}
	for name, h := range m.hosts {
		want += len(h.sessions)
		if h.kind != site.MultiSession && perMachine[name] > 1 || perMachine[name] > 3 {
			t.Fatalf("%s holds %d sessions", name, perMachine[name])
		}
	}
	if got, counted := len(m.Sessions()), m.Stats().Sessions; got != want || counted != want {
		t.Fatalf("%d sessions, %d counted, want %d", got, counted, want)
	}
}

// LHC-34, LHC-36, LHC-37: whatever happens in whatever order, a single-session
// desktop never has two sessions, a used one gets no new user, an assigned one
// only its own, an existing session comes first, and of the rest the least loaded
// machine is chosen.
func TestEngineAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel()
		t.Repeat(map[string]func(*rapid.T){
			"register":  m.register,
			"launch":    m.launchOne,
			"report":    m.step,
			"heartbeat": m.heartbeat,
			"time": func(*rapid.T) {
				m.now = m.now.Add(time.Millisecond)
				m.Expire(m.now)
			},
			"": m.check,
		})
	})
}
