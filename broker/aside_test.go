package broker_test

import (
	"fmt"
	"testing"
	"time"

	"understudy/broker"
	"understudy/site"
)

// VPN-02: a host whose prepare failed gets nobody for a minute; then only whom no other
// can take, until it shows itself; a new registration ends it at once.
func TestHostThatFailedIsPutAside(t *testing.T) {
	b := inOutage(farm(site.DepthFirst, 100, 100, 100))
	b.register(t, "h1", "h2")
	held, err := b.Reserve(b.now, staff("bob", "desktop:farm", "s1"))
	if err != nil || held.Machine != "h1" {
		t.Fatalf("got %s, %v", held.Machine, err)
	}
	b.Release(b.now, held)
	b.PutAside(b.now, held, broker.Silent)
	if got := b.launches(t, 1); got != "h2" {
		t.Errorf("the next launch came to %s", got)
	}
	if info := b.Registrations(b.now)[0]; info.Aside != "it did not answer a launch" || info.AsideFor != time.Minute {
		t.Errorf("it is shown as %+v", info)
	}
	if _, err := b.Unregister(b.now, "lease-h2"); err != nil {
		t.Fatal(err)
	}
	b.now = start.Add(time.Minute - 1)
	b.wantNoMachine(t, staff("carol", "desktop:farm", "s2"))

	b.now = start.Add(time.Minute) // it is late
	if info := b.Registrations(b.now)[0]; info.Aside == "" || info.AsideFor != 0 {
		t.Errorf("it is shown as %+v", info)
	}
	late, err := b.Reserve(b.now, staff("carol", "desktop:farm", "s2"))
	if err != nil || late.Machine != "h1" {
		t.Fatalf("no other can take her, and she got %s, %v", late.Machine, err)
	}
	b.register(t, "h3")
	if got := b.launches(t, 1); got != "h3" {
		t.Errorf("the late host came first: %s", got)
	}
	if _, _, err := b.Heartbeat(b.now, "lease-h1", broker.Heartbeat{}); err != nil {
		t.Fatal(err)
	}
	if info := b.Registrations(b.now)[0]; info.Aside != "" {
		t.Errorf("after a heartbeat it is shown as %+v", info)
	}
}

// VPN-02: a host that said no comes last: asking it again costs nothing, and a user whom
// no other host can take would be refused for a minute.
func TestHostThatDeclinedComesLast(t *testing.T) {
	b := inOutage(farm(site.DepthFirst, 100, 100))
	b.register(t, "h1", "h2")
	held, err := b.Reserve(b.now, staff("bob", "desktop:farm", "s1"))
	if err != nil || held.Machine != "h1" {
		t.Fatalf("got %s, %v", held.Machine, err)
	}
	b.Release(b.now, held)
	b.PutAside(b.now, held, broker.Declined)
	if got := b.launches(t, 1); got != "h2" {
		t.Errorf("the next launch came to %s", got)
	}
	if _, err := b.Unregister(b.now, "lease-h2"); err != nil {
		t.Fatal(err)
	}
	if got := b.launches(t, 1); got != "h1" {
		t.Errorf("no other can take the next one, and it came to %q", got)
	}
}

func TestWhatEndsBeingAside(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(*bench)
		back bool
	}{
		{"a new registration", func(b *bench) { b.register(t, "h1") }, true},
		{"a heartbeat within the minute", func(b *bench) { _, _, _ = b.Heartbeat(b.now, "lease-h1", broker.Heartbeat{}) }, false},
		{"a heartbeat after it", func(b *bench) {
			b.now = b.now.Add(time.Minute)
			_, _, _ = b.Heartbeat(b.now, "lease-h1", broker.Heartbeat{})
		}, true},
	} {
		b := inOutage(farm(site.LeastLoad, 100))
		b.register(t, "h1")
		held, _ := b.Reserve(b.now, staff("bob", "desktop:farm", "s1"))
		b.Release(b.now, held)
		b.PutAside(b.now, held, broker.Gone)
		c.do(b)
		if info := b.Registrations(b.now)[0]; (info.Aside == "") != c.back {
			t.Errorf("%s: aside %q for %s", c.name, info.Aside, info.AsideFor)
		}
	}
}

