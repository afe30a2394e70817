package localdb

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"understudy/site"
	"understudy/wire"
)

// ErrNoPrevious says that there is no older generation to go back to.
var ErrNoPrevious = errors.New("there is no older generation")

// Restorable is an older generation that was verified anew and can be taken into use
// again. It ends with a Restore or a Discard.
type Restorable struct{ snapshot *Snapshot }

// Version returns the version of the site that it holds.
func (r *Restorable) Version() site.Version { return r.snapshot.Version }

// Discard closes it.
func (r *Restorable) Discard() { _ = r.snapshot.db.Close() }

// OpenPrevious verifies the generation before the one in use. It must be an older
// version: after a roll-back the newer one is there.
func (s *Snapshots) OpenPrevious(ctx context.Context) (*Restorable, error) {
	current, used := s.Current()
	if !used {
		return nil, ErrNoPrevious
	}
	defer current.Release()
	g, ok := s.previousGeneration()
	if !ok {
		return nil, ErrNoPrevious
	}
	o := &opening{Snapshots: s, ctx: ctx}
	snapshot, err := o.open(g)
	if err != nil {
		return nil, fmt.Errorf("open the generation before: %w", err)
	}
	if snapshot.Version.Compare(current.Version) >= 0 {
		return nil, errors.Join(fmt.Errorf("%w: the other one on the disk is %s", ErrNoPrevious, snapshot.Version), snapshot.db.Close())
	}
	return &Restorable{snapshot}, nil
}

func (s *Snapshots) previousGeneration() (generation, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.prevGen, s.previous != nil
}

// Restore takes the generation before into use; the one in use becomes the other one
// that is kept.
func (s *Snapshots) Restore(r *Restorable) error {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	g, ok := s.previousGeneration()
	old := s.current.Load()
	if s.isClosed() || !ok || old == nil || g.File != r.snapshot.gen.File {
		r.Discard()
		return fmt.Errorf("go back to snapshot %s: %w", r.Version(), ErrNoPrevious)
	}
	if err := writeCurrent(s.disk, s.dir, []generation{r.snapshot.gen, old.gen}); err != nil {
		r.Discard()
		return fmt.Errorf("go back to snapshot %s: %w", r.Version(), err)
	}
	s.replace(r.snapshot)
	return nil
}

// Compare says what the snapshot in use changes of the generation before.
func (s *Snapshots) Compare(ctx context.Context) (wire.SnapshotDiff, error) {
	current, used := s.Current()
	if !used {
		return wire.SnapshotDiff{}, ErrNoPrevious
	}
	defer current.Release()
	g, ok := s.previousGeneration()
	if !ok {
		return wire.SnapshotDiff{}, ErrNoPrevious
	}
	db, c, err := verify(ctx, filepath.Join(s.dir, g.File))
	if err != nil {
		return wire.SnapshotDiff{}, err
	}
	return wire.SnapshotDiff{
		From: c.Header.Version, To: current.Version, Kinds: wire.Compare(all(c.site, c.out), current.Site()),
	}, db.Close()
}

// Verify looks over the files of the generations as a start does; what is wrong with
// one is its fault.
func (s *Snapshots) Verify(ctx context.Context) []wire.SnapshotStatus {
	list := s.List()
	for i := range list {
		if list[i].Fault == "" {
			list[i].Fault = s.faultOf(ctx, list[i])
		}
	}
	return list
}

func (s *Snapshots) faultOf(ctx context.Context, st wire.SnapshotStatus) string {
	g, _ := s.previousGeneration()
	if current, ok := s.Current(); ok {
		defer current.Release()
		if current.gen.File == st.File {
			g = current.gen
		}
	}
	o := &opening{Snapshots: s, ctx: ctx}
	snapshot, err := o.open(g)
	if err == nil {
		err = snapshot.db.Close()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}
