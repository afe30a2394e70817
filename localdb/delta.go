package localdb

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"understudy/site"
	"understudy/wire"
)

// BuildDelta makes a new snapshot of the one in use and what changed since. It is
// verified like one that came whole; after an error only the whole configuration
// will do. What was copied is known by its sum, so only the rows that changed are
// read back.
func (s *Snapshots) BuildDelta(ctx context.Context, r *wire.ConfigReader, from string) (*Built, error) {
	base, ok := s.Current()
	if !ok {
		return nil, errors.New("apply a delta: there is no snapshot")
	}
	defer base.Release()
	full, touched, err := base.apply(r)
	if err != nil {
		return nil, fmt.Errorf("apply the delta from %s to %s: %w", r.Header().Base, r.Header().Version, err)
	}
	m := meta{Header: r.Header(), Imported: s.env.Now().UTC(), From: from, Digest: r.Digest(), schema: snapshotSchema}
	m.Header.Base = site.Version{}
	// The file is written while the site is judged: neither needs the other.
	await := judge(m, full)
	if base.schema != snapshotSchema || len(base.out) > 0 {
		return s.buildJudged(ctx, m, full, await())
	}
	b, err := s.build(ctx, m, func(b *Built) error { return b.patch(ctx, base, content{meta: m, site: full}, touched) })
	found := await()
	switch {
	case found.index == nil:
		if err == nil {
			b.Discard()
		}
		return s.buildJudged(ctx, m, full, found)
	case err != nil:
		return nil, err
	}
	b.index = found.index
	return b, nil
}

// verdict is what was found of a site: that it is not what was sent, or its index if
// all of it can be used.
type verdict struct {
	wrong error
	index *site.Index
}

// judge begins to look at a site; what it returns waits for the verdict.
func judge(m meta, full *site.Site) func() verdict {
	sent, usable := make(chan error, 1), make(chan *site.Index, 1)
	go func() { sent <- compare(m, full, wire.Digest(full, m.Header.Records...)) }()
	go func() {
		var index *site.Index
		if len(full.Validate()) == 0 {
			index = site.NewIndex(full)
		}
		usable <- index
	}()
	return func() verdict {
		v := verdict{wrong: <-sent, index: <-usable}
		if v.wrong != nil {
			v.index = nil
		}
		return v
	}
}

// buildJudged writes the whole file from memory.
func (s *Snapshots) buildJudged(ctx context.Context, m meta, full *site.Site, v verdict) (*Built, error) {
	if v.wrong != nil {
		return nil, fmt.Errorf("apply the delta to %s: %w", m.Header.Version, v.wrong)
	}
	return s.buildParted(ctx, m, content{meta: m, site: full})
}

// apply is the site after the delta, and what changed in its lists.
func (s *Snapshot) apply(r *wire.ConfigReader) (*site.Site, map[string][]int, error) {
	h := r.Header()
	if h.Base != s.Version || h.Version.Compare(s.Version) <= 0 {
		return nil, nil, fmt.Errorf("version %s is in use", s.Version)
	}
	changes, err := r.ReadChanges()
	if err != nil {
		return nil, nil, err
	}
	full, touched := wire.ApplyChanges(s.Site(), h, changes)
	return full, touched, nil
}

// patch copies the base's file and changes the rows that are not the same.
func (b *Built) patch(ctx context.Context, base *Snapshot, c content, touched map[string][]int) error {
	if err := copyFile(filepath.Join(filepath.Dir(b.path), base.gen.File), b.path, base.gen.SHA256); err != nil {
		return err
	}
	db, err := openScratch(b.path)
	if err != nil {
		return err
	}
	p := patch{site: c.site, touched: touched}
	err = inTransaction(ctx, db, func(tx *sql.Tx) error { return errors.Join(p.write(ctx, tx), replaceMeta(ctx, tx, c.meta)) })
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if err := p.verify(ctx, b.path, c.meta); err != nil {
		return err
	}
	b.content = c
	return b.settle()
}

