package server

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"understudy/broker"
	"understudy/site"
	"understudy/wire"
)

// recordTables are what schema 2 adds.
const recordTables = `
-- How far each journal has been handed back: all records up to last are here.
CREATE TABLE journals (journal TEXT PRIMARY KEY, origin TEXT NOT NULL, last INTEGER NOT NULL, at TEXT NOT NULL) STRICT;
-- The records that connectors have handed back, by name, and what became of them.
CREATE TABLE handed (
	id INTEGER PRIMARY KEY AUTOINCREMENT, journal TEXT NOT NULL, sequence INTEGER NOT NULL,
	kind TEXT NOT NULL, outcome TEXT NOT NULL, what TEXT NOT NULL, record TEXT NOT NULL, UNIQUE (journal, sequence)
) STRICT;
-- What a person should look at.
CREATE TABLE findings (
	id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, kind TEXT NOT NULL, what TEXT NOT NULL, record TEXT NOT NULL, UNIQUE (kind, what)
) STRICT;
`

// fromOutage begins the reason of what an outage has left in the history.
const fromOutage = "in an outage, by "

// HandBack takes a batch of records, all or none: each name once, whoever brings
// it. decide says what becomes of one that is new, given the owner that a launch
// made.
func (st *store) HandBack(ctx context.Context, b wire.RecordBatch, decide func(r wire.OutageRecord, owner string) (wire.RecordOutcome, string)) ([]wire.RecordAnswer, error) {
	answers := make([]wire.RecordAnswer, 0, len(b.Records))
	err := st.write(ctx, func(tx *sql.Tx) error {
		for _, p := range b.Pruned {
			if err := st.reach(ctx, tx, p); err != nil {
				return err
			}
		}
		for _, r := range b.Records {
			a, err := st.handBack(ctx, tx, r, decide)
			if err != nil {
				return err
			}
			answers = append(answers, a)
		}
		for _, r := range lastOfEach(b.Records) {
			if err := st.reach(ctx, tx, wire.ContainedRecord{Origin: r.Origin, Journal: r.Journal}); err != nil {
				return err
			}
		}
		return forgetOld(ctx, tx)
	})
	if err != nil {
		return nil, fmt.Errorf("take %d records: %w", len(b.Records), err)
	}
	return answers, nil
}

func lastOfEach(records []wire.OutageRecord) map[string]wire.OutageRecord {
	last := map[string]wire.OutageRecord{}
	for _, r := range records {
		last[r.Journal] = r
	}
	return last
}

func (st *store) handBack(
	ctx context.Context, tx *sql.Tx, r wire.OutageRecord, decide func(wire.OutageRecord, string) (wire.RecordOutcome, string),
) (wire.RecordAnswer, error) {
	a := wire.RecordAnswer{Origin: r.Origin, Journal: r.Journal, Sequence: r.Sequence}
	known, err := st.knownRecord(ctx, tx, r, &a)
	if known || err != nil {
		return a, err
	}
	owner, err := ownerOf(ctx, tx, r.Machine)
	if err != nil {
		return a, err
	}
	a.Outcome, a.What = decide(r, owner)
	if err := st.keep(ctx, tx, r, a); err != nil {
		return a, err
	}
	return a, st.carryOut(ctx, tx, r, a)
}

// knownRecord fills in the answer to a record that is here already.
func (st *store) knownRecord(ctx context.Context, tx *sql.Tx, r wire.OutageRecord, a *wire.RecordAnswer) (bool, error) {
	var was string
	err := tx.QueryRowContext(ctx, "SELECT outcome, what, record FROM handed WHERE journal = ? AND sequence = ?", r.Journal, int64(r.Sequence)).
		Scan(&a.First, &a.What, &was)
	if err == nil && !same(was, r) {
		return true, st.misnamed(ctx, tx, r, a)
	}
	if errors.Is(err, sql.ErrNoRows) {
		// Its row may be gone; the journal's mark stays.
		var last int64
		err = tx.QueryRowContext(ctx, "SELECT last FROM journals WHERE journal = ?", r.Journal).Scan(&last)
		if errors.Is(err, sql.ErrNoRows) || err == nil && int64(r.Sequence) > last {
			return false, nil
		}
	}
	a.Outcome = wire.RecordDuplicate
	return err == nil, err
}

func same(line string, r wire.OutageRecord) bool {
	var was wire.OutageRecord
	if err := json.Unmarshal([]byte(line), &was); err != nil {
		return false
	}
	at := was.At
	was.At = r.At
	return at.Equal(r.At) && was == r
}

// misnamed: a connector whose folder was put back from a backup gives old names to
// new records. They are not taken for what they are not, and not lost unseen.
func (st *store) misnamed(ctx context.Context, tx *sql.Tx, r wire.OutageRecord, a *wire.RecordAnswer) error {
	a.Outcome, a.First = wire.RecordRejected, ""
	a.What = "another record has this name: was the connector's data folder put back from a backup?"
	what := fmt.Sprintf("%s (record %d of %s: %s of %s on %s)", a.What, r.Sequence, r.Origin, r.Kind, r.User, r.Machine)
	_, err := st.find(ctx, tx, wire.Finding{Kind: wire.FindingRejected, What: what, Record: r})
	return err
}

