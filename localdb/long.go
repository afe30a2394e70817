package localdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"

	"understudy/localdb/pages"
	"understudy/site"
)

// The lists of a site that can have hundreds of thousands of objects are written and
// read page by page: by SQL that would take most of the time of an import and of a
// start.

// longTables are the tables of the long lists; their first column is the row's number.
var longTables = []string{"machines", "users", "entitlements"}

// rootsOf says where the long tables begin in a file.
func rootsOf(ctx context.Context, db *sql.DB) (map[string]uint32, error) {
	roots := map[string]uint32{}
	for _, table := range longTables {
		var root uint32
		if err := db.QueryRowContext(ctx, "SELECT rootpage FROM sqlite_schema WHERE type = 'table' AND name = ?", table).Scan(&root); err != nil {
			return nil, fmt.Errorf("find the table %s: %w", table, err)
		}
		roots[table] = root
	}
	return roots, nil
}

// writeLong fills the long tables of a scratch file.
func writeLong(ctx context.Context, path string, roots map[string]uint32, s *site.Site) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	w, err := pages.NewWriter(file)
	if err != nil {
		return errors.Join(err, file.Close())
	}
	err = errors.Join(
		writeList(ctx, w.Table(roots["machines"]), s.Machines, machineRow),
		writeList(ctx, w.Table(roots["users"]), s.Users, userRow),
		writeList(ctx, w.Table(roots["entitlements"]), s.Entitlements, entitlementRow),
	)
	if err == nil {
		err = w.Close()
	}
	return errors.Join(err, file.Close())
}

// rowsBetweenLooks is how many rows are written before the context is looked at.
const rowsBetweenLooks = 4096

func writeList[T any](ctx context.Context, t *pages.Table, list []T, write func(*pages.Row, *T)) error {
	var row pages.Row
	for i := range list {
		if i%rowsBetweenLooks == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		row.Null() // its number
		write(&row, &list[i])
		if err := t.Add(&row); err != nil {
			return err
		}
	}
	return t.Close()
}

func machineRow(r *pages.Row, m *site.Machine) {
	r.Text(string(m.Name))
	r.Text(m.Group)
	r.Text(m.Zone)
	r.Text(m.AssignedUser)
	r.Int(int64(m.Capacity))
	r.Int(int64(m.Weight))
	r.Int(number(m.Maintenance))
}

func userRow(r *pages.Row, u *site.User) {
	r.Text(u.Name)
	r.Text(listText(u.Groups))
}

func entitlementRow(r *pages.Row, e *site.Entitlement) {
	r.Text(e.User)
	r.Text(e.UserGroup)
	textOrNull(r, e.Desktop)
	textOrNull(r, e.Application)
}

func textOrNull(r *pages.Row, s string) {
	if s == "" {
		r.Null()
		return
	}
	r.Text(s)
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// longFile is a finished file of which the long tables are read.
type longFile struct {
	*os.File
	roots map[string]uint32
}

func openLong(ctx context.Context, db *sql.DB, path string) (longFile, error) {
	roots, err := rootsOf(ctx, db)
	if err != nil {
		return longFile{}, err
	}
	file, err := os.Open(path)
	return longFile{file, roots}, err
}

// scan reads a table, whose rows are numbered from 1 without gaps.
func (f longFile) scan(table string, read func(i int, r *pages.Record) error) error {
	next := 0
	err := pages.Scan(f, f.roots[table], func(id int64, r *pages.Record) error {
		if id != int64(next)+1 {
			return fmt.Errorf("row %d comes after row %d", id, next)
		}
		r.Skip()
		err := read(next, r)
		next++
		return errors.Join(err, r.Err())
	})
	if err != nil {
		return fmt.Errorf("read the table %s: %w", table, err)
	}
	return nil
}
