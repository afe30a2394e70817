package world_test

import (
	"fmt"
	"testing"
	"time"

	"understudy/desktop"
	"understudy/env"
	"understudy/site"
	"understudy/wire"
	"understudy/world"
	"understudy/zone"
)

// alone runs each desktop in a process of its own, whose users connect at once.
func alone(o *world.Options) {
	o.Desktop = func(name site.FQDN) (string, desktop.Provider) {
		return "127.0.0.1:0", &desktop.Simulated{Machine: name, Connect: time.Millisecond, Rand: env.Real().Rand("boot " + string(name))}
	}
}

// VPN-02: "When a host fails, its users are redirected to another host at once, with no
// action by user or admin." VPN-03: a dynamic resource moves with all of them.
func TestUsersOfADeadHostReconnectElsewhere(t *testing.T) {
	w, ctx := startAs(t, func(s *site.Site) {
		s.Groups[2].Dynamic = true
		// No lease lapses within a launch, so that the answer is not merely due to that.
		s.Zones[0].Settings.VDAInterval = site.Duration(10 * time.Second)
	}, alone)
	all := names(w)
	w.KillCloud()
	eventually(t, "an outage", in(w, zone.InitialHA, all...))
	eventually(t, "all desktops are registered", func() error {
		if n := w.Agent(all[0]).Status().Registrations; n < world.SmallDesktops {
			return fmt.Errorf("%d are", n)
		}
		return nil
	})
	launch := func(user, resource string) wire.LaunchAnswer {
		t.Helper()
		answer, err := w.Store().Launch(ctx, wire.LaunchRequest{User: user, Resource: resource})
		if err != nil {
			t.Fatalf("%s gets no %s: %v", user, resource, err)
		}
		return answer
	}
	users := []string{"alice", "bob", "carol"}
	var shared site.FQDN
	for _, user := range users {
		if got := launch(user, "desktop:shared"); shared == "" || got.Machine == shared {
			shared = got.Machine
		} else {
			t.Errorf("VPN-03: %s is on %s, and others on %s", user, got.Machine, shared)
		}
	}
	pooled := launch("bob", "desktop:pool").Machine
	eventually(t, "all are connected", func() error {
		connected := 0
		for _, s := range w.Agent(all[0]).Sessions().Items {
			if s.State == wire.Active {
				connected++
			}
		}
		if connected < len(users)+1 {
			return fmt.Errorf("%d are", connected)
		}
		return nil
	})
	w.KillDesktop(string(shared))
	w.KillDesktop(string(pooled))

	next := launch("alice", "desktop:shared")
	if next.Machine == shared || next.Reconnected {
		t.Errorf("alice gets %s, reconnected %t", next.Machine, next.Reconnected)
	}
	for _, user := range users {
		if got := launch(user, "desktop:shared"); got.Machine != next.Machine {
			t.Errorf("VPN-03: %s gets %s, and alice %s", user, got.Machine, next.Machine)
		}
	}
	if got := launch("bob", "desktop:pool").Machine; got == pooled {
		t.Errorf("bob gets %s, which is dead", got)
	}
}
