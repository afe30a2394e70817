// Package configsync is the configuration synchronizer: one sync asks the cloud
// broker, or a peer, whether the configuration changed, and when it did fetches,
// builds, verifies and swaps it (LHC-01, LHC-02). It keeps no schedule and writes
// no log: agent calls Sync and tells of its Result. The folder's name is sync; the
// package is named so that importers need no alias beside the standard sync.
package configsync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"understudy/site"
	"understudy/wire"
)

// ErrDeferred is what a Swap returns, or wraps, while nothing may be swapped
// because the zone is in HA mode.
var ErrDeferred = errors.New("nothing is swapped in HA mode")

// ErrHeld is what a Swap returns, or wraps, for a version that is not taken into use
// before an operator accepts it.
var ErrHeld = errors.New("held back until an operator accepts it")

// ErrFollows is what a Source returns, or wraps, where the site comes from a peer that
// takes changes first.
var ErrFollows = errors.New("another connector of the zone takes changes first")

// DefaultTimeout bounds a whole sync.
const DefaultTimeout = 5 * time.Minute

// Source is where a configuration comes from: the cloud broker or a peer.
type Source interface {
	// Configuration returns the configuration stream, perhaps a delta, or the digest
	// of those in ask that is still the newest.
	Configuration(ctx context.Context, ask wire.ConfigAsk) (stream io.ReadCloser, unchanged string, err error)
}

// Built is a snapshot that is complete and verified but not in use.
type Built interface {
	Version() site.Version
	Digest() string
	Discard()
}

// Store builds snapshots.
type Store[B Built] interface {
	// Build makes one of a whole configuration.
	Build(ctx context.Context, r *wire.ConfigReader, from string) (B, error)
	// BuildDelta makes one of the snapshot in use and what changed since.
	BuildDelta(ctx context.Context, r *wire.ConfigReader, from string) (B, error)
}

// Options are what a Syncer needs.
type Options[B Built] struct {
	Source Source
	Store  Store[B]
	// Swap takes a built snapshot into use, or refuses with ErrDeferred or ErrHeld.
	Swap func(ctx context.Context, b B) error
	// Current returns the version and digest in use; zero values where there is none.
	Current func() (site.Version, string)
	// Known returns the digests of versions that are held back; it may be nil.
	Known func() []string
	// From names the source in the snapshots.
	From string
	// Site is the name that the configuration must have; empty takes any.
	Site string
	// Timeout bounds a whole sync; 0 means DefaultTimeout.
	Timeout time.Duration
}

func (o Options[B]) validate() error {
	switch {
	case o.Source == nil:
		return errors.New("configsync: Source is missing")
	case o.Store == nil:
		return errors.New("configsync: Store is missing")
	case o.Swap == nil:
		return errors.New("configsync: Swap is missing")
	case o.Current == nil:
		return errors.New("configsync: Current is missing")
	case o.Timeout < 0:
		return fmt.Errorf("configsync: Timeout %s is negative", o.Timeout)
	}
	return nil
}

// Outcome is how a sync ended.
type Outcome string

// The outcomes.
const (
	Imported  Outcome = "imported"
	Unchanged Outcome = "unchanged"
	Failed    Outcome = "failed"
	Deferred  Outcome = "deferred"
	Held      Outcome = "held"
	Follows   Outcome = "follows"
)

// Result tells how a sync ended.
type Result struct {
	Outcome Outcome
	// Version is the one in use after an import or when unchanged, and the one that
	// was refused when deferred, held or failed after its header was read.
	Version site.Version
	// Detail says in a sentence what happened.
	Detail string
	// Err is set when failed, deferred, held, or when a peer is followed.
	Err error
	// Delta says that only what had changed was read; NoDelta, why a delta that came
	// was of no use, so that the whole configuration was read.
	Delta   bool
	NoDelta error
	// Objects and Bytes are what was decoded, and read of the stream.
	Objects int
	Bytes   int64
}

// Syncer performs syncs. Sync is not to be called twice at once.
type Syncer[B Built] struct {
	options Options[B]
}

// New checks the options.
func New[B Built](o Options[B]) (*Syncer[B], error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	return &Syncer[B]{options: o}, nil
}

