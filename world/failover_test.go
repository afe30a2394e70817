package world_test

import (
	"context"
	"fmt"
	"testing"

	"understudy/console/client"
	"understudy/env"
	"understudy/site"
	"understudy/wire"
	"understudy/world"
	"understudy/zone"
)

// modes gives each group of the small site another failover mode.
func modes(s *site.Site) {
	by := map[string]site.Failover{"shared": site.Stateful, "pool": site.Stateless, "office": site.Disabled}
	for i := range s.Groups {
		s.Groups[i].Failover = by[s.Groups[i].Name]
	}
}

// holding names the sessions that a connector knows, by resource, as far as their users
// are connected.
func holding(w *world.World, name site.FQDN) map[string]string {
	found := map[string]string{}
	for _, s := range w.Agent(name).Sessions().Items {
		if s.State == wire.Active {
			found[s.Resource] = s.ID
		}
	}
	return found
}

func launchAll(ctx context.Context, t *testing.T, w *world.World) map[string]wire.LaunchAnswer {
	t.Helper()
	got := map[string]wire.LaunchAnswer{}
	for _, resource := range []string{"desktop:shared", "desktop:pool", "desktop:office"} {
		eventually(t, "alice gets "+resource, func() error {
			answer, err := w.Store().Launch(ctx, wire.LaunchRequest{User: "alice", Resource: resource})
			got[resource] = answer
			return err
		})
	}
	return got
}

// ADC-01, ADC-02, NEW-01, REP-02: when the elected connector dies its successor knows
// the sessions of stateful groups at once, and those of the others as their desktops
// come; in every mode users stay with their desktop and session. VPN-05: the day's peak
// is not lost with the connector that counted it.
func TestFailoverModesOverATakeover(t *testing.T) {
	w, ctx := start(t, modes)
	all := names(w)
	w.KillCloud()
	eventually(t, "an outage", in(w, zone.InitialHA, all...))
	eventually(t, "all desktops are registered", func() error {
		if n := w.Agent(all[0]).Status().Registrations; n < world.SmallDesktops {
			return fmt.Errorf("%d are", n)
		}
		return nil
	})
	before := launchAll(ctx, t, w)
	eventually(t, "alice is connected, and the peers have it", func() error {
		st := w.Agent(all[0]).Status()
		if n := len(holding(w, all[0])); n < 3 {
			return fmt.Errorf("%d sessions are active", n)
		}
		for _, p := range st.Mirror.Peers {
			if p.Position < p.Head {
				return fmt.Errorf("%s is behind", p.FQDN)
			}
		}
		if len(st.Mirror.Peers) < 2 || w.Agent(all[1]).Status().PeakToday < 3 {
			return fmt.Errorf("peers %+v, peak %d", st.Mirror.Peers, w.Agent(all[1]).Status().PeakToday)
		}
		return nil
	})

	w.KillConnector(all[0])
	eventually(t, "the next one serves", func() error {
		if !w.Agent(all[1]).Status().Election.Serving {
			return fmt.Errorf("it does not")
		}
		return nil
	})
	if got, want := holding(w, all[1])["desktop:shared"], before["desktop:shared"].Session; got != want {
		t.Errorf("stateful: the successor knows session %q at once, want %q", got, want)
	}
	eventually(t, "the desktops of the other groups come", func() error {
		if got := holding(w, all[1]); len(got) < 3 {
			return fmt.Errorf("it knows %v", got)
		}
		return nil
	})
	w.Store().Beat(ctx)
	for resource, again := range launchAll(ctx, t, w) {
		was := before[resource]
		if again.Session != was.Session || again.Machine != was.Machine || !again.Reconnected {
			t.Errorf("%s: alice gets %s on %s (reconnected %t), and had %s on %s", resource, again.Session, again.Machine, again.Reconnected, was.Session, was.Machine)
		}
	}
	if _, err := w.Store().Redeem(ctx, wire.RedeemRequest{Ticket: before["desktop:shared"].Ticket}); err != nil {
		t.Errorf("the ticket of the connector that died: %v", err)
	}
	for _, name := range all[1:] {
		c, err := client.New(client.Options{Env: env.Real(), Address: "unix:" + w.Admin(name)})
		if err != nil {
			t.Fatal(err)
		}
		found, err := c.SessionPeaks(ctx, 1)
		if err != nil || len(found.Items) == 0 || found.Items[0].Sessions < 3 {
			t.Errorf("%s: peaks %+v, %v; want at least 3 of today", name, found.Items, err)
		}
	}
}
