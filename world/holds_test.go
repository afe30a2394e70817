package world_test

import (
	"fmt"
	"slices"
	"testing"

	"understudy/events"
	"understudy/site"
	"understudy/wire"
	"understudy/world"
)

// uses says whether the connectors use that version and can serve.
func uses(w *world.World, v site.Version, names ...site.FQDN) func() error {
	return func() error {
		for _, name := range names {
			if st := w.Agent(name).Status(); st.Snapshot == nil || st.Snapshot.Version != v || !st.Election.CanServe {
				return fmt.Errorf("%s uses %+v, last sync %s %s, %s", name, st.Snapshot, st.Sync.Outcome, st.Sync.Detail, st.Election.WhyNot)
			}
		}
		return nil
	}
}

// holds says whether the connectors hold a version back, in that way.
func holds(w *world.World, v site.Version, state string, names ...site.FQDN) func() error {
	return func() error {
		for _, name := range names {
			list := w.Agent(name).Snapshots()
			held := slices.ContainsFunc(list, func(s wire.SnapshotStatus) bool { return s.Version == v && s.State == state })
			if st := w.Agent(name).Status(); !held || st.Sync.Outcome != "held" || !st.Election.CanServe {
				return fmt.Errorf("%s has %+v, last sync %s %s, %s", name, list, st.Sync.Outcome, st.Sync.Detail, st.Election.WhyNot)
			}
		}
		return nil
	}
}

// NEW-05: "A suspicious snapshot (nearly empty, say) is held back until an operator
// accepts it", once for the zone; and the way back from it.
func TestHeldBackAcceptedAndRolledBack(t *testing.T) {
	w, ctx := start(t, nil)
	all := names(w)
	before := w.Agent(all[0]).Status().Snapshot.Version
	suspicious, err := w.Publish(ctx, func(s *site.Site) { s.Machines = s.Machines[:1] })
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "all hold it back", holds(w, suspicious, "held", all...))
	if err := uses(w, before, all...)(); err != nil {
		t.Error(err)
	}
	eventually(t, "it tells of it", func() error { return told(ctx, w, all[1], events.SnapshotHeld, "machines") })
	if d, err := w.Agent(all[0]).SnapshotDiff(ctx); err != nil || d.To != suspicious || d.Kinds[3].Removed == 0 {
		t.Errorf("the difference is %+v, %v", d, err)
	}
	if _, err := w.Agent(all[0]).OrderSnapshots(ctx, wire.SnapshotOrder{Action: wire.AcceptSnapshot, By: "test"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "accepted once, used by all", uses(w, suspicious, all...))
	if _, err := w.Agent(all[0]).OrderSnapshots(ctx, wire.SnapshotOrder{Action: wire.AcceptSnapshot}); !wire.IsCode(err, wire.CodeRefused) {
		t.Errorf("accepting nothing: %v", err)
	}
	answer, err := w.Agent(all[0]).OrderSnapshots(ctx, wire.SnapshotOrder{Action: wire.RollbackSnapshot, By: "test"})
	if err != nil || answer.Version != before {
		t.Fatalf("rolled back to %s, %v", answer.Version, err)
	}
	if err := uses(w, before, all[0])(); err != nil {
		t.Errorf("the roll-back is answered, and status has not seen it: %v", err)
	}
	eventually(t, "it stays barred there", holds(w, suspicious, "barred", all[0]))
	w.KillConnector(all[0])
	if err := w.StartConnector(ctx, all[0]); err != nil {
		t.Fatal(err)
	}
	eventually(t, "after a restart too", holds(w, suspicious, "barred", all[0]))
	eventually(t, "the others go on", uses(w, suspicious, all[1:]...))
	if err := uses(w, before, all[0])(); err != nil {
		t.Error(err)
	}
	if _, err := w.Agent(all[0]).OrderSnapshots(ctx, wire.SnapshotOrder{Action: wire.RollbackSnapshot}); !wire.IsCode(err, wire.CodeRefused) {
		t.Errorf("rolling back twice: %v", err)
	}
	if answer, err := w.Agent(all[0]).OrderSnapshots(ctx, wire.SnapshotOrder{Action: wire.VerifySnapshots}); err != nil || len(answer.Items) != 2 || answer.Items[0].Fault != "" {
		t.Errorf("verified %+v, %v", answer, err)
	}
	newer, err := w.Publish(ctx, func(s *site.Site) { s.Users = append(s.Users, site.User{Name: "dora"}) })
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "a newer version ends the bar", uses(w, newer, all...))
}

// Design 5: "Nothing is swapped in HA mode", not by a roll-back either.
func TestNoRollbackInHAMode(t *testing.T) {
	w, ctx := start(t, nil)
	all := names(w)
	changed, err := w.Publish(ctx, func(s *site.Site) { s.Users = append(s.Users, site.User{Name: "dora"}) })
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "a second generation", uses(w, changed, all...))
	if _, err := w.Agent(all[0]).Outage(ctx, wire.OutageOrder{Action: "force", By: "test"}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Agent(all[0]).OrderSnapshots(ctx, wire.SnapshotOrder{Action: wire.RollbackSnapshot}); !wire.IsCode(err, wire.CodeInHAMode) {
		t.Errorf("rolled back in HA mode: %v", err)
	}
	eventually(t, "nobody went back", uses(w, changed, all...)) // once all have the state of who serves
}
