package world_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/env"
	"understudy/site"
	"understudy/storefront/client"
	"understudy/wire"
	"understudy/world"
	"understudy/zone"
)

const patience = 30 * time.Second

// start runs a small site and stops it with the test. change adapts the site.
func start(t *testing.T, change func(*site.Site)) (*world.World, context.Context) {
	t.Helper()
	return startAs(t, change, func(*world.Options) {})
}

// startAs also adapts how it runs.
func startAs(t *testing.T, change func(*site.Site), adapt func(*world.Options)) (*world.World, context.Context) {
	t.Helper()
	settings := world.Short()
	settings.Deadline = site.Duration(time.Second)
	settings.JoinWait = site.Duration(time.Second)
	s, err := world.Small(t.Context(), env.Real(), settings)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(s)
	}
	o := world.Options{
		Env: env.Real(), Dir: t.TempDir(), Site: s, Zone: "berlin", SyncInterval: time.Second, Version: "test",
		Logger: func(string) *logrus.Logger {
			l := logrus.New()
			l.SetOutput(io.Discard)
			return l
		},
	}
	adapt(&o)
	w, err := world.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.WithoutCancel(t.Context())
	if err := w.Start(ctx); err != nil {
		t.Fatal(errors.Join(err, w.Close()))
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	eventually(t, "every connector is ready", func() error {
		for _, c := range w.Connectors() {
			if st := w.Agent(c.FQDN).Status(); st.Snapshot == nil || !st.Health.Healthy || !st.Gate.Open || st.Election.Elected == "" {
				return fmt.Errorf("%s: %+v", c.FQDN, st.Missing)
			}
		}
		if n, err := w.CloudRegistrations(); err != nil || n < world.SmallDesktops {
			return fmt.Errorf("%d desktops are registered: %w", n, err)
		}
		return nil
	})
	return w, ctx
}

// eventually is the only waiting here.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-deadline.C:
			t.Fatalf("%s: not within %s: %v", what, patience, err)
		case <-tick.C:
		}
	}
}

func in(w *world.World, state zone.State, names ...site.FQDN) func() error {
	return func() error {
		for _, name := range names {
			if st := w.Agent(name).Status(); st.State != state {
				return fmt.Errorf("%s is in %s: %s; %s", name, st.State, st.Reason, st.Waiting)
			}
		}
		return nil
	}
}

func names(w *world.World) []site.FQDN {
	var out []site.FQDN
	for _, c := range w.Connectors() {
		out = append(out, c.FQDN)
	}
	return out
}

// LHC-05, LHC-11, LHC-12, LHC-13, LHC-14, LHC-15: what the relay sees, and the health of all connectors decides,
// for entering and for leaving, where no peer helps another.
func TestTheWholeZoneDecides(t *testing.T) {
	w, _ := startAs(t, nil, func(o *world.Options) { o.NoPeerRelay = true })
	all := names(w)

	w.BlockCloud(all[2])
	eventually(t, "the one that lost the cloud doubts", in(w, zone.PendingHA, all[2]))
	front, err := client.New(client.Options{Env: env.Real(), Connectors: []string{w.Connectors()[2].ClientURL}})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "LHC-06: it sends StoreFronts away", func() error {
		front.Beat(t.Context())
		if b := front.Heartbeats()[0]; b.Good {
			return errors.New("its heartbeat is good")
		}
		return nil
	})
	if err := in(w, zone.Normal, all[0], all[1])(); err != nil {
		t.Errorf("the others do not stay: %v", err)
	}

	w.BlockCloud(all[0])
	w.BlockCloud(all[1])
	eventually(t, "an outage: all have lost the cloud", in(w, zone.InitialHA, all...))
	w.Heal(all[0])
	w.Heal(all[1])
	eventually(t, "LHC-13: one is not healthy at the end of the period", in(w, zone.ExtendedHA, all...))
	w.Heal(all[2])
	eventually(t, "LHC-14: all are healthy", in(w, zone.PendingRecovery, all...))
	w.BlockCloud(all[1])
	eventually(t, "LHC-15: any failure", in(w, zone.ExtendedHA, all...))
	w.Heal(all[1])
	eventually(t, "LHC-15: healthy for the whole period", in(w, zone.Normal, all...))
}

