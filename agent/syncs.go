package agent

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/robfig/cron/v3"
	"github.com/sirupsen/logrus"

	"understudy/env"
	"understudy/events"
	"understudy/localdb"
	"understudy/site"
	configsync "understudy/sync"
	"understudy/wire"
)

// peerFetchEvery bounds how often a peer is asked for what it has newer.
const peerFetchEvery = 5 * time.Second

// Bounds of a peer's snapshot: until it begins to come, and of all of it. A
// paused peer must not hold up the syncs from the cloud broker.
const (
	peerAnswer = 5 * time.Second
	peerStream = 50 * time.Second
)

// schedule runs a sync every interval by cron, one at start, and one whenever the
// zone comes back to Normal (LHC-01, LHC-16). Who has no snapshot at all asks more often.
func (a *Agent) schedule(ctx context.Context) error {
	logger := cron.PrintfLogger(a.o.Logger)
	// SkipIfStillRunning outside, Recover inside: the other order never runs a job
	// again that has panicked once.
	c := cron.New(cron.WithLocation(time.UTC), cron.WithChain(cron.SkipIfStillRunning(logger), cron.Recover(logger)))
	every := fmt.Sprintf("@every %s", a.o.SyncInterval)
	if _, err := c.AddFunc(every, func() { a.sync(ctx) }); err != nil {
		return fmt.Errorf("schedule a sync %s: %w", every, err)
	}
	a.beats(&a.pulse.sync)
	c.Start()
	defer func() { <-c.Stop().Done() }()
	var again <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.syncNow:
			a.sync(ctx)
		case <-again:
			if !a.hasSite() {
				a.sync(ctx)
			}
		}
		again = a.askAgain()
	}
}

func (a *Agent) syncSoon() {
	select {
	case a.syncNow <- struct{}{}:
	default:
	}
}

// sync asks once for the site. Connectors of one zone do not all ask in the
// same instant.
func (a *Agent) sync(ctx context.Context) {
	a.beats(&a.pulse.sync)
	defer a.beats(&a.pulse.sync)
	spread := env.Jitter(a.o.Env.Rand("sync"), a.o.SyncInterval/40, 1)
	select {
	case <-ctx.Done():
		return
	case <-time.After(spread):
	}
	if a.leftAlone() > 0 && !a.hasSite() {
		return
	}
	a.run(ctx, nil, "")
}

// run does one sync from a source: nil is where the site comes from, or a peer that is ahead, which
// gives way to a sync under way.
func (a *Agent) run(ctx context.Context, source configsync.Source, from site.FQDN) {
	if !a.beginSync(ctx, from == "") {
		return
	}
	defer func() { <-a.syncing }()
	if a.o.Env.Gate(ctx) != nil {
		return
	}
	if a.inHA() && !a.stranded() {
		a.deferSync()
		return
	}
	if source == nil {
		source = a.origin()
	}
	syncer, err := configsync.New(configsync.Options[*localdb.Built]{
		Source: source, Store: announcing{a}, Swap: a.swap, Current: a.current, Known: a.heldDigests, From: string(from), Site: a.o.Site,
	})
	if err != nil {
		a.o.Logger.WithError(err).Error("a sync could not be made ready")
		return
	}
	if result := syncer.Sync(ctx); ctx.Err() == nil {
		a.noteSync(result, from)
	}
}

