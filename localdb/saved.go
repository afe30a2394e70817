package localdb

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"understudy/wire"
	"understudy/zone"
)

// The keys of the table saved.
const (
	keyRecord     = "record"
	keyHighest    = "highest"
	keyFront      = "front_activity"
	keyConnectors = "connectors"
	keyHolds      = "holds"
	keyJournal    = "journal"
	keyProbe      = "probe"
	keyHandback   = "handback"
)

// Saved is what a connector knows again after a restart.
type Saved struct {
	Record zone.Record
	// Highest is the highest record number or term ever seen.
	Highest uint64
	// FrontActivity is when a StoreFront or gateway last asked something.
	FrontActivity time.Time
	Connectors    wire.ConnectorList
	// Holds keep versions of the site from being used.
	Holds wire.Holds
}

// Load reads what was saved; what never was is zero.
func (s *State) Load(ctx context.Context) (Saved, error) {
	var v Saved
	var errs [5]error
	v.Record, errs[0] = readSaved(ctx, s.reads, keyRecord, v.Record)
	v.Highest, errs[1] = readSaved(ctx, s.reads, keyHighest, v.Highest)
	v.FrontActivity, errs[2] = readSaved(ctx, s.reads, keyFront, v.FrontActivity)
	v.Connectors, errs[3] = readSaved(ctx, s.reads, keyConnectors, v.Connectors)
	v.Holds, errs[4] = readSaved(ctx, s.reads, keyHolds, v.Holds)
	return v, errors.Join(errs[:]...)
}

// SaveRecord makes the zone record durable, and the highest number seen.
func (s *State) SaveRecord(ctx context.Context, r zone.Record, highest uint64) error {
	return s.write(ctx, "save the zone record", func(ctx context.Context, tx *sql.Tx) error {
		if err := putSaved(ctx, tx, keyRecord, r); err != nil {
			return err
		}
		return raise(ctx, tx, max(highest, r.Number, r.Term))
	})
}

// SaveHighest makes the highest number seen durable. It never goes down.
func (s *State) SaveHighest(ctx context.Context, highest uint64) error {
	return s.write(ctx, "save the highest number", func(ctx context.Context, tx *sql.Tx) error {
		return raise(ctx, tx, highest)
	})
}

// SaveFrontActivity remembers when a StoreFront or gateway last asked something.
func (s *State) SaveFrontActivity(ctx context.Context, at time.Time) error {
	return s.save(ctx, keyFront, at.UTC())
}

// SaveConnectors remembers the newest list of the zone's connectors.
func (s *State) SaveConnectors(ctx context.Context, list wire.ConnectorList) error {
	return s.save(ctx, keyConnectors, list)
}

// SaveHolds remembers which versions are held back, and what was accepted.
func (s *State) SaveHolds(ctx context.Context, h wire.Holds) error { return s.save(ctx, keyHolds, h) }

func (s *State) save(ctx context.Context, key string, v any) error {
	return s.write(ctx, "save "+key, func(ctx context.Context, tx *sql.Tx) error {
		return putSaved(ctx, tx, key, v)
	})
}

func raise(ctx context.Context, tx *sql.Tx, highest uint64) error {
	stored, err := readSaved(ctx, tx, keyHighest, uint64(0))
	if err != nil || highest <= stored {
		return err
	}
	return putSaved(ctx, tx, keyHighest, highest)
}

func putSaved(ctx context.Context, tx *sql.Tx, key string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx,
		"INSERT INTO saved VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", key, string(b))
	return err
}

// querier is a database or a transaction.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// readSaved returns the fallback where nothing was saved.
func readSaved[T any](ctx context.Context, db querier, key string, fallback T) (T, error) {
	var b []byte
	err := db.QueryRowContext(ctx, "SELECT value FROM saved WHERE key = ?", key).Scan(&b)
	if errors.Is(err, sql.ErrNoRows) {
		return fallback, nil
	}
	v := fallback
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil {
		return fallback, fmt.Errorf("read what was saved as %s: %w", key, err)
	}
	return v, nil
}