// LHC-25: in a broken zone network two connectors serve; the desktop itself keeps
// a second user out. One pooled desktop, two users, both sides.
func TestSplitZoneNeverSharesADesktop(t *testing.T) {
	w, ctx := start(t, onePooledDesktop)
	all := w.Connectors()
	w.KillCloud()
	eventually(t, "an outage", in(w, zone.InitialHA, names(w)...))
	for _, other := range all[1:] {
		w.Part(all[0], other)
	}
	eventually(t, "two serve", func() error {
		for _, i := range []int{0, 1} {
			if !w.Agent(all[i].FQDN).Status().Election.Serving {
				return fmt.Errorf("%s does not serve", all[i].FQDN)
			}
		}
		return nil
	})
	owner := ""
	try := func() error {
		for i, user := range []string{"alice", "bob"} {
			front, err := client.New(client.Options{Env: env.Real(), Connectors: []string{all[i].ClientURL}})
			if err != nil {
				t.Fatal(err)
			}
			front.Beat(ctx)
			if _, err := front.Launch(ctx, wire.LaunchRequest{User: user, Resource: "desktop:pool"}); err != nil {
				continue
			}
			if owner != "" && owner != user {
				t.Fatalf("one single-session desktop serves %s and %s", owner, user)
			}
			owner = user
		}
		if owner == "" {
			return errors.New("nobody has got it")
		}
		return nil
	}
	eventually(t, "one of them gets the desktop", try)
	for range 5 {
		_ = try()
	}
	for _, c := range all {
		w.Heal(c.FQDN)
	}
	eventually(t, "LHC-23: one serves again", func() error {
		serving := 0
		for _, c := range all {
			if w.Agent(c.FQDN).Status().Election.Serving {
				serving++
			}
		}
		if serving != 1 {
			return fmt.Errorf("%d serve", serving)
		}
		return nil
	})
}

func onePooledDesktop(s *site.Site) {
	kept := 0
	for i := range s.Machines {
		if s.Machines[i].Group == "pool" {
			if kept++; kept > 1 {
				s.Machines[i].Maintenance = true
			}
		}
	}
}