// beginSync takes the turn, waiting for it if need be.
func (a *Agent) beginSync(ctx context.Context, wait bool) bool {
	select {
	case a.syncing <- struct{}{}:
		return true
	default:
	}
	if !wait {
		return false
	}
	select {
	case a.syncing <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// announcing tells of each import as it begins.
type announcing struct{ a *Agent }

// Build builds a snapshot of what the stream holds.
func (n announcing) Build(ctx context.Context, r *wire.ConfigReader, from string) (*localdb.Built, error) {
	n.begins(r, "")
	return n.a.snapshots.Build(ctx, r, from)
}

// BuildDelta builds a snapshot of the one in use and what changed since.
func (n announcing) BuildDelta(ctx context.Context, r *wire.ConfigReader, from string) (*localdb.Built, error) {
	n.begins(r, ", what changed since "+r.Header().Base.String())
	return n.a.snapshots.BuildDelta(ctx, r, from)
}

func (n announcing) begins(r *wire.ConfigReader, what string) {
	version := r.Header().Version.String()
	n.a.log.raise(events.SyncStarted, "version "+version+what, logrus.Fields{"version": version})
}

func (a *Agent) current() (site.Version, string) {
	snapshot, ok := a.snapshots.Current()
	if !ok {
		return site.Version{}, ""
	}
	defer snapshot.Release()
	return snapshot.Version, snapshot.Digest
}

// stranded: in HA mode without a snapshot where nobody is elected. Whoever cannot
// serve cannot leave HA mode either, so the first snapshot is taken in it.
func (a *Agent) stranded() bool {
	s := a.stance.Load()
	_, usable := a.ownVersion()
	return !usable && !s.starting && s.elected == ""
}

// deferSync notes that nothing is asked for in HA mode; the return to Normal
// brings a sync of its own.
func (a *Agent) deferSync() {
	if last := a.lastSync.Load(); last.Outcome == string(configsync.Deferred) {
		return
	}
	a.noteSync(configsync.Result{Outcome: configsync.Deferred, Detail: "the zone is in HA mode; a sync follows on Normal"}, "")
}

// swap takes a built snapshot into use, in the loop that applies transitions:
// nothing is swapped in HA mode, nor what is suspicious before it is accepted.
func (a *Agent) swap(ctx context.Context, built *localdb.Built) error {
	version, suspicion := a.suspect(built)
	var err error
	if stopped := a.do(ctx, func() {
		if a.core.starting || a.core.state().HA() && !a.stranded() {
			err = configsync.ErrDeferred
			return
		}
		if err = a.holdBack(ctx, version, suspicion); err != nil {
			return
		}
		if err = a.snapshots.Swap(built); err == nil {
			a.usedVersion(ctx, built.Version())
		}
	}); stopped != nil {
		return stopped
	}
	return err
}

// noteSync keeps the outcome for the status and tells what changed.
func (a *Agent) noteSync(r configsync.Result, from site.FQDN) {
	now := a.o.Env.Now().UTC()
	status := wire.SyncStatus{At: now, Outcome: string(r.Outcome), Detail: r.Detail}
	fields := logrus.Fields{"version": r.Version.String(), "delta": r.Delta, "objects": r.Objects, "bytes": r.Bytes}
	if r.NoDelta != nil {
		a.log.raise(events.DeltaRefused, r.NoDelta.Error(), logrus.Fields{"version": r.Version.String()})
	}
	if from != "" {
		fields["peer"] = string(from)
	}
	switch r.Outcome {
	case configsync.Imported:
		name := events.SyncImported
		if from != "" {
			name = events.SnapshotFromPeer
		}
		a.log.raise(name, fmt.Sprintf("version %s is in use", r.Version), fields)
		a.tellQuarantined()
	case configsync.Deferred:
		a.log.raise(events.SyncDeferred, "the zone is in HA mode", fields)
	case configsync.Failed:
		a.tellFailed(r, from, fields)
		status.Detail = r.Err.Error()
	case configsync.Unchanged, configsync.Held, configsync.Follows:
	}
	if r.Outcome == configsync.Imported || r.Outcome == configsync.Unchanged {
		measured := time.Now()
		a.confirmed.Store(&measured)
		if a.syncFailing {
			a.syncFailing = false
			a.log.raise(events.SyncRecovered, "the sync succeeded", fields)
		}
	}
	a.lastSync.Store(&status)
	a.wake()
}

// tellQuarantined says which objects of the snapshot in use are left out (NEW-05).
func (a *Agent) tellQuarantined() {
	snapshot, ok := a.snapshots.Current()
	if !ok {
		return
	}
	defer snapshot.Release()
	out := snapshot.Quarantined
	if len(out) == 0 {
		return
	}
	reason := fmt.Sprintf("%d objects, first %s %q: %s", len(out), out[0].Kind, wire.Clip(out[0].Name), wire.Clip(out[0].Reason))
	a.log.raise(events.ObjectsQuarantined, reason, logrus.Fields{"version": snapshot.Version.String(), "objects": len(out)})
}

// lastSyncAge is how long ago the configuration was last known to be current.
func (a *Agent) lastSyncAge() time.Duration {
	at := a.confirmed.Load()
	if at == nil {
		return 1<<63 - 1
	}
	return time.Since(*at)
}

// fetchFrom asks a peer for its newer snapshot, verified as if from the cloud.
func (a *Agent) fetchFrom(holder site.FQDN) {
	if time.Since(a.fetched) < peerFetchEvery {
		return
	}
	a.fetched = time.Now()
	a.spawn(func(ctx context.Context) {
		a.run(ctx, peerSource{mesh: a.mesh, peer: holder}, holder)
	})
}

// peerSource is a peer as the source of a sync.
type peerSource struct {
	mesh interface {
		Fetch(ctx context.Context, from site.FQDN, path string) (io.ReadCloser, error)
	}
	peer site.FQDN
}

// Configuration fetches the peer's snapshot; it is always a whole and changed one.
func (p peerSource) Configuration(ctx context.Context, _ wire.ConfigAsk) (io.ReadCloser, string, error) {
	ctx, cancel := context.WithCancel(ctx)
	late := time.AfterFunc(peerAnswer, cancel)
	body, err := p.mesh.Fetch(ctx, p.peer, "/peer/v1/snapshot")
	if err != nil {
		cancel()
		return nil, "", fmt.Errorf("fetch the snapshot of %s: %w", p.peer, err)
	}
	late.Reset(peerStream)
	return &bounded{ReadCloser: body, cancel: cancel}, "", nil
}

// bounded is a body that ends with its context.
type bounded struct {
	io.ReadCloser
	cancel context.CancelFunc
}

// Close closes the body and ends what bounds it.
func (b *bounded) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}
