package broker_test

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"understudy/broker"
	"understudy/env"
	"understudy/site"
)

// copied is an engine and a copy of it, which a peer keeps.
type copied struct {
	*model
	copy     *broker.Engine
	position uint64
	latest   []broker.Item
	tickets  []string
	ids      int
}

func newCopied() *copied {
	c := &copied{model: newModel()}
	c.Mirror()
	c.restart()
	return c
}

// restart is a peer that begins anew.
func (c *copied) restart() {
	c.copy = broker.New(broker.Options{Broker: "cc2", Zone: "east", HA: true}, c.index)
	c.copy.Mirror()
	c.position = 0
}

// read applies the next part, and compares where that is all there is.
func (c *copied) read(t *rapid.T) {
	tail, ok := c.Tail(c.now, c.position, rapid.IntRange(1, 7).Draw(t, "limit"), c.latest)
	if !ok {
		c.restart()
		return
	}
	c.copy.Import(c.now, tail.Items)
	c.position, c.latest = tail.To, tail.Items
	if tail.More {
		return
	}
	if diff := gocmp.Diff(state(c.Engine, c.now), state(c.copy, c.now)); diff != "" {
		t.Fatalf("the copy is not the engine (-engine +copy):\n%s", diff)
	}
}

// state is all that an engine gives to others, in an order that does not depend on
// how it came to be.
func state(e *broker.Engine, now time.Time) []broker.Item {
	tail, _ := e.Tail(now, 0, 1<<30, nil)
	items := slices.DeleteFunc(append([]broker.Item{}, tail.Items...), func(i broker.Item) bool {
		return i.Kind == broker.ItemHostEnded || i.Kind == broker.ItemSessionEnded
	})
	for n := range items {
		items[n].Reported = nil
	}
	slices.SortFunc(items, func(a, b broker.Item) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Machine, b.Machine), cmp.Compare(nameOf(a), nameOf(b)))
	})
	return items
}

// nameOf is what tells two items of one kind and machine apart.
func nameOf(i broker.Item) string {
	switch i.Kind {
	case broker.ItemSession:
		return i.Session.ID
	case broker.ItemPeak:
		return i.Peak.Group
	case broker.ItemSeat:
		return i.Seat.Name
	default:
		return i.ID
	}
}

func (c *copied) unregister(t *rapid.T) {
	name := rapid.SampledFrom(c.site.Machines).Draw(t, "machine").Name
	if h := c.hosts[name]; h == nil || h.owner != "" || h.used {
		return
	}
	if _, err := c.Unregister(c.now, "lease-"+string(name)); err != nil {
		t.Fatal(err)
	}
	delete(c.hosts, name)
}

func (c *copied) ticket(t *rapid.T) {
	if len(c.tickets) > 0 && rapid.Bool().Draw(t, "redeem") {
		_, _ = c.Redeem(c.now, rapid.SampledFrom(c.tickets).Draw(t, "ticket"))
		return
	}
	c.ids++
	id := fmt.Sprintf("t%d", c.ids)
	c.tickets = append(c.tickets, id)
	c.Issue(c.now, id, broker.Ticket{Session: "s", Zone: "east", Machine: "pool0"})
}

// NEW-01, REP-01: state first, then the tail, in order: wherever the copy stops and
// begins again, and whatever happens meanwhile, once it has read everything it is
// what the engine is.
func TestStateAndTailAreTheEngine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newCopied()
		t.Repeat(map[string]func(*rapid.T){
			"register":   c.register,
			"unregister": c.unregister,
			"launch":     c.launchOne,
			"report":     c.step,
			"heartbeat":  c.heartbeat,
			"ticket":     c.ticket,
			"read":       c.read,
			"begin anew": func(*rapid.T) { c.restart() },
			"day": func(t *rapid.T) {
				c.Peaks(rapid.SampledFrom([]string{"2026-01-01", "2026-01-02"}).Draw(t, "day"))
			},
			"time": func(*rapid.T) {
				c.now = c.now.Add(time.Millisecond)
				c.Expire(c.now)
			},
		})
		for range 1000 {
			if head, _ := c.Changed(); c.position == head {
				break
			}
			c.read(t)
		}
		c.read(t)
	})
}

