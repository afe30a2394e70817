package localdb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

	"modernc.org/sqlite"
	"modernc.org/sqlite/vtab"
)

// source is a list in memory that SQLite has as a table for one statement.
type source struct {
	columns string
	// has reports whether there is a row, and waits until that is known.
	has   func(row int) (bool, error)
	value func(row, column int) driver.Value
}

// sink gets the rows of a table. The texts in one are valid until it returns.
type sink func(row []driver.Value) error

// lender lends sources and sinks to SQLite, which knows them by numbers.
type lender struct {
	last atomic.Int64
	lent sync.Map
}

// What a lender is in SQL: a module of virtual tables and a function.
const (
	sourceModule = "understudy_source"
	sinkFunction = "understudy_sink"
)

var lending = newLender() //nolint:gochecknoglobals // the driver takes modules and functions before its first connection only

func newLender() *lender {
	l := &lender{}
	err := errors.Join(
		vtab.RegisterModule(nil, sourceModule, l),
		sqlite.RegisterFunction(sinkFunction, &sqlite.FunctionImpl{NArgs: -1, Scalar: l.pour, VolatileArgs: true}),
	)
	if err != nil {
		panic("localdb: " + err.Error())
	}
	return l
}

func (l *lender) lend(what any) (number int64, takeBack func()) {
	number = l.last.Add(1)
	l.lent.Store(number, what)
	return number, func() { l.lent.Delete(number) }
}

// insert appends what a source has to a table that is empty. SQLite numbers the rows:
// it need not look for the place of a row then.
func (l *lender) insert(ctx context.Context, db *sql.DB, table string, s *source) error {
	return l.write(ctx, db, "INSERT", table, s)
}

// replace puts what a source has in the places of the rows of the same numbers, or
// behind them.
func (l *lender) replace(ctx context.Context, db *sql.DB, table string, s *source) error {
	return l.write(ctx, db, "INSERT OR REPLACE", table, s)
}

func (l *lender) write(ctx context.Context, db *sql.DB, how, table string, s *source) (err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	number, takeBack := l.lend(s)
	defer takeBack()
	if _, err := conn.ExecContext(ctx, fmt.Sprintf("CREATE VIRTUAL TABLE temp.source USING %s(%d)", sourceModule, number)); err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, fmt.Sprintf("%s INTO main.%s (%s) SELECT * FROM temp.source", how, table, s.columns))
	_, dropErr := conn.ExecContext(context.WithoutCancel(ctx), "DROP TABLE temp.source")
	return errors.Join(err, dropErr)
}

// read hands the columns of a table to a sink, in the order of the rows' numbers.
func (l *lender) read(ctx context.Context, db *sql.DB, table, columns string, s sink) error {
	number, takeBack := l.lend(s)
	defer takeBack()
	_, err := db.ExecContext(ctx, fmt.Sprintf("SELECT 1 FROM main.%s WHERE %s(%d, %s) ORDER BY id", table, sinkFunction, number, columns))
	return err
}

// readAt does so with the rows of some numbers, in the order of these.
func (l *lender) readAt(ctx context.Context, db *sql.DB, table, columns string, ids []int, s sink) error {
	number, takeBack := l.lend(s)
	defer takeBack()
	wanted, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	// A cross join is done as it is written: row by row of what is wanted.
	_, err = db.ExecContext(ctx, fmt.Sprintf("SELECT 1 FROM json_each(?) CROSS JOIN main.%[1]s ON main.%[1]s.id = value WHERE %s(%d, %s)",
		table, sinkFunction, number, columns), string(wanted))
	return err
}

// pour is the function: it hands all but the first argument to the sink of that number.
func (l *lender) pour(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
	what, _ := l.lent.Load(args[0])
	s, ok := what.(sink)
	if !ok {
		return nil, errNotLent
	}
	return nil, s(args[1:])
}

var errNotLent = errors.New("nothing of that number is lent")

// Create implements vtab.Module. The last argument is the number of a source.
func (l *lender) Create(ctx vtab.Context, args []string) (vtab.Table, error) {
	number, err := strconv.ParseInt(args[len(args)-1], 10, 64)
	if err != nil {
		return nil, err
	}
	what, _ := l.lent.Load(number)
	s, ok := what.(*source)
	if !ok {
		return nil, errNotLent
	}
	return sourceTable{s}, ctx.Declare("CREATE TABLE source (" + s.columns + ")")
}

// Connect implements vtab.Module.
func (l *lender) Connect(ctx vtab.Context, args []string) (vtab.Table, error) {
	return l.Create(ctx, args)
}

// sourceTable is a source as SQLite sees it.
type sourceTable struct{ *source }

func (t sourceTable) BestIndex(*vtab.IndexInfo) error { return nil }
func (t sourceTable) Open() (vtab.Cursor, error)      { return &sourceCursor{source: t.source}, nil }
func (t sourceTable) Disconnect() error               { return nil }
func (t sourceTable) Destroy() error                  { return nil }

// sourceCursor goes through a source.
type sourceCursor struct {
	*source
	row int
	end bool
}

func (c *sourceCursor) Filter(int, string, []driver.Value) error { return c.turn(0) }
func (c *sourceCursor) Next() error                              { return c.turn(c.row + 1) }

func (c *sourceCursor) turn(row int) error {
	has, err := c.has(row)
	c.row, c.end = row, !has
	return err
}

func (c *sourceCursor) Eof() bool                               { return c.end }
func (c *sourceCursor) Column(column int) (driver.Value, error) { return c.value(c.row, column), nil }
func (c *sourceCursor) Rowid() (int64, error)                   { return int64(c.row) + 1, nil }
func (c *sourceCursor) Close() error                            { return nil }
