package localdb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"

	"understudy/site"
)

// rowsAreObjects reports whether each row of the file is the object at its place in the
// site, in today's schema: what changed of the one can be changed in the other.
func (s *Snapshot) rowsAreObjects() bool { return len(s.out) == 0 && s.schema == SnapshotSchema }

// startCopy begins a scratch file as a copy of the one in use, in which what a step touches
// is changed as soon as it is read. It ends as every draft.
func (s *Snapshots) startCopy(ctx context.Context, used generation, read func() (step, error)) *draft {
	d := s.newDraft(func(ctx context.Context, db *sql.DB, _ *site.Site) error {
		st, err := read()
		if err == nil {
			err = sameTouched(ctx, db, st)
		}
		return err
	})
	go func() {
		err := d.copy(filepath.Join(s.dir, used.File), used.SHA256)
		if err == nil {
			err = d.change(ctx, read)
		}
		d.filled <- err
	}()
	return d
}

// copy copies the file, whose sum must be the one of which all was verified: rows that stay
// are not looked at again.
func (d *draft) copy(from, want string) error {
	sum, err := d.built.disk.copy(from, d.built.path)
	if err == nil && sum != want {
		err = fmt.Errorf("the file %s is not what was written: its SHA-256 is %s, not %s", filepath.Base(from), sum, want)
	}
	return err
}

func (d *draft) change(ctx context.Context, read func() (step, error)) error {
	st, err := read()
	if err == nil {
		d.db, err = openScratch(d.built.path)
	}
	if err == nil {
		err = eachLong(func(t table) error { return t.change(ctx, d.db, st) })
	}
	if err == nil {
		err = clearShort(ctx, d.db)
	}
	return err
}

// change writes the rows that a step touched, and takes away those behind the end.
func (t longTable[T]) change(ctx context.Context, db *sql.DB, st step) error {
	list, at := t.list(st.next), st.touched[t.name]
	source := &source{
		columns: "id, " + t.columns,
		has:     func(row int) (bool, error) { return row < len(at), nil },
		value: func(row, column int) driver.Value {
			if column == 0 {
				return int64(at[row]) + 1
			}
			return t.value(&list[at[row]], column-1)
		},
	}
	err := lending.replace(ctx, db, t.name, source)
	if err == nil {
		_, err = db.ExecContext(ctx, "DELETE FROM "+t.name+" WHERE id > ?", len(list))
	}
	if err != nil {
		return fmt.Errorf("change the table %s: %w", t.name, err)
	}
	return nil
}

// compareAt holds the rows that a step touched to the list, and the number of all.
func (t longTable[T]) compareAt(ctx context.Context, db *sql.DB, st step) error {
	list, at := t.list(st.next), st.touched[t.name]
	err := t.compareRows(ctx, db, list, at)
	var rows, last int
	if err == nil {
		err = db.QueryRowContext(ctx, "SELECT count(*), coalesce(max(id), 0) FROM "+t.name).Scan(&rows, &last)
	}
	if err == nil && (rows != len(list) || last != len(list)) {
		err = fmt.Errorf("there are %d rows to number %d, not %d", rows, last, len(list))
	}
	if err != nil {
		return fmt.Errorf("read the table %s: %w", t.name, err)
	}
	return nil
}

// compareRows holds the rows of objects at some places to the list.
func (t longTable[T]) compareRows(ctx context.Context, db *sql.DB, list []T, at []int) error {
	ids := make([]int, len(at))
	for i := range at {
		ids[i] = at[i] + 1
	}
	seen := 0
	var r cells
	err := lending.readAt(ctx, db, t.name, t.columns, ids, func(row []driver.Value) error {
		r.values = row
		if seen >= len(at) || !t.same(&r, &list[at[seen]]) {
			return errors.New("a row is not what was written")
		}
		seen++
		return r.err
	})
	if err == nil && seen != len(at) {
		err = fmt.Errorf("%d of %d rows were found", seen, len(at))
	}
	return err
}

// clearShort empties the tables that are written whole.
func clearShort(ctx context.Context, db *sql.DB) error {
	for _, table := range []string{"meta", "zones", "connectors", "delivery_groups", "delivery_group_zones", "applications", "application_groups"} {
		if _, err := db.ExecContext(ctx, "DELETE FROM "+table); err != nil {
			return fmt.Errorf("clear the table %s: %w", table, err)
		}
	}
	return nil
}

// sameTouched compares the rows of the long lists that a step touched.
func sameTouched(ctx context.Context, db *sql.DB, st step) error {
	return allLong(func(t table) error { return t.compareAt(ctx, db, st) })
}
