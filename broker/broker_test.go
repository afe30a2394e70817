package broker_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"understudy/broker"
	"understudy/site"
)

// start is the moment at which the tests' engines begin.
var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// company is a site with every kind of group. Zone west has no multi-session hosts.
func company() *site.Site {
	machine := func(name, group, zone string) site.Machine {
		return site.Machine{Name: site.FQDN(name), Group: group, Zone: zone}
	}
	big := machine("ts3", "office", "east")
	big.Weight = 200
	owned := machine("own1", "owned", "east")
	owned.AssignedUser = "Alice"
	return &site.Site{
		Name:  "acme",
		Zones: []site.Zone{{Name: "east"}, {Name: "west"}},
		Groups: []site.DeliveryGroup{
			{Name: "pool", Kind: site.Pooled, Zones: []string{"east", "west"}, Desktop: "Pool"},
			{Name: "owned", Kind: site.Assigned, Zones: []string{"east", "west"}, Desktop: "My desktop"},
			{Name: "office", Kind: site.MultiSession, Zones: []string{"east"}, Desktop: "Office"},
		},
		Machines: []site.Machine{
			machine("p1", "pool", "east"), machine("p2", "pool", "east"), machine("pw", "pool", "west"),
			owned, machine("own2", "owned", "east"), machine("ow", "owned", "west"),
			machine("ts1", "office", "east"), machine("ts2", "office", "east"), big,
		},
		Applications: []site.Application{{Name: "Writer", Groups: []string{"office"}, Command: "writer.exe"}},
		Users:        []site.User{{Name: "alice", Groups: []string{"staff"}}, {Name: "bob", Groups: []string{"staff"}}, {Name: "guest"}},
		Entitlements: []site.Entitlement{
			{UserGroup: "staff", Desktop: "pool"},
			{UserGroup: "staff", Desktop: "owned"},
			{UserGroup: "staff", Desktop: "office"},
			{UserGroup: "staff", Application: "Writer"},
		},
	}
}

func staff(user, resource, session string) broker.LaunchRequest {
	return broker.LaunchRequest{User: user, Groups: []string{"staff"}, Resource: resource, Session: session}
}

// bench is an engine with a clock and the helpers of these tests.
type bench struct {
	*broker.Engine
	now time.Time
	seq uint64
}

func newBench(o broker.Options, s *site.Site) *bench {
	return &bench{Engine: broker.New(o, site.NewIndex(s)), now: start}
}

func inOutage(s *site.Site) *bench {
	return newBench(broker.Options{Broker: "cc01", Zone: "east", HA: true}, s)
}

func (b *bench) registration(name string) broker.Registration {
	zone := "east"
	if name == "pw" || name == "ow" {
		zone = "west"
	}
	return broker.Registration{Machine: site.FQDN(name), Zone: zone, Callback: "http://" + name, Capacity: 50}
}

func (b *bench) register(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		b.announce(t, b.registration(name))
	}
}

func (b *bench) announce(t rapid.TB, r broker.Registration) (broker.Lease, []broker.Record) {
	t.Helper()
	lease, records, err := b.Register(b.now, "lease-"+string(r.Machine), r)
	if err != nil {
		t.Fatalf("register %s: %v", r.Machine, err)
	}
	return lease, records
}

func (b *bench) launch(t testing.TB, r broker.LaunchRequest) (broker.Reservation, []broker.Record) {
	t.Helper()
	held, err := b.Reserve(b.now, r)
	if err != nil {
		t.Fatalf("reserve %s for %s: %v", r.Resource, r.User, err)
	}
	return held, b.Commit(b.now, held)
}

func (b *bench) report(t rapid.TB, held broker.Reservation, event broker.SessionEvent) ([]broker.Record, []broker.Reset) {
	t.Helper()
	b.seq++
	records, resets, err := b.Report(b.now, held.Lease, broker.Report{
		Seq: b.seq, Event: event, Used: true,
		Session: broker.Session{ID: held.Session, User: held.User, Resource: held.Resource, State: broker.Active},
	})
	if err != nil {
		t.Fatalf("report %s of %s: %v", event, held.Session, err)
	}
	return records, resets
}

