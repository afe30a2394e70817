package broker_test

import (
	"slices"
	"testing"

	"understudy/broker"
	"understudy/site"
)

// The order of selection (design 6), each row with everything that comes later
// available too, so that only the order decides.
func TestSelectionOrder(t *testing.T) {
	session := func(id, user, resource string) []broker.Session {
		return []broker.Session{{ID: id, User: user, Resource: resource, State: broker.Active}}
	}
	for _, c := range []struct {
		name     string
		sessions map[string][]broker.Session
		loads    map[string]int
		exclude  []site.FQDN
		user     string
		resource string
		machine  site.FQDN
		existing bool
		assign   bool
	}{
		{
			name:     "LHC-37: reconnecting to an existing session is preferred to a new one",
			sessions: map[string][]broker.Session{"ts2": session("s", "bob", "desktop:office")},
			loads:    map[string]int{"ts2": 9000}, user: "bob", resource: "desktop:office", machine: "ts2", existing: true,
		},
		{
			name:     "LHC-37: in that group, also of another resource",
			sessions: map[string][]broker.Session{"ts2": session("s", "bob", "app:Writer")},
			user:     "bob", resource: "desktop:office", machine: "ts2", existing: true,
		},
		{
			name: "LHC-37: of two sessions the one of that resource",
			sessions: map[string][]broker.Session{
				"ts1": session("a", "bob", "desktop:office"), "ts2": session("b", "bob", "app:Writer"),
			},
			user: "bob", resource: "app:Writer", machine: "ts2", existing: true,
		},
		{
			name:     "a session in another group does not count",
			sessions: map[string][]broker.Session{"p2": session("s", "bob", "desktop:pool")},
			user:     "bob", resource: "desktop:office", machine: "ts1",
		},
		{
			name:     "somebody else's session does not count",
			sessions: map[string][]broker.Session{"ts1": session("s", "alice", "desktop:office")},
			user:     "bob", resource: "desktop:office", machine: "ts2",
		},
		{
			name:     "a machine that refused is not tried again, even with the session",
			sessions: map[string][]broker.Session{"ts2": session("s", "bob", "desktop:office")},
			exclude:  []site.FQDN{"ts2"}, user: "bob", resource: "desktop:office", machine: "ts1",
		},
		{
			name: "LHC-36: assigned desktops go to their user alone, whatever the case of the name",
			user: "ALICE", resource: "desktop:owned", machine: "own1",
		},
		{
			name: "LHC-36: a user without one gets a free one assigned",
			user: "bob", resource: "desktop:owned", machine: "own2", assign: true,
		},
		{
			name:  "LHC-36: multi-session hosts are load-balanced",
			loads: map[string]int{"ts1": 500, "ts2": 100, "ts3": 300}, user: "bob", resource: "desktop:office", machine: "ts2",
		},
		{
			name:  "a machine of twice the weight counts half as loaded",
			loads: map[string]int{"ts1": 500, "ts2": 400, "ts3": 700}, user: "bob", resource: "desktop:office", machine: "ts3",
		},
		{
			name:  "a full load takes nobody",
			loads: map[string]int{"ts1": 10000, "ts2": 9999, "ts3": 10000}, user: "bob", resource: "desktop:office", machine: "ts2",
		},
		{
			name: "equal machines by name at first",
			user: "bob", resource: "desktop:pool", machine: "p1",
		},
		{
			name:    "the excluded one is passed over",
			exclude: []site.FQDN{"p1"}, user: "bob", resource: "desktop:pool", machine: "p2",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := inOutage(company())
			for _, name := range []string{"p1", "p2", "own1", "own2", "ts1", "ts2", "ts3"} {
				r := b.registration(name)
				r.Sessions, r.Load = c.sessions[name], c.loads[name]
				b.announce(t, r)
			}
			req := staff(c.user, c.resource, "new")
			req.Exclude = map[site.FQDN]bool{}
			for _, name := range c.exclude {
				req.Exclude[name] = true
			}
			probe, err := b.Probe(b.now, req)
			if err != nil {
				t.Fatal(err)
			}
			held, err := b.Reserve(b.now, req)
			if err != nil {
				t.Fatal(err)
			}
			if held.Machine != c.machine || held.Reconnect != c.existing || held.Assign != c.assign {
				t.Errorf("got %s, reconnect %v, assign %v", held.Machine, held.Reconnect, held.Assign)
			}
			if probe.Machine != held.Machine {
				t.Errorf("the probe said %s, the launch got %s", probe.Machine, held.Machine)
			}
		})
	}
}

