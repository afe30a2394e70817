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
// synced. Large pages take less time.
func openScratch(path string) (*sql.DB, error) {
	return openDB(path, 1, url.Values{
		"mode":    {"rw"},
		"_pragma": {"page_size(16384)", "journal_mode(OFF)", "synchronous(OFF)", "locking_mode(EXCLUSIVE)", "temp_store(MEMORY)", "foreign_keys(0)", "cache_size(-512)"},
	})
}

func createTables(ctx context.Context, db *sql.DB) error {
	settings := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", snapshotAppID, SnapshotSchema)
	if _, err := db.ExecContext(ctx, settings+snapshotCreates); err != nil {
		return fmt.Errorf("create the tables: %w", err)
	}
	return nil
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