func kinds(records []broker.Record) []broker.RecordKind {
	var list []broker.RecordKind
	for _, r := range records {
		list = append(list, r.Kind)
	}
	return list
}

func wantKinds(t testing.TB, got []broker.Record, want ...broker.RecordKind) {
	t.Helper()
	if !slices.Equal(kinds(got), want) {
		t.Fatalf("records are %v, want %v", kinds(got), want)
	}
}

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	if refusal, ok := errors.AsType[*broker.Refusal](err); !ok || refusal.Code != code {
		t.Fatalf("error is %v, want a refusal %s", err, code)
	}
}

func wantZones(t testing.TB, err error, want ...string) {
	t.Helper()
	if refusal, ok := errors.AsType[*broker.Refusal](err); !ok || !slices.Equal(refusal.Zones, want) {
		t.Errorf("refusal %+v, want one that names the zones %v", err, want)
	}
}

func (b *bench) wantNoMachine(t testing.TB, r broker.LaunchRequest) {
	t.Helper()
	_, err := b.Reserve(b.now, r)
	wantCode(t, err, broker.CodeNoMachine)
}

// LHC-31: "It starts with no registration data; registering, a VDA also hands over
// its current sessions."
func TestRegistrationHandsOverSessions(t *testing.T) {
	b := inOutage(company())
	b.wantNoMachine(t, staff("bob", "desktop:pool", "s1"))
	r := b.registration("p1")
	r.Sessions = []broker.Session{{ID: "old", User: "Bob", Resource: "desktop:pool", State: broker.Disconnected}}
	b.announce(t, r)
	held, records := b.launch(t, staff("bob", "desktop:pool", "s2"))
	if held.Session != "old" || !held.Reconnect {
		t.Fatalf("got session %s, reconnect %v, want the session handed over", held.Session, held.Reconnect)
	}
	wantKinds(t, records)
}

// LHC-32: "A broker drops a registration after two missed periods."
func TestLeaseLapsesAfterTwoMissedPeriods(t *testing.T) {
	b := inOutage(company())
	lease, _ := b.announce(t, b.registration("p1"))
	if lease.Interval != 5*time.Minute || lease.Lifetime != 10*time.Minute {
		t.Fatalf("interval %s, lifetime %s, want 5m and twice that", lease.Interval, lease.Lifetime)
	}
	b.now = start.Add(lease.Lifetime - 1)
	if _, err := b.Lookup(b.now, lease.ID); err != nil {
		t.Fatalf("lapsed too early: %v", err)
	}
	b.now = start.Add(lease.Lifetime)
	_, _, err := b.Heartbeat(b.now, lease.ID, broker.Heartbeat{})
	wantCode(t, err, broker.CodeLeaseUnknown)
	wantKinds(t, b.Expire(b.now), broker.Dropped)
	wantKinds(t, b.Expire(b.now))
}

func TestHeartbeatKeepsLease(t *testing.T) {
	b := inOutage(company())
	lease, _ := b.announce(t, b.registration("p1"))
	for range 5 {
		b.now = b.now.Add(lease.Lifetime - 1)
		if _, _, err := b.Heartbeat(b.now, lease.ID, broker.Heartbeat{}); err != nil {
			t.Fatal(err)
		}
	}
}

// LHC-33: "Each zone is a pod of its own in HA mode: only its own VDAs, no
// cross-zone brokering."
func TestPodRefusesOtherZones(t *testing.T) {
	b := inOutage(company())
	_, _, err := b.Register(b.now, "l", b.registration("pw"))
	wantCode(t, err, broker.CodeNotInZone)
	wantZones(t, err, "west")
	_, _, err = b.Register(b.now, "l", broker.Registration{Machine: "nobody", Zone: "east"})
	wantCode(t, err, broker.CodeUnknownMachine)
}