func TestTiesRotate(t *testing.T) {
	b := inOutage(company())
	b.register(t, "p1", "p2")
	var got []site.FQDN
	for range 4 {
		held, err := b.Reserve(b.now, staff("bob", "desktop:pool", "s"))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, held.Machine)
		b.Release(b.now, held)
	}
	if want := []site.FQDN{"p1", "p2", "p1", "p2"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestSeveralZonesPreferTheAskingOne(t *testing.T) {
	b := newBench(broker.Options{}, company())
	b.register(t, "p1", "pw")
	r := staff("bob", "desktop:pool", "s1")
	r.Zone = "west"
	first, _ := b.launch(t, r)
	other := staff("alice", "desktop:pool", "s2")
	other.Zone = "west"
	second, _ := b.launch(t, other)
	if first.Machine != "pw" || second.Machine != "p1" {
		t.Errorf("got %s, then %s, want the asking zone's machine, then that of the other", first.Machine, second.Machine)
	}
}

// LHC-36: an assignment made in the outage is a durable record, and stands.
func TestAssignmentStands(t *testing.T) {
	b := inOutage(company())
	b.register(t, "own2")
	held, records := b.launch(t, staff("bob", "desktop:owned", "s1"))
	wantKinds(t, records, broker.Launched, broker.Assignment)
	b.report(t, held, broker.SessionEnded)

	b.wantNoMachine(t, staff("carol", "desktop:owned", "s2"))
	again, records := b.launch(t, staff("bob", "desktop:owned", "s3"))
	wantKinds(t, records, broker.Launched)
	if again.Machine != "own2" || again.Assign {
		t.Errorf("got %s, assign %v, want own2 as bob's already", again.Machine, again.Assign)
	}

	next := inOutage(company())
	next.Apply([]broker.Record{{Kind: broker.Assignment, Machine: "own2", User: "Bob"}})
	next.register(t, "own2")
	next.wantOwner(t, "own2", "Bob")
}

func TestReleasedAssignmentIsUndone(t *testing.T) {
	b := inOutage(company())
	b.register(t, "own2")
	held, _ := b.launch(t, staff("bob", "desktop:owned", "s1"))
	if !b.Release(b.now, held) {
		t.Fatal("the reservation is still held")
	}
	b.wantOwner(t, "own2", "")
}

// LHC-25: a lease names the site's owner alone. A machine forgets its own mark once
// its lease names somebody; if an outage's assignment did that, the connectors of a
// zone that was split could give the machine to two users.
func TestLeaseNamesOnlyTheSitesOwner(t *testing.T) {
	b := inOutage(company())
	if lease, _ := b.announce(t, b.registration("own1")); lease.AssignedUser != "Alice" {
		t.Errorf("the lease names %q, want Alice, as the site does", lease.AssignedUser)
	}
	b.register(t, "own2")
	held, _ := b.launch(t, staff("bob", "desktop:owned", "s1"))
	b.wantOwner(t, "own2", "bob")
	lookedUp, err := b.Lookup(b.now, held.Lease)
	if err != nil {
		t.Fatal(err)
	}
	kept, _, err := b.Heartbeat(b.now, held.Lease, broker.Heartbeat{AssignedUser: "bob"})
	if err != nil {
		t.Fatal(err)
	}
	r := b.registration("own2")
	r.AssignedUser = "bob"
	anew, _ := b.announce(t, r)
	for name, lease := range map[string]broker.Lease{"look-up": lookedUp, "heartbeat": kept, "registration": anew} {
		if lease.AssignedUser != "" {
			t.Errorf("the lease of the %s names %q, want nobody", name, lease.AssignedUser)
		}
	}
}

// wantOwner checks whom the engine holds for the machine's owner.
func (b *bench) wantOwner(t testing.TB, machine site.FQDN, want string) {
	t.Helper()
	for _, r := range b.Registrations(b.now) {
		if r.Machine == machine {
			if r.AssignedUser != want {
				t.Errorf("the owner of %s is %q, want %q", machine, r.AssignedUser, want)
			}
			return
		}
	}
	t.Errorf("%s is not registered", machine)
}

// LHC-36: a machine that names its owner at registration is believed, unless the
// site says otherwise.
func TestRegistrationNamesTheOwner(t *testing.T) {
	for _, c := range []struct {
		name, machine, claims, owner string
		want                         []broker.RecordKind
	}{
		{"unassigned", "own2", "bob", "bob", []broker.RecordKind{broker.Registered, broker.Assignment}},
		{"the site's owner, in other case", "own1", "alice", "Alice", []broker.RecordKind{broker.Registered}},
		{"the site's owner stands", "own1", "bob", "Alice", []broker.RecordKind{broker.Registered, broker.Conflicting}},
		{"none named", "own2", "", "", []broker.RecordKind{broker.Registered}},
		{"not an assigned group", "ts1", "bob", "", []broker.RecordKind{broker.Registered}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := inOutage(company())
			r := b.registration(c.machine)
			r.AssignedUser = c.claims
			_, records := b.announce(t, r)
			wantKinds(t, records, c.want...)
			b.wantOwner(t, r.Machine, c.owner)
		})
	}
}