// copyFile copies a file whose sum is known into one that is empty.
func copyFile(from, to, sum string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	got, err := hashed(io.TeeReader(in, out))
	if err := errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("copy %s: %w", filepath.Base(from), err)
	}
	if got != sum {
		return fmt.Errorf("the file %s is not what was written: its SHA-256 is %s, not %s", filepath.Base(from), got, sum)
	}
	return nil
}

// patch is the rows of a site that are other than in the file before.
type patch struct {
	site    *site.Site
	touched map[string][]int // places in the lists, by kind
}

// lists are the tables of what objects of a table hold.
func lists() map[string]string {
	return map[string]string{"delivery_groups": "delivery_group_zones", "applications": "application_groups", "users": "user_groups"}
}

// write replaces the rows. What goes, goes first: a name may move from one row to
// another.
func (p patch) write(ctx context.Context, tx *sql.Tx) error {
	counts := wire.ConfigCounts(p.site)
	for kind := range p.touched {
		if err := p.remove(ctx, tx, objectTables[kind], p.ids(kind), counts[kind]); err != nil {
			return err
		}
	}
	in := newInserter(tx)
	for _, kind := range wire.Kinds() {
		for _, at := range p.sorted(kind) {
			in.of(objectTables[kind]).rows = int64(at)
			if err := in.object(ctx, wire.ObjectAt(p.site, kind, at)); err != nil {
				return fmt.Errorf("change an object of %s: %w", kind, err)
			}
		}
	}
	return in.flush(ctx)
}

func (p patch) remove(ctx context.Context, tx *sql.Tx, table, ids string, left int) error {
	delete := func(from, column string) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM "+from+" WHERE "+column+" > ? OR "+column+" IN (SELECT value FROM json_each(?))", left, ids)
		return err
	}
	if list, ok := lists()[table]; ok {
		if err := delete(list, "owner"); err != nil {
			return fmt.Errorf("remove rows of %s: %w", list, err)
		}
	}
	if err := delete(table, "id"); err != nil {
		return fmt.Errorf("remove rows of %s: %w", table, err)
	}
	return nil
}

func (p patch) sorted(kind string) []int { return slices.Sorted(slices.Values(p.touched[kind])) }

// ids are the numbers of the rows of a kind, as a JSON list.
func (p patch) ids(kind string) string {
	ids := p.sorted(kind)
	for i := range ids {
		ids[i]++
	}
	b, err := json.Marshal(append([]int{}, ids...))
	if err != nil {
		panic("localdb: numbers do not encode: " + err.Error())
	}
	return string(b)
}

// verify looks the whole file over, and reads back what was written.
func (p patch) verify(ctx context.Context, path string, m meta) error {
	db, err := openSnapshotFile(path)
	if err != nil {
		return err
	}
	return errors.Join(p.verifyDB(ctx, db, m), db.Close())
}

func (p patch) verifyDB(ctx context.Context, db *sql.DB, m meta) error {
	if err := quickCheck(ctx, db); err != nil {
		return err
	}
	if got, err := readMeta(ctx, db); err != nil || got.Digest != m.Digest || got.Header.Version != m.Header.Version {
		return errors.Join(errors.New("the file does not say what it is"), err)
	}
	counts, err := countRows(ctx, db)
	if err != nil {
		return err
	}
	want, written := wire.ConfigCounts(p.site), map[string]string{}
	for kind, table := range objectTables {
		if counts[kind] != want[kind] {
			return fmt.Errorf("the file holds %d %s, there are %d", counts[kind], kind, want[kind])
		}
		written[table] = p.ids(kind)
	}
	got, err := readSite(ctx, rows{db: db, only: written}, &site.Site{})
	if err != nil {
		return err
	}
	if wire.Digest(got) != wire.Digest(p.changed()) {
		return errors.New("what was changed does not read back as it was written")
	}
	return checkReferences(ctx, db)
}

// changed is a site of the objects that changed.
func (p patch) changed() *site.Site {
	s := &site.Site{}
	for kind, places := range p.touched {
		for _, at := range places {
			wire.ObjectAt(p.site, kind, at).AddTo(s)
		}
	}
	return s
}
