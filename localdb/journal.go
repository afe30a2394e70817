package localdb

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"understudy/broker"
)

// JournalID names this journal; it was drawn when the database was created.
func (s *State) JournalID() string { return s.journal }

// Record appends the durable ones of the records to the journal and returns when
// they are on the disk. It names each of them by origin, journal and sequence,
// and notes the time where it is missing.
func (s *State) Record(ctx context.Context, records []broker.Record) error {
	var lines []string
	for _, r := range records {
		if !r.Durable() {
			continue
		}
		r.Origin, r.Journal, r.Sequence = s.options.Origin, s.journal, 0
		if r.At.IsZero() && s.writer != nil {
			r.At = s.options.Env.Now().UTC()
		}
		line, err := json.Marshal(r)
		if err != nil {
			return fmt.Errorf("record: %w", err)
		}
		lines = append(lines, string(line))
	}
	if len(lines) == 0 {
		return nil
	}
	var last int64
	err := s.write(ctx, "record", func(ctx context.Context, tx *sql.Tx) error {
		for _, line := range lines {
			result, err := tx.ExecContext(ctx, "INSERT INTO journal (record) VALUES (?)", line)
			if err != nil {
				return err
			}
			if last, err = result.LastInsertId(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.reach.raise(s.journal, uint64(last))
	return nil
}

// Journal returns all durable records in the order in which they were made.
func (s *State) Journal(ctx context.Context) ([]broker.Record, error) {
	records, err := collect(ctx, s.reads, "SELECT sequence, record FROM journal ORDER BY sequence",
		func(rows *sql.Rows, r *broker.Record) error {
			var sequence uint64
			var line []byte
			if err := rows.Scan(&sequence, &line); err != nil {
				return err
			}
			if err := json.Unmarshal(line, r); err != nil {
				return err
			}
			r.Sequence = sequence
			return nil
		})
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	return records, nil
}
