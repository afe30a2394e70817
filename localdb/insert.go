package localdb

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"

	"understudy/wire"
)

// batchRows is how many rows one INSERT takes: between 10 and 100 is fastest.
const batchRows = 50

// batch collects the rows of one table and inserts them together.
type batch struct {
	head    string
	columns int
	full    *sql.Stmt
	args    []any
	rows    int64 // of objects, to number them
}

// inserter writes objects of the short lists into the tables of a snapshot, in one
// transaction.
type inserter struct {
	tx      *sql.Tx
	batches map[string]*batch
}

func newInserter(tx *sql.Tx) *inserter { return &inserter{tx: tx, batches: map[string]*batch{}} }

// object inserts one object.
func (i *inserter) object(ctx context.Context, o wire.ConfigObject) error {
	switch {
	case o.Zone != nil:
		settings, err := json.Marshal(o.Zone.Settings)
		if err != nil {
			return err
		}
		return i.row(ctx, "zones", i.next("zones"), o.Zone.Name, string(settings))
	case o.Connector != nil:
		c := o.Connector
		return i.row(ctx, "connectors", i.next("connectors"), string(c.FQDN), c.Zone, c.ClientURL, c.PeerURL, c.FailureDomain, c.Standby)
	case o.Group != nil:
		g := o.Group
		launch, err := launchText(g.Launch)
		if err != nil {
			return err
		}
		id := i.next("delivery_groups")
		if err := i.row(ctx, "delivery_groups", id, g.Name, string(g.Kind), g.Desktop, g.ReuseInOutage,
			string(g.Balance), string(g.Failover), g.Dynamic, g.MaxSessions, g.ReplaceUnreachable, launch); err != nil {
			return err
		}
		return i.list(ctx, "delivery_group_zones", id, g.Zones)
	case o.Application != nil:
		id := i.next("applications")
		if err := i.row(ctx, "applications", id, o.Application.Name, o.Application.Command, o.Application.Dynamic); err != nil {
			return err
		}
		return i.list(ctx, "application_groups", id, o.Application.Groups)
	}
	return fmt.Errorf("an object of %s is none of a short list", o.Kind())
}

// list inserts the names that an object holds, in their order.
func (i *inserter) list(ctx context.Context, table string, owner int64, names []string) error {
	for position, name := range names {
		if err := i.row(ctx, table, owner, position, name); err != nil {
			return err
		}
	}
	return nil
}

// next numbers the objects of a table.
func (i *inserter) next(table string) int64 {
	b := i.of(table)
	b.rows++
	return b.rows
}

func (i *inserter) of(table string) *batch {
	b := i.batches[table]
	if b == nil {
		b = &batch{head: "INSERT INTO " + table + " VALUES "}
		i.batches[table] = b
	}
	return b
}

func (i *inserter) row(ctx context.Context, table string, values ...any) error {
	b := i.of(table)
	b.columns = len(values)
	b.args = append(b.args, values...)
	if len(b.args) < batchRows*b.columns {
		return nil
	}
	return b.insertFull(ctx, i.tx)
}

func (b *batch) insertFull(ctx context.Context, tx *sql.Tx) error {
	if b.full == nil {
		stmt, err := tx.PrepareContext(ctx, b.query(batchRows))
		if err != nil {
			return err
		}
		b.full = stmt
	}
	_, err := b.full.ExecContext(ctx, b.args...)
	b.args = b.args[:0]
	return err
}

func (b *batch) query(rows int) string {
	row := "(" + strings.TrimSuffix(strings.Repeat("?,", b.columns), ",") + ")"
	return b.head + strings.TrimSuffix(strings.Repeat(row+",", rows), ",")
}

// flush inserts what is left.
func (i *inserter) flush(ctx context.Context) error {
	for table, b := range i.batches {
		if len(b.args) == 0 {
			continue
		}
		if _, err := i.tx.ExecContext(ctx, b.query(len(b.args)/b.columns), b.args...); err != nil {
			return fmt.Errorf("insert into %s: %w", table, err)
		}
		b.args = nil
	}
	return nil
}
