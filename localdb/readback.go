package localdb

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"understudy/site"
	"understudy/wire"
)

// readBack compares a file that was written with what should be in it, row by row (those
// of the long lists by what is given), and lets SQLite look it over. What should be in it
// is what was sent, by its digest, so that its digest, counts and references need no
// second look.
func readBack(ctx context.Context, path string, c content, rows func(context.Context, *sql.DB, *site.Site) error) error {
	db, err := openWritten(path)
	if err != nil {
		return err
	}
	err = together(
		func() error { return quickCheck(ctx, db) },
		func() error { return sameShort(ctx, db, c) },
		func() error { return rows(ctx, db, c.site) },
	)
	// A file that is open cannot be renamed on Windows.
	if err = errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("read back what was written: %w", err)
	}
	return nil
}

func sameShort(ctx context.Context, db *sql.DB, c content) error {
	m, err := readMeta(ctx, db)
	if err != nil {
		return err
	}
	got := m.Header.Bare()
	if err := readShort(ctx, db, got); err != nil {
		return err
	}
	out, err := readOutcasts(ctx, db)
	if err != nil {
		return err
	}
	if m.Digest != c.Digest || m.Header.Version != c.Header.Version || wire.Digest(got) != wire.Digest(short(c.site)) || !sameOutcasts(out, c.out) {
		return errors.New("the file does not hold what it should")
	}
	return nil
}

func sameOutcasts(a, b []outcast) bool {
	x, errX := json.Marshal(statuses(a))
	y, errY := json.Marshal(statuses(b))
	return errX == nil && errY == nil && bytes.Equal(x, y) && wire.Digest(all(&site.Site{}, a)) == wire.Digest(all(&site.Site{}, b))
}

func sameLong(ctx context.Context, db *sql.DB, s *site.Site) error {
	return allLong(func(t table) error { return t.compare(ctx, db, s) })
}