// Sync performs one sync. Whatever fails before the swap leaves everything as it
// was, and the next sync starts afresh. Where a delta is of no use the whole
// configuration is fetched at once.
func (s *Syncer[B]) Sync(ctx context.Context) Result {
	ctx, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	version, digest := s.options.Current()
	ask := wire.ConfigAsk{Digest: digest, Since: version}
	if s.options.Known != nil {
		ask.Known = s.options.Known()
	}
	r := s.once(ctx, ask)
	if r.Outcome != Failed || !r.Delta || ctx.Err() != nil {
		return r
	}
	whole := s.once(ctx, wire.ConfigAsk{Digest: digest, Known: ask.Known})
	whole.NoDelta = r.Err
	whole.Objects += r.Objects
	whole.Bytes += r.Bytes
	return whole
}

func (s *Syncer[B]) once(ctx context.Context, ask wire.ConfigAsk) Result {
	stream, unchanged, err := s.options.Source.Configuration(ctx, ask)
	if errors.Is(err, ErrFollows) {
		return Result{Outcome: Follows, Version: ask.Since, Detail: err.Error(), Err: err}
	}
	if err != nil {
		return failed(site.Version{}, fmt.Errorf("ask for the configuration: %w", err))
	}
	if unchanged != "" {
		return s.same(ask, unchanged)
	}
	defer stream.Close()
	// A reader that does not know the context must not hold up the sync.
	stop := context.AfterFunc(ctx, func() { stream.Close() })
	defer stop()
	reader, err := wire.NewConfigReader(stream)
	if err != nil {
		r := failed(site.Version{}, inTime(ctx, err))
		r.Delta = !ask.Since.IsZero() // for all that can be told
		return r
	}
	r := s.take(ctx, reader, ask)
	r.Delta, r.Objects, r.Bytes = reader.IsDelta(), reader.Objects(), reader.Bytes()
	return r
}

// same is the result where nothing new came.
func (s *Syncer[B]) same(ask wire.ConfigAsk, unchanged string) Result {
	switch {
	case unchanged == ask.Digest:
		return Result{Outcome: Unchanged, Version: ask.Since, Detail: fmt.Sprintf("version %s is still the newest", ask.Since)}
	case slices.Contains(ask.Known, unchanged):
		return Result{Outcome: Held, Version: ask.Since, Detail: "the newest version is " + ErrHeld.Error(), Err: ErrHeld}
	}
	// Only a broken source says so to somebody who has nothing.
	return failed(site.Version{}, errors.New("ask for the configuration: it is said to be unchanged, but there is no snapshot"))
}

// take builds what the stream holds, and swaps it.
func (s *Syncer[B]) take(ctx context.Context, reader *wire.ConfigReader, ask wire.ConfigAsk) Result {
	header := reader.Header()
	if s.options.Site != "" && header.Site != s.options.Site {
		return failed(header.Version, fmt.Errorf("the configuration is of site %q, not of %q", header.Site, s.options.Site))
	}
	if reader.IsDelta() && ask.Since.IsZero() {
		return failed(header.Version, fmt.Errorf("a delta from %s came that nobody asked for", header.Base))
	}
	build := s.options.Store.Build
	if reader.IsDelta() {
		build = s.options.Store.BuildDelta
	}
	built, err := build(ctx, reader, s.options.From)
	if err != nil {
		return failed(header.Version, inTime(ctx, err))
	}
	return s.swap(ctx, built)
}

func (s *Syncer[B]) swap(ctx context.Context, built B) Result {
	err := ctx.Err()
	if err == nil {
		err = s.options.Swap(ctx, built)
	}
	version := built.Version()
	if err == nil {
		return Result{Outcome: Imported, Version: version, Detail: fmt.Sprintf("version %s is in use", version)}
	}
	built.Discard()
	if errors.Is(err, ErrHeld) {
		return Result{Outcome: Held, Version: version, Detail: fmt.Sprintf("version %s: %v", version, err), Err: err}
	}
	if errors.Is(err, ErrDeferred) {
		return Result{Outcome: Deferred, Version: version, Detail: fmt.Sprintf("version %s waits: %v", version, err), Err: err}
	}
	return failed(version, inTime(ctx, err))
}

func failed(v site.Version, err error) Result {
	return Result{Outcome: Failed, Version: v, Detail: err.Error(), Err: err}
}

// inTime names the deadline as the cause where it is one: what a reader reports
// after its stream was closed tells nobody anything.
func inTime(ctx context.Context, err error) error {
	if cause := ctx.Err(); cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}