// LHC-18: force is given on any connector and holds though the cloud is healthy;
// clear removes the pin only.
func TestForceAndClear(t *testing.T) {
	w, ctx := start(t, nil)
	all := names(w)
	answer, err := w.Agent(all[2]).Outage(ctx, wire.OutageOrder{Action: "force", Reason: "drill", By: "test"})
	if err != nil || !answer.Record.Forced() || answer.CarriedBy == "" {
		t.Fatalf("force on %s: got %+v, %v", all[2], answer, err)
	}
	eventually(t, "forced", in(w, zone.InitialHA, all...))
	eventually(t, "the forced period ends in ExtendedHA", in(w, zone.ExtendedHA, all...))
	w.KillConnector(all[0])
	eventually(t, "the force outlives the elected one", func() error {
		st := w.Agent(all[1]).Status()
		if !st.Election.Serving || st.Force == nil || st.State != zone.ExtendedHA {
			return fmt.Errorf("%s: %s, serving %t, force %v", all[1], st.State, st.Election.Serving, st.Force)
		}
		return nil
	})
	if _, err := w.Agent(all[2]).Outage(ctx, wire.OutageOrder{Action: "clear", By: "test"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the ordinary checks end it", in(w, zone.Normal, all[1:]...))
}

// LHC-16, LHC-01: nothing is swapped in HA mode, and a sync follows on Normal.
func TestNothingIsSwappedInHAMode(t *testing.T) {
	w, ctx := start(t, nil)
	all := names(w)
	before := w.Agent(all[0]).Status().Snapshot.Version
	if _, err := w.Agent(all[0]).Outage(ctx, wire.OutageOrder{Action: "force", By: "test"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "forced", in(w, zone.InitialHA, all...))
	changed, err := w.Publish(ctx, func(s *site.Site) { s.Users = append(s.Users, site.User{Name: "dora"}) })
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "a sync was due and put off", func() error {
		if out := w.Agent(all[0]).Status().Sync.Outcome; out != "deferred" {
			return fmt.Errorf("the last sync ended as %s", out)
		}
		return nil
	})
	eventually(t, "ExtendedHA", in(w, zone.ExtendedHA, all...))
	if now := w.Agent(all[0]).Status().Snapshot.Version; now != before {
		t.Errorf("got snapshot %s in HA mode, want %s", now, before)
	}
	if _, err := w.Agent(all[0]).Outage(ctx, wire.OutageOrder{Action: "clear", By: "test"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the change arrives after the outage", func() error {
		if st := w.Agent(all[0]).Status(); st.State != zone.Normal || st.Snapshot.Version != changed {
			return fmt.Errorf("%s with %s", st.State, st.Snapshot.Version)
		}
		return nil
	})
}

// LHC-50: before any outage every connector shows of every other which snapshot it
// uses and that it can serve; one that has gone is named, with what it lacks.
func TestEveryConnectorShowsWhoIsReady(t *testing.T) {
	w, _ := start(t, nil)
	all := names(w)
	shows := func(by site.FQDN, want ...site.FQDN) error {
		version := w.Agent(by).Status().Snapshot.Version
		var ready []site.FQDN
		for _, p := range w.Agent(by).Peers() {
			if p.Heard && p.CanServe && p.Healthy && p.Config == version && p.ConfigAge >= 0 && p.WhyNot == "" {
				ready = append(ready, p.FQDN)
			}
		}
		slices.Sort(ready)
		if !slices.Equal(ready, want) {
			return fmt.Errorf("%s shows %v ready, want %v: %+v", by, ready, want, w.Agent(by).Peers())
		}
		return nil
	}
	for _, by := range all {
		eventually(t, "all are ready", func() error { return shows(by, all...) })
	}
	w.KillConnector(all[2])
	for _, by := range all[:2] {
		eventually(t, "the killed one is not", func() error { return shows(by, all[:2]...) })
		missing := w.Agent(by).Status().Missing
		if !slices.ContainsFunc(missing, func(m string) bool { return strings.HasPrefix(m, string(all[2])+" could not take over: ") }) {
			t.Errorf("%s says %q would be missing, want %s by name", by, missing, all[2])
		}
	}
}

// LHC-20: the zone's connectors are those of the snapshot: who is taken out of the
// site is no peer any more, and says that it cannot serve.
func TestConnectorsAreThoseOfTheSite(t *testing.T) {
	w, ctx := start(t, nil)
	all := names(w)
	if _, err := w.Publish(ctx, func(s *site.Site) { s.Connectors = s.Connectors[1:] }); err != nil {
		t.Fatal(err)
	}
	for _, by := range all[1:] {
		eventually(t, "it is no peer any more", func() error {
			if peers, st := w.Agent(by).Peers(), w.Agent(by).Status(); len(peers) != 2 || st.Election.Elected != all[1] {
				return fmt.Errorf("%s has %d connectors and elects %s: %s", by, len(peers), st.Election.Elected, st.Election.Reason)
			}
			return nil
		})
	}
	eventually(t, "it says why it cannot serve", func() error {
		if st := w.Agent(all[0]).Status(); st.Election.CanServe || !strings.Contains(st.Election.WhyNot, "does not name this one") {
			return fmt.Errorf("can serve %t: %s", st.Election.CanServe, st.Election.WhyNot)
		}
		return nil
	})
}

// LHC-50: a connector that lost a sync gets the zone's snapshot from a peer.
func TestBehindFetchesFromAPeer(t *testing.T) {
	w, ctx := start(t, nil)
	all := names(w)
	w.BlockCloud(all[2])
	changed, err := w.Publish(ctx, func(s *site.Site) { s.Users = append(s.Users, site.User{Name: "dora"}) })
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the version comes by a peer", func() error {
		if st := w.Agent(all[2]).Status(); st.Snapshot.Version != changed {
			return fmt.Errorf("%s uses %s", all[2], st.Snapshot.Version)
		}
		return nil
	})
}
