package localdb

import (
	"context"
	"errors"
	"fmt"

	"understudy/site"
	"understudy/wire"
)

// BuildDelta makes a new snapshot of the one in use and what changed since: the changes
// are applied to a copy of the site, and its file is written and verified like that of
// one which came whole. After an error only the whole configuration will do.
func (s *Snapshots) BuildDelta(ctx context.Context, r *wire.ConfigReader, from string) (*Built, error) {
	base, ok := s.Current()
	if !ok {
		return nil, errors.New("apply a delta: there is no snapshot")
	}
	defer base.Release()
	full, err := base.apply(r)
	if err != nil {
		return nil, fmt.Errorf("apply the delta from %s to %s: %w", r.Header().Base, r.Header().Version, err)
	}
	m := meta{Header: r.Header(), Imported: s.env.Now().UTC(), From: from, Digest: r.Digest(), schema: snapshotSchema}
	m.Header.Base = site.Version{}
	return s.assemble(ctx, s.startDraft(ctx, arrived(full)), m, full, func() error { return compare(m, full, wire.Digest(full, m.Header.Records...)) })
}

// apply is the site after the delta.
func (s *Snapshot) apply(r *wire.ConfigReader) (*site.Site, error) {
	h := r.Header()
	if h.Base != s.Version || h.Version.Compare(s.Version) <= 0 {
		return nil, fmt.Errorf("version %s is in use", s.Version)
	}
	changes, err := r.ReadChanges()
	if err != nil {
		return nil, err
	}
	full, _ := wire.ApplyChanges(s.Site(), h, changes)
	return full, nil
}
