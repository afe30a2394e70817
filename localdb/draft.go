package localdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"

	"understudy/env"
	"understudy/site"
)

// draft is a snapshot of which the file is being written.
type draft struct {
	built  *Built
	db     *sql.DB
	filled chan error // the long tables are, or cannot be
	// rows compares what was written of the long lists with what should be there.
	rows func(context.Context, *sql.DB, *site.Site) error
}

// startDraft begins a scratch file, whose long tables get what comes as it comes. It
// ends with complete or abandon.
func (s *Snapshots) startDraft(ctx context.Context, c *coming) *draft {
	d := s.newDraft(sameLong)
	go func() { d.filled <- d.fill(ctx, c) }()
	return d
}

func (s *Snapshots) newDraft(rows func(context.Context, *sql.DB, *site.Site) error) *draft {
	path := filepath.Join(s.dir, scratchPrefix+env.Short(s.env.Rand("snapshot"), 12)+siteSuffix)
	return &draft{built: &Built{path: path, disk: s.disk}, filled: make(chan error, 1), rows: rows}
}

func (d *draft) fill(ctx context.Context, c *coming) error {
	err := d.built.disk.create(d.built.path)
	if err == nil {
		d.db, err = openScratch(d.built.path)
	}
	if err == nil {
		err = createTables(ctx, d.db)
	}
	if err == nil {
		err = eachLong(func(t table) error { return t.write(ctx, d.db, c) })
	}
	return err
}

// complete writes the rest, then checks the file while it is made durable. Nothing is left of
// one that failed.
func (d *draft) complete(ctx context.Context, c content) (*Built, error) {
	d.built.content = c
	err := <-d.filled
	if err == nil {
		err = inTransaction(ctx, d.db, func(tx *sql.Tx) error { return insertShort(ctx, tx, c) })
	}
	err = errors.Join(err, d.close())
	if err == nil {
		err = together(func() error { return readBack(ctx, d.built.path, c, d.rows) }, d.built.settle)
	}
	if err == nil {
		return d.built, nil
	}
	d.built.Discard()
	return nil, fmt.Errorf("build snapshot %s: %w", c.Header.Version, err)
}

// abandon removes the file. What was to come has ended.
func (d *draft) abandon() {
	_, _ = <-d.filled, d.close() // nobody needs it
	d.built.Discard()
}

func (d *draft) close() error {
	if d.db == nil {
		return nil
	}
	return d.db.Close()
}
