package localdb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"understudy/site"
)

// The lists of a site that can have hundreds of thousands of objects are lent to SQLite,
// which writes and reads each in one statement: a statement for each row would take most
// of the time of an import and of a start.

// longTable says how the objects of a long list are rows of a table.
type longTable[T any] struct {
	name    string // also of the list in the header's counts
	list    func(*site.Site) []T
	columns string // without the row's number
	value   func(object *T, column int) driver.Value
	same    func(row *cells, object *T) bool
}

func machineTable() longTable[site.Machine] {
	return longTable[site.Machine]{
		name: "machines", columns: "name, delivery_group, zone, assigned_user, capacity, weight, maintenance",
		list:  func(s *site.Site) []site.Machine { return s.Machines },
		value: machineValue, same: sameMachine,
	}
}

func machineValue(m *site.Machine, column int) driver.Value {
	switch column {
	case 0:
		return string(m.Name)
	case 1:
		return m.Group
	case 2:
		return m.Zone
	case 3:
		return m.AssignedUser
	case 4:
		return int64(m.Capacity)
	case 5:
		return int64(m.Weight)
	}
	return number(m.Maintenance)
}

func userTable() longTable[site.User] {
	return longTable[site.User]{
		name: "users", columns: "name, member_of",
		list:  func(s *site.Site) []site.User { return s.Users },
		value: userValue, same: sameUser,
	}
}

func userValue(u *site.User, column int) driver.Value {
	if column == 0 {
		return u.Name
	}
	return listText(u.Groups)
}

func entitlementTable() longTable[site.Entitlement] {
	return longTable[site.Entitlement]{
		name: "entitlements", columns: "user, user_group, desktop, application",
		list:  func(s *site.Site) []site.Entitlement { return s.Entitlements },
		value: entitlementValue, same: sameEntitlement,
	}
}

func entitlementValue(e *site.Entitlement, column int) driver.Value {
	switch column {
	case 0:
		return e.User
	case 1:
		return e.UserGroup
	case 2:
		return textOrNull(e.Desktop)
	}
	return textOrNull(e.Application)
}

func textOrNull(s string) driver.Value {
	if s == "" {
		return nil
	}
	return s
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// table is a long table, whatever its objects are.
type table interface {
	write(ctx context.Context, db *sql.DB, c *coming) error
	change(ctx context.Context, db *sql.DB, st step) error
	compare(ctx context.Context, db *sql.DB, s *site.Site) error
	compareAt(ctx context.Context, db *sql.DB, st step) error
}

// longTables are all, in the order of a stream.
func longTables() []table { return []table{machineTable(), userTable(), entitlementTable()} }

// eachLong does something with one long table after the other.
func eachLong(do func(table) error) error {
	for _, t := range longTables() {
		if err := do(t); err != nil {
			return err
		}
	}
	return nil
}

// allLong does something with all long tables at once.
func allLong(do func(table) error) error {
	var work []func() error
	for _, t := range longTables() {
		work = append(work, func() error { return do(t) })
	}
	return together(work...)
}

func (t longTable[T]) write(ctx context.Context, db *sql.DB, c *coming) error {
	var list []T
	source := &source{columns: t.columns, value: func(row, column int) driver.Value { return t.value(&list[row], column) }}
	source.has = func(row int) (bool, error) {
		if row < len(list) {
			return true, nil
		}
		s, err := c.wait(func(s *site.Site) bool { return len(t.list(s)) > row || row >= c.counts[t.name] })
		list = t.list(&s)
		return row < len(list), err
	}
	if err := lending.insert(ctx, db, t.name, source); err != nil {
		return fmt.Errorf("fill the table %s: %w", t.name, err)
	}
	return nil
}

// scan reads a table, whose rows are numbered from 1 without gaps. The columns are
// named as they are, or what stands for them.
func (t longTable[T]) scan(ctx context.Context, db *sql.DB, columns string, read func(i int, r *cells) error) error {
	next := 0
	var r cells
	err := lending.read(ctx, db, t.name, "id, "+columns, func(row []driver.Value) error {
		r.values = row
		if id := r.number(); id != int64(next)+1 {
			return fmt.Errorf("row %d comes after row %d", id, next)
		}
		err := read(next, &r)
		next++
		return errors.Join(err, r.err)
	})
	if err != nil {
		return fmt.Errorf("read the table %s: %w", t.name, err)
	}
	return nil
}

// compare holds a table to the list of a site, in the same order.
func (t longTable[T]) compare(ctx context.Context, db *sql.DB, s *site.Site) error {
	want, rows := t.list(s), 0
	err := t.scan(ctx, db, t.columns, func(i int, r *cells) error {
		if rows = i + 1; i >= len(want) || !t.same(r, &want[i]) {
			return fmt.Errorf("row %d is not what was written", rows)
		}
		return nil
	})
	if err == nil && rows != len(want) {
		err = fmt.Errorf("the table %s has %d rows, not %d", t.name, rows, len(want))
	}
	return err
}

func sameMachine(r *cells, m *site.Machine) bool {
	return r.text() == string(m.Name) && r.text() == m.Group && r.text() == m.Zone && r.text() == m.AssignedUser &&
		r.number() == int64(m.Capacity) && r.number() == int64(m.Weight) && r.number() == number(m.Maintenance)
}

func sameUser(r *cells, u *site.User) bool {
	return r.text() == u.Name && r.text() == listText(u.Groups)
}

func sameEntitlement(r *cells, e *site.Entitlement) bool {
	return r.text() == e.User && r.text() == e.UserGroup && r.text() == e.Desktop && r.text() == e.Application
}

// cells are the values of a row. After one that is not of the type that was asked for
// err says so.
type cells struct {
	values []driver.Value
	err    error
}

var errRow = errors.New("a row is damaged")

// text is a text that stays valid until the next row, nothing where it is NULL.
func (c *cells) text() string {
	value := c.next()
	text, ok := value.(string)
	if !ok && value != nil {
		c.err = errRow
	}
	return text
}

func (c *cells) number() int64 {
	n, ok := c.next().(int64)
	if !ok {
		c.err = errRow
	}
	return n
}

func (c *cells) next() driver.Value {
	value := c.values[0]
	c.values = c.values[1:]
	return value
}
