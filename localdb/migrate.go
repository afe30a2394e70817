package localdb

import (
	"context"
	"database/sql"
	"fmt"
)

// migrate brings the state database to the present schema, one step in one
// transaction: whatever interrupts it, the file is of one schema or of the next.
func migrate(ctx context.Context, db *sql.DB) error {
	from, err := schemaOf(ctx, db)
	for ; err == nil && from < StateSchema; from++ {
		if err := inTransaction(ctx, db, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, stepFrom(from)+fmt.Sprintf("PRAGMA user_version = %d", from+1))
			return err
		}); err != nil {
			return fmt.Errorf("migrate it from schema %d to %d: %w", from, from+1, err)
		}
	}
	return err
}

// stepFrom leads from one schema of the state database to the next. Files of schema 1
// may have some of the tables already: they came one after the other.
func stepFrom(schema int) string {
	if schema == 1 {
		return mirroredCreates + peaksCreates + desktopsCreates
	}
	return ""
}