func TestRefusalsOfLaunches(t *testing.T) {
	west := newBench(broker.Options{Zone: "west", HA: true}, company())
	for _, c := range []struct {
		name string
		r    broker.LaunchRequest
		code string
	}{
		{"unknown resource", staff("bob", "desktop:none", "s"), broker.CodeUnknownResource},
		{"not entitled", broker.LaunchRequest{User: "guest", Resource: "desktop:pool"}, broker.CodeNotEntitled},
		{"no machines of it in this zone", staff("bob", "desktop:office", "s"), broker.CodeWrongZone},
		{"own desktop in another zone", staff("alice", "desktop:owned", "s"), broker.CodeWrongZone},
		{"nothing registered", staff("bob", "desktop:pool", "s"), broker.CodeNoMachine},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := west.Reserve(start, c.r)
			wantCode(t, err, c.code)
			if c.code == broker.CodeWrongZone {
				wantZones(t, err, "east")
			}
		})
	}
}

func TestStatusOfEveryRefusal(t *testing.T) {
	want := map[string]int{
		broker.CodeUnknownMachine: 403, broker.CodeNotInZone: 403, broker.CodeNotEntitled: 403,
		broker.CodeLeaseUnknown: 404, broker.CodeUnknownResource: 404, broker.CodeTicketUnknown: 404,
		broker.CodeWrongZone: 409, broker.CodeTicketUsed: 410, broker.CodeNoMachine: 503, broker.CodeSessionLimit: 503, "other": 500,
	}
	for code, status := range want {
		if got := (&broker.Refusal{Code: code}).Status(); got != status {
			t.Errorf("%s is status %d, want %d", code, got, status)
		}
	}
}

func TestTermIsTheHighestSeen(t *testing.T) {
	b := inOutage(company())
	b.Observe("east", 7)
	b.Observe("east", 5)
	lease, _ := b.announce(t, b.registration("p1"))
	if lease.Term != 7 {
		t.Errorf("term %d, want 7", lease.Term)
	}
	r := b.registration("p2")
	r.Term = 9
	b.announce(t, r)
	if held, _ := b.launch(t, staff("bob", "desktop:pool", "s")); held.Term != 9 || b.Term("west") != 0 {
		t.Errorf("terms %d and %d, want 9 in east and 0 in west", held.Term, b.Term("west"))
	}
}

func TestNewRegistrationEndsTheOldLease(t *testing.T) {
	b := inOutage(company())
	first, _, _ := b.Register(b.now, "first", b.registration("p1"))
	if _, _, err := b.Register(b.now, "second", b.registration("p1")); err != nil {
		t.Fatal(err)
	}
	_, err := b.Lookup(b.now, first.ID)
	wantCode(t, err, broker.CodeLeaseUnknown)
	if _, err := b.Unregister(b.now, "second"); err != nil {
		t.Fatal(err)
	}
	if s := b.Stats(); s.Registrations != 0 {
		t.Errorf("%d registrations, want 0", s.Registrations)
	}
}

func TestSetIndexDropsMachinesThatLeft(t *testing.T) {
	b := inOutage(company())
	b.register(t, "p1", "p2")
	next := company()
	next.Machines = slices.DeleteFunc(next.Machines, func(m site.Machine) bool { return m.Name == "p1" })
	next.Machines[0].Maintenance = true // p2
	b.SetIndex(site.NewIndex(next))
	wantKinds(t, b.Expire(b.now), broker.Dropped)
	b.wantNoMachine(t, staff("bob", "desktop:pool", "s"))
}

func TestViews(t *testing.T) {
	b := inOutage(company())
	b.register(t, "ts1", "p1")
	held, _ := b.launch(t, staff("bob", "app:Writer", "s1"))
	b.report(t, held, broker.SessionStarted)
	if got := b.Registrations(b.now.Add(time.Second)); len(got) != 2 || got[1].Sessions != 1 || got[0].Idle != time.Second {
		t.Errorf("registrations %+v", got)
	}
	if got := b.Sessions(); len(got) != 1 || got[0].Machine != "ts1" || got[0].State != broker.Active {
		t.Errorf("sessions %+v", got)
	}
	var shown []string
	for _, r := range b.Resources("bob", nil) {
		shown = append(shown, fmt.Sprintf("%s %v %s", r.ID, r.Zones, r.Session))
	}
	want := []string{"desktop:owned [east west] ", "desktop:office [east] ", "desktop:pool [east west] ", "app:Writer [east] s1"}
	if !slices.Equal(shown, want) {
		t.Errorf("resources %q, want %q (LHC-41: with the zones of each)", shown, want)
	}
}
