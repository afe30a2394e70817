package world_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"understudy/env"
	"understudy/events"
	"understudy/site"
	"understudy/storefront/client"
	"understudy/wire"
	"understudy/world"
	"understudy/zone"
)

// through says whether a connector is Normal and healthy, by that way, with its call
// stream; empty: directly.
func through(w *world.World, name, via site.FQDN) func() error {
	return func() error {
		st := w.Agent(name).Status()
		if st.State != zone.Normal || !st.Health.Healthy || !st.Health.CallStream || st.Health.Via != via {
			return fmt.Errorf("%s is %s, %+v", name, st.State, st.Health)
		}
		return nil
	}
}

// launches says whether a user gets a desktop at that connector alone.
func launches(ctx context.Context, w *world.World, at int) func() error {
	return func() error {
		front, err := client.New(client.Options{Env: env.Real(), Connectors: []string{w.Connectors()[at].ClientURL}})
		if err != nil {
			return err
		}
		front.Beat(ctx)
		answer, err := front.Launch(ctx, wire.LaunchRequest{User: "alice", Groups: []string{"staff"}, Resource: "desktop:shared"})
		if err == nil && answer.Machine == "" {
			err = errors.New("no machine")
		}
		return err
	}
}

// NEW-03: "a connector that lost the cloud while a peer has it relays through that
// peer; the zone stays Normal", with its requests, its call stream and its syncs. If
// the peers lose it too: trouble as usual. A zone whose cloud broker is back for one
// of them leaves HA mode.
func TestThroughAPeer(t *testing.T) {
	w, ctx := start(t, nil)
	all := names(w)

	w.BlockCloud(all[0])
	eventually(t, "it goes through a peer", through(w, all[0], all[1]))
	if err := in(w, zone.Normal, all...)(); err != nil {
		t.Error(err)
	}
	eventually(t, "it tells of it", func() error { return told(ctx, w, all[0], events.PeerRelayStarted, string(all[1])) })
	eventually(t, "it launches", launches(ctx, w, 0))
	version, err := w.Publish(ctx, func(s *site.Site) { s.Users = append(s.Users, site.User{Name: "dora"}) })
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "it imports", uses(w, version, all[0]))
	eventually(t, "a peer shows it", func() error {
		if via := w.Agent(all[2]).Peers(); via[1].FQDN != all[0] || via[1].Via != all[1] {
			return fmt.Errorf("a peer shows %+v", via)
		}
		return nil
	})

	w.BlockCloud(all[1])
	eventually(t, "both go through the one that is left", func() error {
		return errors.Join(through(w, all[0], all[2])(), through(w, all[1], all[2])())
	})
	w.BlockCloud(all[2])
	eventually(t, "trouble as usual", in(w, zone.InitialHA, all...))
	w.Heal(all[2])
	eventually(t, "through one again", in(w, zone.Normal, all...))
	eventually(t, "the same way", func() error {
		return errors.Join(through(w, all[0], all[2])(), through(w, all[1], all[2])(), launches(ctx, w, 0)())
	})
	w.Heal(all[0])
	w.Heal(all[1])
	eventually(t, "directly", func() error {
		return errors.Join(through(w, all[0], "")(), through(w, all[1], "")(), told(ctx, w, all[0], events.PeerRelayEnded, "directly again"))
	})
}
