package world_test

import (
	"fmt"
	"testing"
	"time"

	"understudy/site"
	"understudy/wire"
	"understudy/world"
	"understudy/zone"
)

// seldom makes heartbeats so rare that only an invitation can bring a desktop.
func seldom(s *site.Site) { s.Zones[0].Settings.VDAInterval = site.Duration(10 * time.Minute) }

func callable(w *world.World, n int, names ...site.FQDN) func() error {
	return func() error {
		for _, name := range names {
			if got := w.Agent(name).Status().CallIn.Known; got != n {
				return fmt.Errorf("%s knows %d desktops, want %d", name, got, n)
			}
		}
		return nil
	}
}

func registered(w *world.World, n int, name site.FQDN) func() error {
	return func() error {
		if got := w.Agent(name).Status(); got.Registrations != n {
			return fmt.Errorf("%s has %d registrations; %+v", name, got.Registrations, got.CallIn)
		}
		return nil
	}
}

// lose cuts all connectors off from the cloud broker, once they know all desktops.
func lose(t *testing.T, w *world.World, all []site.FQDN) {
	t.Helper()
	eventually(t, "all connectors know all desktops", callable(w, world.SmallDesktops, all...))
	for _, c := range all {
		w.BlockCloud(c)
	}
}

// calledBack ends the outage and waits until all desktops were called back.
func calledBack(t *testing.T, w *world.World, all []site.FQDN) {
	t.Helper()
	for _, c := range all {
		w.Heal(c)
	}
	eventually(t, "the outage is over", in(w, zone.Normal, all...))
	eventually(t, "all desktops are back with the cloud broker", func() error {
		c := w.Agent(all[0]).Status().CallIn
		if n, err := w.CloudRegistrations(); err != nil || n != world.SmallDesktops || c.Answered != world.SmallDesktops || c.To != wire.CallInToCloud {
			return fmt.Errorf("%d desktops are back: %w; %+v", n, err, c)
		}
		return nil
	})
}

// NEW-02, LHC-16, LHC-32: every connector knows every desktop; whoever is elected
// calls them in when the outage begins, and back to the cloud broker when it ends.
func TestCalledInAndBack(t *testing.T) {
	w, _ := start(t, seldom)
	all := names(w)
	lose(t, w, all)
	eventually(t, "an outage", in(w, zone.InitialHA, all...))
	eventually(t, "all desktops came", registered(w, world.SmallDesktops, all[0]))
	eventually(t, "all desktops were called in by the elected one", func() error {
		if c := w.Agent(all[0]).Status().CallIn; c.Answered != world.SmallDesktops || c.To != string(all[0]) {
			return fmt.Errorf("got %+v", c)
		}
		return nil
	})
	calledBack(t, w, all)
}

// NEW-02, LHC-16: the same of desktops that are called elsewhere since they came back in
// the outage.
func TestCalledBackWhereTheyAreNow(t *testing.T) {
	w, ctx := start(t, seldom)
	all := names(w)
	lose(t, w, all)
	eventually(t, "all desktops came", registered(w, world.SmallDesktops, all[0]))
	if err := w.Stop(world.Desktops); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all desktops are gone", registered(w, 0, all[0]))
	if err := w.StartDesktop(ctx, world.Desktops); err != nil { // on another port
		t.Fatal(err)
	}
	eventually(t, "all desktops came again", registered(w, world.SmallDesktops, all[0]))
	calledBack(t, w, all)
}

// NEW-02, NEW-01: who takes over in the outage finds the leases mirrored and calls
// nobody in; who starts anew has what it knew on its disk, and calls them in.
func TestCallInAfterATakeover(t *testing.T) {
	w, ctx := start(t, seldom)
	all := names(w)
	lose(t, w, all)
	eventually(t, "all desktops came", registered(w, world.SmallDesktops, all[0]))
	if err := w.Stop(string(all[0])); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the next one has them", registered(w, world.SmallDesktops, all[1]))
	if c := w.Agent(all[1]).Status().CallIn; c.Invited != 0 {
		t.Errorf("got %+v, want nobody invited whose lease was mirrored", c)
	}
	for _, name := range all[1:] {
		if err := w.Stop(string(name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.StartConnector(ctx, all[2]); err != nil {
		t.Fatal(err)
	}
	w.BlockCloud(all[2])
	eventually(t, "the last one called them in from what is on its disk", registered(w, world.SmallDesktops, all[2]))
}

// NEW-02: it can be switched off; desktops then come with their heartbeats only.
func TestCallInSwitchedOff(t *testing.T) {
	w, _ := start(t, func(s *site.Site) {
		seldom(s)
		s.Zones[0].Settings.CallIn = new(false)
	})
	all := names(w)
	for _, c := range all {
		w.BlockCloud(c)
	}
	eventually(t, "the first period is over", in(w, zone.ExtendedHA, all...))
	if s := w.Agent(all[0]).Status(); s.Registrations != 0 || s.CallIn.Enabled {
		t.Errorf("%d desktops came; %+v", s.Registrations, s.CallIn)
	}
}
