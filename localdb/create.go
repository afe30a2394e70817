package localdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"understudy/env"
)

// createState makes the state database where there is none. It gets its name only
// when it is complete, so that one without tables is known to be damaged.
func createState(path string, e env.Env) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	d := realDisk{}
	scratch := filepath.Join(filepath.Dir(path), scratchPrefix+env.Short(e.Rand("journal"), 12)+"-state.db")
	if err := d.create(scratch); err != nil {
		return err
	}
	// A log without its database would be taken for the new one's.
	for _, sidecar := range []string{"-wal", "-shm", "-journal"} {
		if err := d.remove(path + sidecar); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := fillState(scratch, env.Token(e.Rand("journal"))); err != nil {
		return errors.Join(err, d.remove(scratch))
	}
	if err := d.syncFile(scratch); err != nil {
		return err
	}
	if err := d.rename(scratch, path); err != nil {
		return err
	}
	return d.syncFolder(filepath.Dir(path))
}

func fillState(path, journal string) error {
	ctx := context.Background()
	db, err := openDB(path, 1, url.Values{"mode": {"rw"}, "_pragma": {"journal_mode(OFF)"}})
	if err != nil {
		return err
	}
	settings := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", stateAppID, StateSchema)
	_, err = db.ExecContext(ctx, settings+stateCreates+mirroredCreates+peaksCreates+desktopsCreates)
	if err == nil {
		err = insertJournal(ctx, db, journal)
	}
	return errors.Join(err, db.Close())
}

func insertJournal(ctx context.Context, db *sql.DB, journal string) error {
	_, err := db.ExecContext(ctx, "INSERT INTO saved VALUES (?, ?)", keyJournal, `"`+journal+`"`)
	return err
}