// NEW-01: a copy has the registrations that the engine has, under the leases and at the
// URLs that the hosts know, also where the numbers of machines are others' in its version
// of the site; of what that has not it has nothing.
func TestCopyUnderAnotherIndex(t *testing.T) {
	random := env.Real().Rand("leases")
	rapid.Check(t, func(t *rapid.T) {
		const machines = 20
		e := broker.New(broker.Options{Broker: "cc1", Zone: "east", HA: true}, row(0, machines))
		e.Mirror()
		from, to := rapid.IntRange(-3, 3).Draw(t, "from"), rapid.IntRange(machines-3, machines+3).Draw(t, "to")
		copied := broker.New(broker.Options{Broker: "cc1", Zone: "east", HA: true}, row(from, to))
		copied.Mirror()
		for n := range rapid.IntRange(1, 30).Draw(t, "registrations") {
			r := registrationInRow(rapid.IntRange(0, machines-1).Draw(t, "machine"))
			r.Callback = rapid.SampledFrom([]string{r.Callback, "", "http://10.0.0.1:7485", string(r.Machine), "http://a/" + string(r.Machine) + "/" + string(r.Machine)}).Draw(t, "callback")
			lease := rapid.SampledFrom([]string{env.Token(random), fmt.Sprintf("lease %d", n), fmt.Sprintf("%032d", n)}).Draw(t, "lease")
			if _, _, err := e.Register(start, lease, r); err != nil {
				t.Fatal(err)
			}
		}
		tail, _ := e.Tail(start, 0, machines, nil)
		copied.Import(start, tail.Items)
		want := slices.DeleteFunc(e.Registrations(start), func(r broker.RegistrationInfo) bool { return r.Machine < inRow(from) || r.Machine >= inRow(to) })
		if diff := gocmp.Diff(want, copied.Registrations(start), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("the copy has others (-engine +copy):\n%s", diff)
		}
		for _, r := range want {
			if got, err := copied.Lookup(start, r.Lease); err != nil || got.Machine != r.Machine {
				t.Fatalf("lease %q of %s: got %+v, %v", r.Lease, r.Machine, got, err)
			}
		}
	})
}

