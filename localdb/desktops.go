package localdb

import (
	"context"
	"database/sql"
	"fmt"

	"understudy/callin"
	"understudy/site"
)

// desktopsCreates holds what is known of the zone's desktops, so that a connector
// that has just started can call them in too (NEW-02).
const desktopsCreates = `
CREATE TABLE IF NOT EXISTS desktops (
	machine  TEXT PRIMARY KEY,
	callback TEXT NOT NULL,
	lease    INTEGER NOT NULL,
	term     INTEGER NOT NULL,
	version  INTEGER NOT NULL
) WITHOUT ROWID;`

// SaveDesktops remembers what is known of desktops. The caller keeps the batches
// small: launches wait for the same disk.
func (s *State) SaveDesktops(ctx context.Context, list []callin.Desktop) error {
	return s.write(ctx, "save desktops", func(ctx context.Context, tx *sql.Tx) error {
		put, err := tx.PrepareContext(ctx, "INSERT OR REPLACE INTO desktops VALUES (?, ?, ?, ?, ?)")
		if err != nil {
			return err
		}
		defer func() { _ = put.Close() }()
		for _, d := range list {
			// SQLite's integers have a sign; the bits stay.
			if _, err := put.ExecContext(ctx, string(d.Machine), d.Callback, int64(d.Lease), int64(d.Term), int64(d.Version)); err != nil {
				return err
			}
		}
		return nil
	})
}

// DropDesktops forgets desktops that the zone has no longer.
func (s *State) DropDesktops(ctx context.Context, names []site.FQDN) error {
	return s.write(ctx, "forget desktops", func(ctx context.Context, tx *sql.Tx) error {
		for _, name := range names {
			if _, err := tx.ExecContext(ctx, "DELETE FROM desktops WHERE machine = ?", string(name)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Desktops returns what was saved of desktops, in the order in which it was learned.
func (s *State) Desktops(ctx context.Context) ([]callin.Desktop, error) {
	list, err := collect(ctx, s.reads, "SELECT machine, callback, lease, term, version FROM desktops ORDER BY version, machine",
		func(rows *sql.Rows, d *callin.Desktop) error {
			var lease, term, version int64
			err := rows.Scan((*string)(&d.Machine), &d.Callback, &lease, &term, &version)
			d.Lease, d.Term, d.Version = uint64(lease), uint64(term), uint64(version)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("read the desktops: %w", err)
	}
	return list, nil
}
