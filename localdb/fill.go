package localdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"

	"understudy/wire"
)

// openScratch opens a scratch file for writing. It has no journal and does not wait
// for the disk: a file that is not finished is thrown away, one that is finished is
// synced.
func openScratch(path string) (*sql.DB, error) {
	return openDB(path, 1, url.Values{
		"mode":    {"rw"},
		"_pragma": {"journal_mode(OFF)", "synchronous(OFF)", "locking_mode(EXCLUSIVE)", "temp_store(MEMORY)", "foreign_keys(0)"},
	})
}

// fill makes the tables of a scratch file with all rows: SQLite those of the short
// lists, package pages the others.
func fill(ctx context.Context, path string, c content) error {
	roots, err := writeShort(ctx, path, c)
	if err != nil {
		return err
	}
	return writeLong(ctx, path, roots, c.site)
}

func writeShort(ctx context.Context, path string, c content) (roots map[string]uint32, err error) {
	db, err := openScratch(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	settings := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", snapshotAppID, snapshotSchema)
	if _, err := db.ExecContext(ctx, settings+snapshotCreates); err != nil {
		return nil, fmt.Errorf("create the tables: %w", err)
	}
	if err := inTransaction(ctx, db, func(tx *sql.Tx) error { return insertShort(ctx, tx, c) }); err != nil {
		return nil, err
	}
	return rootsOf(ctx, db)
}

func inTransaction(ctx context.Context, db *sql.DB, do func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := do(tx); err != nil {
		return err
	}
	return tx.Commit()
}

func insertShort(ctx context.Context, tx *sql.Tx, c content) error {
	rows := newInserter(tx)
	for o := range wire.Objects(short(c.site)) {
		if err := errors.Join(ctx.Err(), rows.object(ctx, o)); err != nil {
			return fmt.Errorf("insert an object of %s: %w", o.Kind(), err)
		}
	}
	if err := rows.flush(ctx); err != nil {
		return err
	}
	return errors.Join(insertOutcasts(ctx, tx, c.out), writeMeta(ctx, tx, c.meta))
}
