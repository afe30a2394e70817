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
	"time"

	"understudy/site"
	"understudy/wire"
)

// ErrDeferred is what a Swap returns, or wraps, while nothing may be swapped
// because the zone is in HA mode.
var ErrDeferred = errors.New("nothing is swapped in HA mode")

// DefaultTimeout bounds a whole sync.
const DefaultTimeout = 5 * time.Minute

// Source is where a configuration comes from: the cloud broker or a peer.
type Source interface {
	// Configuration returns the configuration stream, or that it is unchanged
	// against the entity tag, which is the digest of the snapshot in use.
	Configuration(ctx context.Context, etag string) (stream io.ReadCloser, unchanged bool, err error)
}

// Built is a snapshot that is complete and verified but not in use.
type Built interface {
	Version() site.Version
	Digest() string
	Discard()
}

// Store builds snapshots.
type Store[B Built] interface {
	Build(ctx context.Context, r *wire.ConfigReader, from string) (B, error)
}

// Options are what a Syncer needs.
type Options[B Built] struct {
	Source Source
	Store  Store[B]
	// Swap takes a built snapshot into use, or refuses with ErrDeferred.
	Swap func(ctx context.Context, b B) error
	// Current returns the version and digest in use; zero values where there is none.
	Current func() (site.Version, string)
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
)

// Result tells how a sync ended.
type Result struct {
	Outcome Outcome
	// Version is the one in use after an import or when unchanged, and the one that
	// was refused when deferred or failed after its header was read.
	Version site.Version
	// Detail says in a sentence what happened.
	Detail string
	// Err is set when failed or deferred.
	Err error
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
// was, and the next sync starts afresh.
func (s *Syncer[B]) Sync(ctx context.Context) Result {
	ctx, cancel := context.WithTimeout(ctx, s.options.Timeout)
	defer cancel()
	version, etag := s.options.Current()
	stream, unchanged, err := s.options.Source.Configuration(ctx, etag)
	switch {
	case err != nil:
		return failed(site.Version{}, fmt.Errorf("ask for the configuration: %w", err))
	case unchanged && etag == "":
		// Only a broken source says so to somebody who has nothing.
		return failed(site.Version{}, errors.New("ask for the configuration: it is said to be unchanged, but there is no snapshot"))
	case unchanged:
		return Result{Outcome: Unchanged, Version: version, Detail: fmt.Sprintf("version %s is still the newest", version)}
	}
	defer stream.Close()
	// A reader that does not know the context must not hold up the sync.
	stop := context.AfterFunc(ctx, func() { stream.Close() })
	defer stop()
	return s.take(ctx, stream)
}

// take builds what the stream holds, and swaps it.
func (s *Syncer[B]) take(ctx context.Context, stream io.Reader) Result {
	reader, err := wire.NewConfigReader(stream)
	if err != nil {
		return failed(site.Version{}, inTime(ctx, err))
	}
	header := reader.Header()
	if s.options.Site != "" && header.Site != s.options.Site {
		return failed(header.Version, fmt.Errorf("the configuration is of site %q, not of %q", header.Site, s.options.Site))
	}
	built, err := s.options.Store.Build(ctx, reader, s.options.From)
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
