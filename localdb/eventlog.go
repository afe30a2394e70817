package localdb

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"understudy/events"
)

// MaxEvents is how many events are kept; the oldest go first.
const MaxEvents = 10_000

// The bounds of one page of events.
const (
	DefaultEvents = 100
	MaxEventsPage = 1000
)

// EventQuery says which events to read.
type EventQuery struct {
	// After is the ID of the last event already seen; 0 means from the beginning.
	After int64
	// Limit is at most MaxEventsPage; 0 means DefaultEvents.
	Limit int
	// Names narrows to some kinds of events; empty means all.
	Names []events.Name
	// Newest returns the last ones instead of the first ones.
	Newest bool
}

func (q EventQuery) limit() int {
	if q.Limit <= 0 {
		return DefaultEvents
	}
	return min(q.Limit, MaxEventsPage)
}

// sql returns the query and its arguments.
func (q EventQuery) sql() (string, []any) {
	where, args := "id > ?", []any{q.After}
	if len(q.Names) > 0 {
		where += " AND name IN (?" + strings.Repeat(",?", len(q.Names)-1) + ")"
		for _, n := range q.Names {
			args = append(args, string(n))
		}
	}
	order := "id"
	if q.Newest {
		order = "id DESC"
	}
	return "SELECT id, at, code, name, severity, zone, connector, reason, fields FROM events WHERE " +
		where + " ORDER BY " + order + " LIMIT ?", append(args, q.limit())
}

// AppendEvent keeps an event, and forgets the oldest beyond MaxEvents. The ID is
// given here.
func (s *State) AppendEvent(ctx context.Context, e events.Entry) error {
	fields, err := json.Marshal(e.Fields)
	if err != nil {
		return fmt.Errorf("append an event: %w", err)
	}
	return s.write(ctx, "append an event", func(ctx context.Context, tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx,
			"INSERT INTO events (at, code, name, severity, zone, connector, reason, fields) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
			e.At.UTC().Format(time.RFC3339Nano), e.Code, string(e.Event), string(e.Severity), e.Zone, e.Connector, e.Reason, string(fields))
		if err != nil {
			return err
		}
		id, err := result.LastInsertId()
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "DELETE FROM events WHERE id <= ?", id-MaxEvents)
		return err
	})
}

// Events returns a page of events in the order in which they happened.
func (s *State) Events(ctx context.Context, q EventQuery) ([]events.Entry, error) {
	query, args := q.sql()
	list, err := collect(ctx, s.reads, query, scanEvent, args...)
	if err != nil {
		return nil, fmt.Errorf("read the events: %w", err)
	}
	if q.Newest {
		slices.Reverse(list)
	}
	return list, nil
}

func scanEvent(rows *sql.Rows, e *events.Entry) error {
	var at string
	var fields []byte
	err := rows.Scan(&e.ID, &at, &e.Code, &e.Event, &e.Severity, &e.Zone, &e.Connector, &e.Reason, &fields)
	if err != nil {
		return err
	}
	if e.At, err = time.Parse(time.RFC3339Nano, at); err != nil {
		return err
	}
	return json.Unmarshal(fields, &e.Fields)
}