// NEW-01: a copy serves as the engine would: the user's session is found before the
// desktop has said a word (LHC-37), the lease is known, the same desktop is next.
func TestCopyServesOn(t *testing.T) {
	farm := farm(site.RoundRobin, 100, 200, 100)
	e, index := inOutage(farm), site.NewIndex(farm)
	e.Mirror()
	for i := range 3 {
		if _, _, err := e.Register(e.now, fmt.Sprintf("l%d", i+1), e.registration(fmt.Sprintf("h%d", i+1))); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := e.Reserve(e.now, staff("ann", "desktop:farm", "s1"))
	if err != nil {
		t.Fatal(err)
	}
	e.Commit(e.now, kept)
	tail, _ := e.Tail(e.now, 0, 100, nil)
	copied := broker.New(broker.Options{Broker: "cc2", Zone: "east", HA: true}, index)
	copied.Import(e.now, tail.Items)

	again, err := copied.Reserve(e.now, staff("ann", "desktop:farm", "s2"))
	if err != nil || again.Session != "s1" || again.Machine != kept.Machine {
		t.Errorf("LHC-37: got %+v, %v, want session s1 on %s", again, err, kept.Machine)
	}
	lease, _, err := copied.Heartbeat(e.now, "l2", broker.Heartbeat{})
	if err != nil || lease.ID != "l2" || lease.Broker != "cc2" {
		t.Errorf("got %+v, %v, want the lease that the host has, from the new broker", lease, err)
	}
	for i := range 6 {
		user := fmt.Sprintf("user%d", i)
		a, err1 := e.Reserve(e.now, staff(user, "desktop:farm", user))
		b, err2 := copied.Reserve(e.now, staff(user, "desktop:farm", user))
		if err1 != nil || err2 != nil || a.Machine != b.Machine {
			t.Fatalf("launch %d: the engine gives %s, the copy %s (%v, %v)", i, a.Machine, b.Machine, err1, err2)
		}
	}
}

// NEW-04: whose launch was acknowledged by nobody is launched again and has a record
// again: that of the broker that is gone may have reached no disk.
func TestForeignReservationIsRecordedAgain(t *testing.T) {
	farm := farm(site.LeastLoad, 100)
	e, index := inOutage(farm), site.NewIndex(farm)
	e.Mirror()
	if _, _, err := e.Register(e.now, "l1", e.registration("h1")); err != nil {
		t.Fatal(err)
	}
	held, err := e.Reserve(e.now, staff("ann", "desktop:farm", "s1"))
	if err != nil {
		t.Fatal(err)
	}
	e.Commit(e.now, held)
	tail, _ := e.Tail(e.now, 0, 100, nil)
	copied := broker.New(broker.Options{Broker: "cc2", Zone: "east", HA: true}, index)
	copied.Import(e.now, tail.Items)
	again, err := copied.Reserve(e.now, staff("ann", "desktop:farm", "s2"))
	if records := copied.Commit(e.now, again); err != nil || len(records) != 1 || records[0].Kind != broker.Launched {
		t.Errorf("got %v, %v, want a launch", records, err)
	}
}

// NEW-01: what is remembered for slow readers is bounded; who has missed an end is
// told to begin anew.
func TestSlowReaderBeginsAnew(t *testing.T) {
	e := inOutage(farm(site.LeastLoad, 100))
	e.Mirror()
	for i := range 30_000 {
		if _, _, err := e.Register(e.now, fmt.Sprintf("l%d", i), e.registration("h1")); err != nil {
			t.Fatal(err)
		}
		if i == 10 {
			if _, ok := e.Tail(e.now, 5, 10, nil); !ok {
				t.Error("a reader that has missed nothing is sent back")
			}
		}
		if _, err := e.Unregister(e.now, fmt.Sprintf("l%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := e.Tail(e.now, 5, 10, nil); ok {
		t.Error("a reader that has missed ends goes on without them")
	}
	if tail, ok := e.Tail(e.now, 0, 1<<30, nil); !ok || len(tail.Items) > 20_000 {
		t.Errorf("the log holds %d items for one machine", len(tail.Items))
	}
}

// ADC-01: of groups with failover stateless or disabled nothing is given to others;
// nor are tickets where the site says so.
func TestOnlyStatefulIsMirrored(t *testing.T) {
	for _, mode := range site.Failovers() {
		s := farm(site.LeastLoad, 100)
		s.Groups[0].Failover, s.STAFailover = mode, mode
		e := inOutage(s)
		e.Mirror()
		if _, _, err := e.Register(e.now, "l1", e.registration("h1")); err != nil {
			t.Fatal(err)
		}
		e.Issue(e.now, "t1", broker.Ticket{})
		tail, _ := e.Tail(e.now, 0, 10, nil)
		if got := len(tail.Items); (got > 0) != (mode == site.Stateful) {
			t.Errorf("%s: %d items", mode, got)
		}
	}
}

// NEW-01: desktops keep their leases over a takeover, also one that took so long that
// they could not keep them alive.
func TestRenewedAtTakeover(t *testing.T) {
	e := inOutage(farm(site.LeastLoad, 100))
	e.Mirror()
	lease, _, err := e.Register(e.now, "l1", e.registration("h1"))
	if err != nil {
		t.Fatal(err)
	}
	tail, _ := e.Tail(e.now, 0, 10, nil)
	copied := broker.New(broker.Options{Broker: "cc2", Zone: "east", HA: true}, site.NewIndex(farm(site.LeastLoad, 100)))
	copied.Import(e.now, tail.Items)
	later := e.now.Add(lease.Lifetime + time.Second)
	copied.Renew(later)
	if _, err := copied.Lookup(later.Add(lease.Interval), "l1"); err != nil {
		t.Errorf("the host has to register anew: %v", err)
	}
	if _, err := copied.Lookup(later.Add(2*lease.Lifetime), "l1"); err == nil {
		t.Error("a host that never comes keeps its lease")
	}
}
