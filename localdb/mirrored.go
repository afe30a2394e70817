package localdb

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"understudy/broker"
)

// mirroredCreates holds the durable records of other connectors: each once, by its
// name, in the order in which they came. Column after says what the own journal's
// last record was then, so that both can be read in one order.
const mirroredCreates = `
CREATE TABLE IF NOT EXISTS mirrored (
	id       INTEGER PRIMARY KEY AUTOINCREMENT,
	journal  TEXT NOT NULL,
	sequence INTEGER NOT NULL,
	after    INTEGER NOT NULL,
	record   TEXT NOT NULL,
	UNIQUE (journal, sequence)
);`

// reach is up to where each journal is on this disk, the own one included.
type reach struct {
	mu   sync.Mutex // guards what follows
	last map[string]uint64
	news chan struct{}
}

// raise notes that a journal is held up to a record.
func (h *reach) raise(journal string, sequence uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.last == nil {
		h.last = map[string]uint64{}
	}
	if sequence <= h.last[journal] {
		return
	}
	h.last[journal] = sequence
	if h.news != nil {
		close(h.news)
		h.news = nil
	}
}

// Held says up to where each journal is on this disk, the own one included, and
// returns a channel that is closed when more is.
func (s *State) Held() (last map[string]uint64, next <-chan struct{}) {
	h := &s.reach
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.news == nil {
		h.news = make(chan struct{})
	}
	return maps.Clone(h.last), h.news
}

// learnReach finds out what is on the disk at the start. Records that were forgotten
// since the cloud broker has them count.
func (s *State) learnReach(ctx context.Context) error {
	var own sql.NullInt64
	err := s.writes.QueryRowContext(ctx, "SELECT max(seq) FROM sqlite_sequence WHERE name = 'journal'").Scan(&own)
	if err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	s.reach.raise(s.journal, uint64(own.Int64))
	type mark struct {
		journal  string
		sequence uint64
	}
	marks, err := collect(ctx, s.writes, "SELECT journal, max(sequence) FROM mirrored GROUP BY journal",
		func(rows *sql.Rows, m *mark) error { return rows.Scan(&m.journal, &m.sequence) })
	for _, m := range marks {
		s.reach.raise(m.journal, m.sequence)
	}
	return err
}

// Mirror keeps durable records of other connectors and returns when they are on the
// disk. Those that are there already change nothing. Own ones come where this data folder
// was put back from a backup: they go where they were.
func (s *State) Mirror(ctx context.Context, records []broker.Record) error {
	rows, err := s.mirrored(records)
	if err != nil || len(rows) == 0 {
		return err
	}
	own, _ := s.Held()
	restored := int64(0)
	err = s.write(ctx, "mirror", func(ctx context.Context, tx *sql.Tx) error {
		restored = 0
		for _, r := range rows {
			n, err := s.mirror(ctx, tx, r, own[s.journal])
			if err != nil {
				return err
			}
			restored += n
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.held.Add(restored)
	for _, r := range rows {
		s.reach.raise(r.Journal, r.Sequence)
	}
	return nil
}

// mirroredRow is a record as it is stored.
type mirroredRow struct {
	broker.Record
	line string
}

// mirrored leaves out what has no name, and of the own records those that are known.
func (s *State) mirrored(records []broker.Record) ([]mirroredRow, error) {
	last, _ := s.Held()
	var rows []mirroredRow
	for _, r := range records {
		known := r.Journal == s.journal && (r.Sequence <= last[s.journal] || r.Sequence-last[s.journal] > maxSurpass)
		if known || r.Journal == "" || r.Sequence == 0 {
			continue
		}
		line, err := json.Marshal(r)
		if err != nil {
			return nil, fmt.Errorf("mirror: %w", err)
		}
		rows = append(rows, mirroredRow{r, string(line)})
	}
	return rows, nil
}

// mirror stores one; it returns how many more own ones there are.
func (s *State) mirror(ctx context.Context, tx *sql.Tx, r mirroredRow, after uint64) (int64, error) {
	if r.Journal != s.journal {
		_, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO mirrored (journal, sequence, after, record) VALUES (?, ?, ?, ?)",
			r.Journal, int64(r.Sequence), int64(after), r.line)
		return 0, err
	}
	result, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO journal (sequence, record) VALUES (?, ?)", int64(r.Sequence), r.line)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// MissingFrom returns durable records that somebody does not have who holds so much
// of each journal: the own and the mirrored ones, in order within each journal, at
// most limit.
func (s *State) MissingFrom(ctx context.Context, has map[string]uint64, limit int) ([]broker.Record, error) {
	mine, _ := s.Held()
	var out []broker.Record
	for _, journal := range slices.Sorted(maps.Keys(mine)) {
		if mine[journal] <= has[journal] || len(out) >= limit {
			continue
		}
		query, args := "SELECT sequence, record FROM mirrored WHERE journal = ? AND sequence > ? ORDER BY sequence LIMIT ?",
			[]any{journal, int64(has[journal]), limit - len(out)}
		if journal == s.journal {
			query, args = "SELECT sequence, record FROM journal WHERE sequence > ? ORDER BY sequence LIMIT ?", args[1:]
		}
		records, err := collect(ctx, s.reads, query, scanRecord, args...)
		if err != nil {
			return nil, fmt.Errorf("read the records that a peer has not: %w", err)
		}
		out = append(out, records...)
	}
	return out, nil
}

// Records returns all durable records, own and mirrored, in the order in which they
// were made or came.
func (s *State) Records(ctx context.Context) ([]broker.Record, error) {
	records, err := collect(ctx, s.reads, `
SELECT sequence, record FROM (
	SELECT sequence, record, sequence AS place, 0 AS id FROM journal
	UNION ALL
	SELECT sequence, record, after AS place, id FROM mirrored
) ORDER BY place, id`, scanRecord)
	if err != nil {
		return nil, fmt.Errorf("read the records: %w", err)
	}
	return records, nil
}

// MirroredJournals names the journals of others of which there are records.
func (s *State) MirroredJournals(ctx context.Context) ([]string, error) {
	names, err := collect(ctx, s.reads, "SELECT DISTINCT journal FROM mirrored ORDER BY journal",
		func(rows *sql.Rows, name *string) error { return rows.Scan(name) })
	if err != nil {
		return nil, fmt.Errorf("read the mirrored records: %w", err)
	}
	return names, nil
}

// MirroredAfter returns the first mirrored records of a journal after a sequence, at
// most limit.
func (s *State) MirroredAfter(ctx context.Context, journal string, after uint64, limit int) ([]broker.Record, error) {
	records, err := collect(ctx, s.reads, "SELECT sequence, record FROM mirrored WHERE journal = ? AND sequence > ? ORDER BY sequence LIMIT ?",
		scanRecord, journal, int64(after), limit)
	if err != nil {
		return nil, fmt.Errorf("read the mirrored records: %w", err)
	}
	return records, nil
}

// PruneMirrored forgets mirrored records of a journal up to a sequence: a snapshot
// contains them. At most limit go at once; it returns how many went.
func (s *State) PruneMirrored(ctx context.Context, journal string, upTo uint64, limit int) (int, error) {
	var gone int64
	err := s.write(ctx, "prune mirrored records", func(ctx context.Context, tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx,
			"DELETE FROM mirrored WHERE id IN (SELECT id FROM mirrored WHERE journal = ? AND sequence <= ? LIMIT ?)", journal, int64(upTo), limit)
		if err == nil {
			gone, err = result.RowsAffected()
		}
		return err
	})
	return int(gone), err
}
