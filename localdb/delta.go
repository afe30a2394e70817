package localdb

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"understudy/site"
	"understudy/wire"
)

// step leads from the snapshot in use to the next one.
type step struct {
	base    *Snapshot
	before  *site.Site
	next    *site.Site
	touched map[string][]int // the positions that hold another object than before
	meta    meta             // of the next
}

// BuildDelta makes a new snapshot of the one in use and what changed since: the changes
// are applied to a copy of the site and of its file. After an error only the whole
// configuration will do.
func (s *Snapshots) BuildDelta(ctx context.Context, r *wire.ConfigReader, from string) (*Built, error) {
	base, ok := s.Current()
	if !ok {
		return nil, errors.New("apply a delta: there is no snapshot")
	}
	defer base.Release()
	h := r.Header()
	if h.Base != base.Version || h.Version.Compare(base.Version) <= 0 {
		return nil, fmt.Errorf("apply the delta from %s to %s: version %s is in use", h.Base, h.Version, base.Version)
	}
	read := sync.OnceValues(func() (step, error) { return base.step(r) })
	d := s.startStep(ctx, base, read)
	st, err := read()
	if err != nil {
		d.abandon()
		return nil, fmt.Errorf("apply the delta from %s to %s: %w", h.Base, h.Version, err)
	}
	st.meta.Imported, st.meta.From = s.env.Now().UTC(), from
	var hashes wire.Hashes
	b, err := s.assemble(ctx, d, content{meta: st.meta, site: st.next}, st.index, func() (err error) {
		hashes, err = st.hashes()
		return err
	})
	if err == nil {
		b.hashes = &hashes
	}
	return b, err
}

// step is what a delta does.
func (s *Snapshot) step(r *wire.ConfigReader) (step, error) {
	changes, err := r.ReadChanges()
	if err != nil {
		return step{}, err
	}
	st := step{base: s, before: s.Site(), meta: meta{Header: r.Header(), Digest: r.Digest(), schema: SnapshotSchema}}
	st.meta.Header.Base = site.Version{}
	st.next, st.touched = wire.ApplyChanges(st.before, st.meta.Header, changes)
	return st, nil
}

// hashes are those of the next site, which must be the one that the delta names.
func (st step) hashes() (wire.Hashes, error) {
	hashes, err := st.base.hashes().After(
		wire.Edition{Site: st.before, Contained: st.base.Records},
		wire.Edition{Site: st.next, Contained: st.meta.Header.Records},
		st.touched,
	)
	if err == nil {
		err = compare(st.meta, st.next, hashes.Digest())
	}
	return hashes, err
}

// index is that of the next site if all of it can be used.
func (st step) index() *site.Index {
	if len(st.base.out) == 0 {
		if next, ok := st.base.Index.Follow(st.next, st.touched); ok {
			return next
		}
	}
	return indexOf(st.next)
}

// startStep begins the file of the next site, which a copy does before that is known.
func (s *Snapshots) startStep(ctx context.Context, base *Snapshot, read func() (step, error)) *draft {
	if base.rowsAreObjects() {
		return s.startCopy(ctx, base.gen, read)
	}
	st, err := read()
	c := newComing(nil)
	c.end(st.next, err)
	return s.startDraft(ctx, c)
}