func TestTheMachineIsTheArbiterOfOurOwnAssignments(t *testing.T) {
	s := company()
	s.Machines = append(s.Machines, site.Machine{Name: "own3", Group: "owned", Zone: "east"})
	b := inOutage(s)
	b.Apply([]broker.Record{{Kind: broker.Assignment, Machine: "own2", User: "bob"}})
	r := b.registration("own2")
	r.AssignedUser = "carol"
	_, records := b.announce(t, r)
	wantKinds(t, records, broker.Registered, broker.Assignment, broker.Conflicting)
	b.wantOwner(t, "own2", "carol")
	b.register(t, "own3")
	if held, _ := b.launch(t, staff("bob", "desktop:owned", "s1")); held.Machine != "own3" {
		t.Errorf("bob got %s, want another one", held.Machine)
	}
}

// The user's second launch while the first is under way shares its reservation.
func TestConcurrentLaunchesOfOneUserShare(t *testing.T) {
	b := inOutage(company())
	b.register(t, "p1", "p2")
	first, _ := b.Reserve(b.now, staff("bob", "desktop:pool", "s1"))
	second, _ := b.Reserve(b.now, staff("bob", "desktop:pool", "s2"))
	if second.Machine != first.Machine || second.Session != "s1" || second.Reconnect {
		t.Fatalf("got %s on %s, want s1 on %s", second.Session, second.Machine, first.Machine)
	}
	if b.Release(b.now, second) {
		t.Error("the second's release took the reservation from the first")
	}
	wantKinds(t, b.Commit(b.now, first), broker.Launched)
	if s := b.Stats(); s.Reserved != 1 || s.Sessions != 1 {
		t.Errorf("stats %+v, want one reservation", s)
	}
}

// A zone that nobody reaches does not hold up a launch that another zone can serve.
func TestZonesThatNobodyReachesAreLeftOut(t *testing.T) {
	e := broker.New(broker.Options{Broker: "cloud"}, site.NewIndex(company()))
	for name, zone := range map[site.FQDN]string{"p1": "east", "p2": "east", "pw": "west"} {
		if _, _, err := e.Register(start, "of "+string(name), broker.Registration{Machine: name, Zone: zone, Callback: "http://" + string(name), Capacity: 1}); err != nil {
			t.Fatal(err)
		}
	}
	r := staff("bob", "desktop:pool", "s1")
	r.Zone, r.Without = "east", map[string]bool{"east": true}
	held, err := e.Reserve(start, r)
	if err != nil || held.Machine != "pw" {
		t.Errorf("got %s, %v; want pw", held.Machine, err)
	}
}