// VPN-02: a host that goes while it is aside, for whatever failure, leaves nothing behind
// that its minute ends later.
func TestHostThatIsAsideGoes(t *testing.T) {
	for _, failure := range []broker.Failure{broker.Declined, broker.Silent, broker.Gone} {
		b := inOutage(farm(site.LeastLoad, 100))
		b.register(t, "h1")
		held, _ := b.Reserve(b.now, staff("bob", "desktop:farm", "s1"))
		b.Release(b.now, held)
		b.PutAside(b.now, held, failure)
		if _, err := b.Unregister(b.now, "lease-h1"); err != nil {
			t.Fatal(err)
		}
		b.now = b.now.Add(time.Minute)
		if left := b.Registrations(b.now); len(left) != 0 {
			t.Errorf("%s: %+v is left", failure, left)
		}
	}
}

// The failure of an old lease says nothing of the host that has registered anew.
func TestFailureOfAnOldLease(t *testing.T) {
	b := inOutage(farm(site.LeastLoad, 100))
	b.register(t, "h1")
	held, _ := b.Reserve(b.now, staff("bob", "desktop:farm", "s1"))
	if _, _, err := b.Register(b.now, "newer", b.registration("h1")); err != nil {
		t.Fatal(err)
	}
	b.PutAside(b.now, held, broker.Gone)
	if info := b.Registrations(b.now)[0]; info.Aside != "" {
		t.Errorf("the host is aside: %s", info.Aside)
	}
}

// VPN-02, LHC-37: whom a session still keeps when its host does not take its user back.
func TestSessionsOnAHostThatFailed(t *testing.T) {
	for _, c := range []struct {
		name, machine, resource string
		failure                 broker.Failure
		replace                 bool
		want                    site.FQDN
	}{
		{"a shared host that is gone", "ts1", "desktop:office", broker.Gone, false, "ts2"},
		{"a shared host that is silent", "ts1", "desktop:office", broker.Silent, false, "ts2"},
		{"a shared host that declined somebody", "ts1", "desktop:office", broker.Declined, false, "ts1"},
		{"a pooled desktop that is gone", "p1", "desktop:pool", broker.Gone, false, "p2"},
		{"a pooled desktop that is silent", "p1", "desktop:pool", broker.Silent, false, "p1"},
		{"a pooled desktop that is silent, and may be replaced", "p1", "desktop:pool", broker.Silent, true, "p2"},
		{"a user's own desktop that is silent", "own2", "desktop:owned", broker.Silent, false, "own2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := company()
			s.Groups[0].ReplaceUnreachable = c.replace
			b := inOutage(s)
			r := b.registration(c.machine)
			r.Sessions = []broker.Session{{ID: "old", User: "bob", Resource: c.resource, State: broker.Active}}
			b.announce(t, r)
			b.register(t, "ts2", "p2")
			held, err := b.Reserve(b.now, staff("bob", c.resource, "new"))
			if err != nil || !held.Reconnect {
				t.Fatalf("got %+v, %v; want the old session", held, err)
			}
			if pinned := c.machine != "ts1" && !c.replace; held.Pinned != pinned {
				t.Errorf("pinned %v, want %v", held.Pinned, pinned)
			}
			b.Release(b.now, held)
			b.PutAside(b.now, held, c.failure)
			again, err := b.Reserve(b.now, staff("bob", c.resource, "new"))
			if err != nil || again.Machine != c.want || again.Reconnect != (c.want == site.FQDN(c.machine)) {
				t.Errorf("got %s, reconnect %v, %v; want %s", again.Machine, again.Reconnect, err, c.want)
			}
		})
	}
}

// A thousand hosts aside are enough: more than that is no fault of theirs.
func TestAsideIsBounded(t *testing.T) {
	weights := make([]int, 1100)
	b := inOutage(farm(site.LeastLoad, weights...))
	for i := range weights {
		b.register(t, fmt.Sprintf("h%d", i+1))
	}
	for i := range weights {
		held, err := b.Reserve(b.now, staff("bob", "desktop:farm", fmt.Sprint(i)))
		if err != nil {
			t.Fatal(err)
		}
		b.Release(b.now, held)
		b.PutAside(b.now, held, broker.Silent)
		b.now = b.now.Add(time.Millisecond)
	}
	aside := 0
	for _, r := range b.Registrations(b.now) {
		if r.AsideFor > 0 {
			aside++
		}
	}
	if aside != 1000 {
		t.Errorf("%d hosts are aside, want 1000", aside)
	}
}
