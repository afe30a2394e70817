package broker_test

import (
	"testing"

	"understudy/broker"
	"understudy/site"
)

func dynamicFarm() *site.Site {
	s := farm(site.RoundRobin, 100, 100, 100)
	s.Groups[0].Dynamic = true
	return s
}

// VPN-03: "dynamic resources exist on one member at a time and move when it fails",
// also by maintenance and by a prepare that fails; then they stay where they went.
func TestDynamicGroupIsOnOneHost(t *testing.T) {
	for _, c := range []struct {
		name string
		fail func(*bench)
		back func(*bench)
	}{
		{"its lease ends", func(b *bench) { _, _ = b.Unregister(b.now, "lease-h1") }, func(b *bench) { b.register(t, "h1") }},
		{"maintenance", func(b *bench) {
			s := dynamicFarm()
			s.Machines[0].Maintenance = true
			b.SetIndex(site.NewIndex(s))
		}, func(b *bench) { b.SetIndex(site.NewIndex(dynamicFarm())) }},
		{"its prepare fails", func(b *bench) {
			held, _ := b.Reserve(b.now, staff("x", "desktop:farm", "sx"))
			b.Release(b.now, held)
			b.PutAside(b.now, held, broker.Silent)
		}, func(b *bench) { b.register(t, "h1") }},
	} {
		b := inOutage(dynamicFarm())
		b.register(t, "h1", "h2", "h3")
		if got, want := b.launches(t, 4), "h1 h1 h1 h1"; got != want {
			t.Errorf("%s: %s, want %s", c.name, got, want)
		}
		c.fail(b)
		if got, want := b.launches(t, 3), "h2 h2 h2"; got != want {
			t.Errorf("%s: %s, want %s", c.name, got, want)
		}
		c.back(b)
		if got, want := b.launches(t, 2), "h2 h2"; got != want {
			t.Errorf("%s, and it is back: %s, want %s", c.name, got, want)
		}
	}
}

// VPN-03: a broker that starts anew finds the resource where its sessions are, also
// when the host that has most of them registers after the first launch.
func TestDynamicGroupOverARestart(t *testing.T) {
	b := inOutage(dynamicFarm())
	b.register(t, "h1", "h2")
	b.launches(t, 1)
	r := b.registration("h3")
	for _, user := range []string{"a", "b", "c"} {
		r.Sessions = append(r.Sessions, broker.Session{ID: "s" + user, User: user, Resource: "desktop:farm", State: broker.Active})
	}
	b.announce(t, r)
	if got, want := b.launches(t, 3), "h3 h3 h3"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// VPN-03: "… and move when it fails": that another broker takes over is no reason to
// move, though the host that had failed is back with most of the sessions.
func TestDynamicGroupOverATakeover(t *testing.T) {
	b, index := inOutage(dynamicFarm()), site.NewIndex(dynamicFarm())
	b.Mirror()
	b.register(t, "h1", "h2")
	r := b.registration("h1")
	for _, user := range []string{"a", "b", "c"} {
		r.Sessions = append(r.Sessions, broker.Session{ID: "s" + user, User: user, Resource: "desktop:farm", State: broker.Active})
	}
	b.launches(t, 1)
	_, _ = b.Unregister(b.now, "lease-h1")
	b.launches(t, 1)
	b.announce(t, r)
	tail, _ := b.Tail(b.now, 0, 100, nil)
	b.Engine = broker.New(broker.Options{Broker: "cc2", Zone: "east", HA: true}, index)
	b.Import(b.now, tail.Items)
	if got, want := b.launches(t, 2), "h2 h2"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A host that is full does not make the resource move.
func TestFullDynamicGroup(t *testing.T) {
	s := dynamicFarm()
	s.Machines[0].Capacity = 2
	b := inOutage(s)
	b.register(t, "h1", "h2")
	b.launches(t, 2)
	b.wantNoMachine(t, staff("x", "desktop:farm", "sx"))
}

// VPN-03: of a dynamic application too, while the desktops of the same hosts are
// balanced.
func TestDynamicApplication(t *testing.T) {
	s := farm(site.RoundRobin, 100, 100, 100)
	s.Applications = []site.Application{{Name: "Ledger", Groups: []string{"farm"}, Dynamic: true}}
	s.Entitlements = append(s.Entitlements, site.Entitlement{UserGroup: "staff", Application: "Ledger"})
	b := inOutage(s)
	b.register(t, "h1", "h2", "h3")
	first, _ := b.launch(t, staff("a", "app:Ledger", "s-a"))
	if got, want := b.launches(t, 3), "h2 h3 h1"; got != want {
		t.Errorf("desktops: %s, want %s", got, want)
	}
	for _, user := range []string{"u1", "b"} { // u1 has a desktop on h2
		if held, _ := b.launch(t, staff(user, "app:Ledger", "s-"+user)); held.Machine != first.Machine {
			t.Errorf("%s got the application on %s, want %s", user, held.Machine, first.Machine)
		}
	}
}

// VPN-03, VPN-05: a dynamic application does not move, and so is not on two hosts, where
// the group of its host has as many sessions as it may have: there is no room.
func TestDynamicApplicationAtALimit(t *testing.T) {
	s := farm(site.RoundRobin, 100)
	s.Groups[0].MaxSessions = 1
	other := s.Groups[0]
	other.Name, other.MaxSessions = "other", 0
	s.Groups = append(s.Groups, other)
	s.Machines = append(s.Machines, site.Machine{Name: "o1", Group: "other", Zone: "east", Capacity: s.Machines[0].Capacity, Weight: 100})
	s.Applications = []site.Application{{Name: "Ledger", Groups: []string{"farm", "other"}, Dynamic: true}}
	s.Entitlements = append(s.Entitlements, site.Entitlement{UserGroup: "staff", Application: "Ledger"})
	b := inOutage(s)
	b.register(t, "h1")
	if held, _ := b.launch(t, staff("a", "app:Ledger", "s-a")); held.Machine != "h1" {
		t.Fatalf("got %s", held.Machine)
	}
	b.register(t, "o1")
	b.wantNoMachine(t, staff("b", "app:Ledger", "s-b"))
	if _, err := b.Unregister(b.now, "lease-h1"); err != nil {
		t.Fatal(err)
	}
	if held, _ := b.launch(t, staff("b", "app:Ledger", "s-b")); held.Machine != "o1" {
		t.Errorf("got %s once its host has failed", held.Machine)
	}
}

// VPN-03: a copy knows where a dynamic application is also when that is what changed
// of a session that it has.
func TestDynamicApplicationInACopy(t *testing.T) {
	s := farm(site.LeastLoad, 100, 100)
	s.Applications = []site.Application{{Name: "Ledger", Groups: []string{"farm"}, Dynamic: true}}
	s.Entitlements = append(s.Entitlements, site.Entitlement{UserGroup: "staff", Application: "Ledger"})
	b := inOutage(s)
	b.register(t, "h1", "h2")
	for _, resource := range []string{"desktop:farm", "app:Ledger"} {
		b.Import(b.now, []broker.Item{{
			Kind: broker.ItemSession, Machine: "h2", Session: &broker.Session{ID: "s1", User: "ann", Resource: resource, State: broker.Active},
		}})
	}
	if held, _ := b.launch(t, staff("bob", "app:Ledger", "s2")); held.Machine != "h2" {
		t.Errorf("got %s, want h2, where the application is", held.Machine)
	}
}
