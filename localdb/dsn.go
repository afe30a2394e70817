package localdb

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // the driver named sqlite
)

// openDB opens a database file. Pragmas go into the DSN because one that is
// executed reaches only one of the pool's connections; and only a file: URI
// honours a mode.
func openDB(path string, connections int, values url.Values) (*sql.DB, error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	full = filepath.ToSlash(full)
	if !strings.HasPrefix(full, "/") {
		full = "/" + full // a drive letter
	}
	uri := url.URL{Scheme: "file", Path: full, RawQuery: values.Encode()}
	db, err := sql.Open("sqlite", uri.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// pragma reads one setting of a database.
func pragma(ctx context.Context, db *sql.DB, name string) (string, error) {
	var v string
	if err := db.QueryRowContext(ctx, "PRAGMA "+name).Scan(&v); err != nil {
		return "", fmt.Errorf("read the setting %s: %w", name, err)
	}
	return v, nil
}

// quickCheck lets SQLite look over a whole file.
func quickCheck(ctx context.Context, db *sql.DB) error {
	answer, err := pragma(ctx, db, "quick_check(1)")
	if err != nil {
		return err
	}
	if answer != "ok" {
		return fmt.Errorf("quick_check says %q", answer)
	}
	return nil
}
