package localdb

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"understudy/localdb/pages"
	"understudy/site"
	"understudy/wire"
)

// readBack compares a file that was written with what should be in it, row by row, and
// lets SQLite look it over. What should be in it is what was sent, by its digest, so
// that its digest, counts and references need no second look.
func readBack(ctx context.Context, path string, c content) error {
	db, err := openWritten(path)
	if err != nil {
		return err
	}
	err = together(
		func() error { return quickCheck(ctx, db) },
		func() error { return sameShort(ctx, db, c) },
		func() error { return sameLong(ctx, db, path, c.site) },
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

func sameLong(ctx context.Context, db *sql.DB, path string, s *site.Site) error {
	long, err := openLong(ctx, db, path)
	if err != nil {
		return err
	}
	return errors.Join(
		sameList(ctx, long, "machines", s.Machines, sameMachine),
		sameList(ctx, long, "users", s.Users, sameUser),
		sameList(ctx, long, "entitlements", s.Entitlements, sameEntitlement),
		long.Close(),
	)
}

// sameList compares a table with a list, in the same order.
func sameList[T any](ctx context.Context, long longFile, table string, want []T, same func(*pages.Record, *T) bool) error {
	rows := 0
	err := long.scan(table, func(i int, r *pages.Record) error {
		if rows = i + 1; rows%rowsBetweenLooks == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if i >= len(want) || !same(r, &want[i]) {
			return fmt.Errorf("row %d is not what was written", rows)
		}
		return nil
	})
	if err == nil && rows != len(want) {
		err = fmt.Errorf("the table %s has %d rows, not %d", table, rows, len(want))
	}
	return err
}

func sameMachine(r *pages.Record, m *site.Machine) bool {
	return string(r.Text()) == string(m.Name) && string(r.Text()) == m.Group && string(r.Text()) == m.Zone && string(r.Text()) == m.AssignedUser &&
		r.Int() == int64(m.Capacity) && r.Int() == int64(m.Weight) && r.Int() == number(m.Maintenance)
}

func sameUser(r *pages.Record, u *site.User) bool {
	return string(r.Text()) == u.Name && string(r.Text()) == listText(u.Groups)
}

func sameEntitlement(r *pages.Record, e *site.Entitlement) bool {
	return string(r.Text()) == e.User && string(r.Text()) == e.UserGroup && string(r.Text()) == e.Desktop && string(r.Text()) == e.Application
}
