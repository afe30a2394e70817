package agent

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/sirupsen/logrus"

	"understudy/events"
	"understudy/localdb"
	"understudy/site"
	configsync "understudy/sync"
	"understudy/wire"
)

// suspect says what speaks against a new snapshot: that it loses more than half of
// what the one in use has, or the peers' where there is none (NEW-05).
func (a *Agent) suspect(built *localdb.Built) (wire.HeldVersion, string) {
	v := wire.HeldVersion{
		Version: built.Version(), Digest: built.Digest(), At: a.o.Env.Now().UTC(), Counts: wire.ConfigCounts(built.Index().Site()),
	}
	now := built.Index().Site().Counts()
	snapshot, ok := a.snapshots.Current()
	if !ok {
		return v, a.suspectByPeers(now)
	}
	defer snapshot.Release()
	why := now.Suspicious(snapshot.Index.Site().Counts())
	if why != "" {
		v.Diff = &wire.SnapshotDiff{
			From: snapshot.Version, To: v.Version, Kinds: wire.Compare(snapshot.Index.Site(), built.Index().Site()),
		}
	}
	return v, why
}

func (a *Agent) suspectByPeers(now site.Counts) string {
	for _, p := range a.mesh.Sights(time.Now()) {
		if !p.Heard {
			continue
		}
		if why := now.Suspicious(p.Facts.Counts); why != "" {
			return fmt.Sprintf("%s, compared with %s", why, p.FQDN)
		}
	}
	return ""
}

// holdBack says, in the loop, whether a new snapshot waits for an operator.
func (a *Agent) holdBack(ctx context.Context, v wire.HeldVersion, suspicion string) error {
	before := *a.holds.Load()
	after, why := before.Judge(v, suspicion)
	if why == "" {
		return nil
	}
	if after.Held != before.Held {
		_ = a.keepHolds(ctx, after) // held all the same
		a.log.raise(events.SnapshotHeld, why, logrus.Fields{"version": v.Version.String()})
	}
	return fmt.Errorf("%s: %w", why, configsync.ErrHeld)
}

// keepHolds makes durable what is held back, and then true. A disk that fails does
// not let a version through.
func (a *Agent) keepHolds(ctx context.Context, h wire.Holds) error {
	err := a.state.SaveHolds(context.WithoutCancel(ctx), h)
	if err != nil {
		a.disk.failed(time.Now(), err)
	}
	a.holds.Store(&h)
	return err
}

// usedVersion ends, in the loop, what a version taken into use ends.
func (a *Agent) usedVersion(ctx context.Context, v site.Version) {
	h := *a.holds.Load()
	if after := h.Used(v); after.Held != h.Held || after.Barred != h.Barred {
		_ = a.keepHolds(ctx, after) // told of
	}
}

// heldDigests are those of versions that need not be sent again.
func (a *Agent) heldDigests() []string {
	var list []string
	for _, v := range a.holds.Load().List() {
		list = append(list, v.Digest)
	}
	return list
}

// seekAcceptance takes over what an operator accepted at a peer.
func (a *Agent) seekAcceptance(peers []peerWord) {
	for _, p := range peers {
		if !p.heard {
			continue
		}
		if after, fresh := a.holds.Load().Accept(p.facts.Accepted); fresh {
			_ = a.accepted(context.Background(), after, fmt.Sprintf("at %s", p.fqdn)) // the peer goes on saying so
		}
	}
}

// accepted makes an acceptance true, in the loop.
func (a *Agent) accepted(ctx context.Context, h wire.Holds, how string) error {
	err := a.keepHolds(ctx, h)
	version := h.Accepted.Version.String()
	a.log.raise(events.SnapshotAccepted, fmt.Sprintf("version %s was accepted %s", version, how), logrus.Fields{"version": version})
	a.syncSoon()
	if err != nil {
		return wire.NewProblem(http.StatusServiceUnavailable, wire.CodeDisk, "the data folder cannot be written: a restart forgets the acceptance")
	}
	return nil
}

// heldBy are the versions that running connectors hold back.
func (a *Agent) heldBy(peers []peerWord) map[site.Version]bool {
	held := map[site.Version]bool{}
	for _, v := range a.holds.Load().Versions() {
		held[v] = true
	}
	for _, p := range peers {
		if !p.heard {
			continue
		}
		for _, v := range p.facts.HeldBack {
			held[v] = true
		}
	}
	return held
}

// Snapshots are the generations in the data folder, and what is held back.
func (a *Agent) Snapshots() []wire.SnapshotStatus { return a.withHolds(a.snapshots.List()) }

func (a *Agent) withHolds(list []wire.SnapshotStatus) []wire.SnapshotStatus {
	h := a.holds.Load()
	for i := range list {
		if h.Barred != nil && list[i].Version == h.Barred.Version {
			list[i].State = "barred"
		}
	}
	if v := h.Held; v != nil {
		list = append(list, wire.SnapshotStatus{
			Version: v.Version, Digest: v.Digest, State: "held", Fault: v.Reason, Imported: v.At, Counts: v.Counts,
			Age: site.Duration(a.o.Env.Now().Sub(v.At)),
		})
	}
	return list
}

