package localdb

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"understudy/broker"
)

// DefaultJournalLimit is how many durable records are kept unless told otherwise:
// days of a large zone's logons.
const DefaultJournalLimit = 1_000_000

// MaxJournalPage bounds one page of records.
const MaxJournalPage = 1000

// ErrJournalFull says that the journal takes no more launches.
var ErrJournalFull = errors.New("the outage journal is full")

// JournalID names this journal; it was drawn when the database was created.
func (s *State) JournalID() string { return s.journal }

// JournalRecords counts the durable records that are kept.
func (s *State) JournalRecords() int { return int(max(0, s.held.Load())) }

// JournalLimit is how many there may be before launches are refused.
func (s *State) JournalLimit() int { return s.options.JournalLimit }

// countJournal counts: after Surpass there is a gap.
func (s *State) countJournal(ctx context.Context) error {
	var n int64
	if err := s.reads.QueryRowContext(ctx, "SELECT count(*) FROM journal").Scan(&n); err != nil {
		return fmt.Errorf("count the journal's records: %w", err)
	}
	s.held.Store(n)
	return nil
}

// Record appends the durable ones of the records to the journal and returns when
// they are on the disk. It names each of them by origin, journal and sequence,
// and notes the time where it is missing. A full journal takes no launch; what
// follows from earlier ones it takes up to twice the limit.
func (s *State) Record(ctx context.Context, records []broker.Record) error {
	lines, launches, err := s.lines(records)
	if err != nil || len(lines) == 0 {
		return err
	}
	n, limit := int64(len(lines)), int64(s.options.JournalLimit)
	if !launches {
		limit *= 2
	}
	if s.held.Add(n) > limit && s.writer != nil {
		s.held.Add(-n)
		return fmt.Errorf("record: %w: it has %d records", ErrJournalFull, s.held.Load())
	}
	var last int64
	err = s.write(ctx, "record", func(ctx context.Context, tx *sql.Tx) error {
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
		s.held.Add(-n)
		return err
	}
	s.reach.raise(s.journal, uint64(last))
	return nil
}

// lines are the durable ones of the records as they are stored, and whether a
// launch is among them.
func (s *State) lines(records []broker.Record) (lines []string, launches bool, err error) {
	for _, r := range records {
		if !r.Durable() {
			continue
		}
		launches = launches || r.Kind == broker.Launched
		r.Origin, r.Journal, r.Sequence = s.options.Origin, s.journal, 0
		if r.At.IsZero() && s.writer != nil {
			r.At = s.options.Env.Now().UTC()
		}
		line, err := json.Marshal(r)
		if err != nil {
			return nil, false, fmt.Errorf("record: %w", err)
		}
		lines = append(lines, string(line))
	}
	return lines, launches, nil
}

// Journal returns all durable records in the order in which they were made.
func (s *State) Journal(ctx context.Context) ([]broker.Record, error) {
	return s.records(ctx, "SELECT sequence, record FROM journal ORDER BY sequence")
}

// JournalAfter returns the first records after a sequence, at most limit.
func (s *State) JournalAfter(ctx context.Context, after uint64, limit int) ([]broker.Record, error) {
	return s.records(ctx, "SELECT sequence, record FROM journal WHERE sequence > ? ORDER BY sequence LIMIT ?",
		int64(after), min(max(limit, 1), MaxJournalPage))
}

func (s *State) records(ctx context.Context, query string, args ...any) ([]broker.Record, error) {
	records, err := collect(ctx, s.reads, query, scanRecord, args...)
	if err != nil {
		return nil, fmt.Errorf("read the journal: %w", err)
	}
	return records, nil
}

// scanRecord reads a record with the number that it got when it was stored.
func scanRecord(rows *sql.Rows, r *broker.Record) error {
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
}

// JournalFirst is the first record that is kept; all before it were pruned. ok is
// false where there is none.
func (s *State) JournalFirst(ctx context.Context) (first uint64, ok bool, err error) {
	var n sql.NullInt64
	if err := s.reads.QueryRowContext(ctx, "SELECT min(sequence) FROM journal").Scan(&n); err != nil {
		return 0, false, fmt.Errorf("read the journal: %w", err)
	}
	return uint64(n.Int64), n.Valid, nil
}

// PruneJournal forgets records up to a sequence, at most limit of them, so that
// nobody waits long for the disk, and returns how many went.
func (s *State) PruneJournal(ctx context.Context, upTo uint64, limit int) (int, error) {
	var gone int64
	err := s.write(ctx, "prune the journal", func(ctx context.Context, tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx,
			"DELETE FROM journal WHERE sequence IN (SELECT sequence FROM journal WHERE sequence <= ? ORDER BY sequence LIMIT ?)", int64(upTo), limit)
		if err == nil {
			gone, err = result.RowsAffected()
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	s.held.Add(-gone)
	return int(gone), nil
}

// maxSurpass bounds how far one word can raise the number of the next record.
const maxSurpass = 1 << 32

// Surpass makes the next record's number higher than the given one, which somebody
// else has of this journal: the data folder was put back from a backup, and no name
// may be given twice.
func (s *State) Surpass(ctx context.Context, sequence uint64) error {
	last, _ := s.Held()
	if sequence <= last[s.journal] {
		return nil
	}
	if sequence-last[s.journal] > maxSurpass {
		return fmt.Errorf("surpass record %d: the journal is at %d", sequence, last[s.journal])
	}
	err := s.write(ctx, "surpass records", func(ctx context.Context, tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'journal'", int64(sequence)); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx,
			"INSERT INTO sqlite_sequence (name, seq) SELECT 'journal', ? WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'journal')", int64(sequence))
		return err
	})
	if err == nil {
		s.reach.raise(s.journal, sequence)
	}
	return err
}

// Handback is how far the journals that are held here have been handed back.
type Handback struct {
	// History is the life of the cloud broker's store that has them.
	History string `json:"history"`
	// Done is, for each journal, the last record that the cloud broker has
	// acknowledged, all before it included.
	Done map[string]uint64 `json:"done"`
	// Rejected and Conflicts count what was not applied of the own journal.
	Rejected  int `json:"rejected"`
	Conflicts int `json:"conflicts"`
}

// SaveHandback remembers how far the journals have been handed back.
func (s *State) SaveHandback(ctx context.Context, h Handback) error {
	return s.save(ctx, keyHandback, h)
}

// LoadHandback returns what was remembered.
func (s *State) LoadHandback(ctx context.Context) (Handback, error) {
	return readSaved(ctx, s.reads, keyHandback, Handback{})
}