func ownerOf(ctx context.Context, tx *sql.Tx, machine site.FQDN) (string, error) {
	var user string
	err := tx.QueryRowContext(ctx, "SELECT user FROM assignments WHERE machine = ?", string(machine)).Scan(&user)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return user, err
}

// keep writes the record down by its name, and what a person should know of it.
func (st *store) keep(ctx context.Context, tx *sql.Tx, r wire.OutageRecord, a wire.RecordAnswer) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO handed (journal, sequence, kind, outcome, what, record) VALUES (?, ?, ?, ?, ?, ?)",
		r.Journal, int64(r.Sequence), r.Kind, string(a.Outcome), a.What, string(line))
	if err != nil || a.Outcome == wire.RecordApplied {
		return err
	}
	what := fmt.Sprintf("%s (record %d of %s)", a.What, r.Sequence, r.Origin)
	_, err = st.find(ctx, tx, wire.Finding{Kind: wire.FindingKind(a.Outcome), What: what, Record: r})
	return err
}

// find keeps a finding, once; it reports whether it is new.
func (st *store) find(ctx context.Context, tx *sql.Tx, f wire.Finding) (bool, error) {
	line, err := json.Marshal(f.Record)
	if err != nil {
		return false, err
	}
	result, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO findings (at, kind, what, record) VALUES (?, ?, ?, ?)",
		st.stamp(), string(f.Kind), f.What, string(line))
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// carryOut makes history of a record, never a live session or a used desktop:
// those come from the desktops. An assignment is the site's from here on.
func (st *store) carryOut(ctx context.Context, tx *sql.Tx, r wire.OutageRecord, a wire.RecordAnswer) error {
	if a.Outcome == wire.RecordRejected {
		return nil
	}
	_, err := tx.ExecContext(ctx,
		"INSERT INTO history (at, kind, machine, user, session, resource, used, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		r.At.UTC().Format(time.RFC3339Nano), r.Kind, string(r.Machine), r.User, r.Session, r.Resource, r.Used, fromOutage+string(r.Origin))
	if err != nil || a.Outcome != wire.RecordApplied || broker.RecordKind(r.Kind) != broker.Assignment {
		return err
	}
	_, err = tx.ExecContext(ctx, "INSERT OR REPLACE INTO assignments VALUES (?, ?, ?)", string(r.Machine), r.User, st.stamp())
	return err
}

// reach moves a journal's mark on: to p where its holder has no more than that, and
// over all that is here without a gap.
func (st *store) reach(ctx context.Context, tx *sql.Tx, p wire.ContainedRecord) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO journals VALUES (?, ?, ?, ?)
		ON CONFLICT (journal) DO UPDATE SET last = max(last, excluded.last), at = excluded.at`,
		p.Journal, string(p.Origin), int64(p.Sequence), st.stamp())
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `WITH RECURSIVE onward (n) AS (
			SELECT last FROM journals WHERE journal = ?1
			UNION ALL SELECT n + 1 FROM onward WHERE EXISTS (SELECT 1 FROM handed WHERE journal = ?1 AND sequence = n + 1)
		) UPDATE journals SET last = (SELECT max(n) FROM onward) WHERE journal = ?1`, p.Journal)
	return err
}

// forgetOld bounds what is kept. A name beyond its journal's mark is never
// forgotten.
func forgetOld(ctx context.Context, tx *sql.Tx) error {
	for _, query := range []string{
		"DELETE FROM history WHERE id <= (SELECT max(id) FROM history) - ?",
		"DELETE FROM findings WHERE id <= (SELECT max(id) FROM findings) - ?",
		`DELETE FROM handed WHERE id <= (SELECT max(id) FROM handed) - ?
			AND sequence <= (SELECT last FROM journals WHERE journals.journal = handed.journal)`,
	} {
		if _, err := tx.ExecContext(ctx, query, keepRecords); err != nil {
			return err
		}
	}
	return nil
}

// Journals says how far each journal has been handed back, in order of origin.
func (st *store) Journals(ctx context.Context) ([]wire.JournalSummary, error) {
	rows, err := st.db.QueryContext(ctx, "SELECT origin, journal, last, at FROM journals ORDER BY origin, journal")
	if err != nil {
		return nil, fmt.Errorf("read the journals: %w", err)
	}
	defer rows.Close()
	list := []wire.JournalSummary{}
	for rows.Next() {
		var j wire.JournalSummary
		var at string
		if err := rows.Scan(&j.Origin, &j.Journal, &j.Last, &at); err != nil {
			return nil, fmt.Errorf("read the journals: %w", err)
		}
		j.At, _ = time.Parse(time.RFC3339Nano, at)
		list = append(list, j)
	}
	return list, rows.Err()
}

// Contained names the last record of each journal that the store contains without
// a gap.
func (st *store) Contained(ctx context.Context) ([]wire.ContainedRecord, error) {
	journals, err := st.Journals(ctx)
	if err != nil {
		return nil, err
	}
	var list []wire.ContainedRecord
	for _, j := range journals {
		if j.Last > 0 {
			list = append(list, wire.ContainedRecord{Origin: j.Origin, Journal: j.Journal, Sequence: j.Last})
		}
	}
	return list, nil
}

// HandedBack returns the records that were handed back, of all kinds or of some,
// in the order in which they came.
func (st *store) HandedBack(ctx context.Context, kinds ...broker.RecordKind) ([]wire.OutageRecord, error) {
	rows, err := st.db.QueryContext(ctx, "SELECT kind, record FROM handed ORDER BY id")
	if err != nil {
		return nil, fmt.Errorf("read what was handed back: %w", err)
	}
	defer rows.Close()
	var list []wire.OutageRecord
	for rows.Next() {
		var kind, line string
		var r wire.OutageRecord
		if err := rows.Scan(&kind, &line); err != nil {
			return nil, fmt.Errorf("read what was handed back: %w", err)
		}
		if !wanted(kinds, kind) {
			continue
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			return nil, fmt.Errorf("read what was handed back: %w", err)
		}
		list = append(list, r)
	}
	return list, rows.Err()
}

// Ends are those of which the history tells.
func (st *store) Ends(ctx context.Context) (ends, error) {
	rows, err := st.db.QueryContext(ctx, "SELECT id, kind, session, at FROM history ORDER BY id")
	if err != nil {
		return ends{}, fmt.Errorf("read the history: %w", err)
	}
	defer rows.Close()
	heard := ends{of: map[string]time.Time{}}
	for first := true; rows.Next(); first = false {
		var id int64
		var kind, session, text string
		if err := rows.Scan(&id, &kind, &session, &text); err != nil {
			return ends{}, fmt.Errorf("read the history: %w", err)
		}
		at, _ := time.Parse(time.RFC3339Nano, text)
		if first && id > 1 {
			heard.since = at
		}
		if broker.RecordKind(kind) == broker.LoggedOff {
			heard.of[session] = at
		}
	}
	return heard, rows.Err()
}

// OutageHistory counts the rows of the history that come from outages.
func (st *store) OutageHistory(ctx context.Context) (map[wire.OutageRecord]int, error) {
	rows, err := st.db.QueryContext(ctx, "SELECT at, kind, machine, user, session FROM history WHERE reason LIKE ?", fromOutage+"%")
	if err != nil {
		return nil, fmt.Errorf("read the history: %w", err)
	}
	defer rows.Close()
	counts := map[wire.OutageRecord]int{}
	for rows.Next() {
		var r wire.OutageRecord
		var at, machine string
		if err := rows.Scan(&at, &r.Kind, &machine, &r.User, &r.Session); err != nil {
			return nil, fmt.Errorf("read the history: %w", err)
		}
		r.Machine = site.FQDN(machine)
		r.At, _ = time.Parse(time.RFC3339Nano, at)
		counts[r]++
	}
	return counts, rows.Err()
}

func wanted(kinds []broker.RecordKind, kind string) bool {
	for _, k := range kinds {
		if string(k) == kind {
			return true
		}
	}
	return len(kinds) == 0
}

// AddFindings keeps findings and returns those that are new.
func (st *store) AddFindings(ctx context.Context, list []wire.Finding) ([]wire.Finding, error) {
	var added []wire.Finding
	if len(list) == 0 {
		return nil, nil
	}
	err := st.write(ctx, func(tx *sql.Tx) error {
		added = nil
		for _, f := range list {
			fresh, err := st.find(ctx, tx, f)
			if err != nil {
				return err
			}
			if fresh {
				added = append(added, f)
			}
		}
		return nil
	})
	return added, err
}

// Findings returns a page of findings after an id.
func (st *store) Findings(ctx context.Context, after int64, limit int) ([]wire.Finding, error) {
	rows, err := st.db.QueryContext(ctx, "SELECT id, at, kind, what, record FROM findings WHERE id > ? ORDER BY id LIMIT ?", after, limit)
	if err != nil {
		return nil, fmt.Errorf("read the findings: %w", err)
	}
	defer rows.Close()
	list := []wire.Finding{}
	for rows.Next() {
		var f wire.Finding
		var at, line string
		if err := rows.Scan(&f.ID, &at, &f.Kind, &f.What, &line); err != nil {
			return nil, fmt.Errorf("read the findings: %w", err)
		}
		f.At, _ = time.Parse(time.RFC3339Nano, at)
		if err := json.Unmarshal([]byte(line), &f.Record); err != nil {
			return nil, fmt.Errorf("read the findings: %w", err)
		}
		list = append(list, f)
	}
	return list, rows.Err()
}