// SnapshotDiff is what the version that is held back would change; else what the
// one in use changed.
func (a *Agent) SnapshotDiff(ctx context.Context) (wire.SnapshotDiff, error) {
	if v := a.holds.Load().Held; v != nil && v.Diff != nil {
		return *v.Diff, nil
	}
	d, err := a.snapshots.Compare(ctx)
	if errors.Is(err, localdb.ErrNoPrevious) {
		err = wire.NewProblem(http.StatusConflict, wire.CodeRefused, "there is no other generation to compare with")
	}
	return d, err
}

// OrderSnapshots carries out an operator's order about snapshots.
func (a *Agent) OrderSnapshots(ctx context.Context, order wire.SnapshotOrder) (wire.SnapshotAnswer, error) {
	if order.Action == wire.VerifySnapshots {
		return wire.SnapshotAnswer{Items: a.withHolds(a.snapshots.Verify(ctx))}, nil
	}
	carryOut := a.accept
	if order.Action == wire.RollbackSnapshot {
		carryOut = a.rollback
	}
	v, err := carryOut(ctx, order)
	if err != nil {
		return wire.SnapshotAnswer{}, err
	}
	return wire.SnapshotAnswer{Version: v, Items: a.Snapshots()}, nil
}

// accept lets a version be used that is held back here or at a peer, in the whole
// zone.
func (a *Agent) accept(ctx context.Context, order wire.SnapshotOrder) (site.Version, error) {
	wanted, _ := site.ParseVersion(order.Version)
	var err error
	stopped := a.do(ctx, func() {
		wanted, err = a.acceptable(wanted)
		if err != nil {
			return
		}
		h, _ := a.holds.Load().Accept(wire.Acceptance{Number: a.lastAcceptance() + 1, Version: wanted})
		err = a.accepted(ctx, h, because("by "+order.By, order.Reason))
	})
	return wanted, errors.Join(stopped, err)
}

func because(by, reason string) string {
	if reason == "" {
		return by
	}
	return by + ": " + reason
}

// acceptable is the version that can be accepted: the one asked for, or the newest
// that is held back.
func (a *Agent) acceptable(wanted site.Version) (site.Version, error) {
	var newest site.Version
	for v := range a.heldBy(a.peers(time.Now())) {
		if v == wanted {
			return v, nil
		}
		if v.Compare(newest) > 0 {
			newest = v
		}
	}
	switch {
	case newest.IsZero():
		return newest, wire.NewProblem(http.StatusConflict, wire.CodeRefused, "no version is held back")
	case !wanted.IsZero():
		return wanted, wire.Problemf(http.StatusConflict, wire.CodeRefused, "version %s is not held back; %s is", wanted, newest)
	}
	return newest, nil
}

// lastAcceptance is the highest number known, in the loop.
func (a *Agent) lastAcceptance() uint64 {
	last := a.holds.Load().Accepted.Number
	for _, s := range a.sights {
		if s.Heard {
			last = max(last, s.Facts.Accepted.Number)
		}
	}
	return last
}

// rollback takes the generation before into use and bars the one in use: in this
// connector, until an operator accepts it or a newer version comes.
func (a *Agent) rollback(ctx context.Context, order wire.SnapshotOrder) (site.Version, error) {
	if !a.beginSync(ctx, true) {
		return site.Version{}, ctx.Err()
	}
	defer func() { <-a.syncing }()
	older, err := a.snapshots.OpenPrevious(ctx)
	if err != nil {
		return site.Version{}, wire.NewProblem(http.StatusConflict, wire.CodeRefused, err.Error())
	}
	err = errors.New("the order was not carried out")
	if stopped := a.do(ctx, func() { err = a.goBack(ctx, older, order) }); stopped != nil {
		older.Discard()
		return site.Version{}, stopped
	}
	_ = a.do(ctx, func() {}) // by the next round the status shows it
	return older.Version(), err
}

// goBack bars the version in use before it leaves it: a crash between the two leaves
// a bar on the version in use, which counts for nothing.
func (a *Agent) goBack(ctx context.Context, older *localdb.Restorable, order wire.SnapshotOrder) error {
	snapshot, ok := a.snapshots.Current()
	if !ok || a.core.starting || a.core.state().HA() {
		older.Discard()
		if ok {
			snapshot.Release()
		}
		return wire.NewProblem(http.StatusConflict, wire.CodeInHAMode, "nothing is swapped in HA mode, nor before the connector has begun")
	}
	defer snapshot.Release()
	before := *a.holds.Load()
	h := before
	h.Barred = &wire.HeldVersion{
		Version: snapshot.Version, Digest: snapshot.Digest, At: a.o.Env.Now().UTC(), Number: a.lastAcceptance(),
		Reason: because("rolled back by "+order.By, order.Reason), Counts: wire.ConfigCounts(snapshot.Index.Site()),
	}
	if err := a.keepHolds(ctx, h); err != nil {
		a.holds.Store(&before)
		older.Discard()
		return wire.NewProblem(http.StatusServiceUnavailable, wire.CodeDisk, "the data folder cannot be written")
	}
	if err := a.snapshots.Restore(older); err != nil {
		return errors.Join(err, a.keepHolds(ctx, before))
	}
	a.log.raise(events.SnapshotRolledBack, h.Barred.Reason, logrus.Fields{"from": snapshot.Version.String(), "version": older.Version().String()})
	return nil
}
