package localdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"understudy/env"
	"understudy/site"
)

// StateSchema is the schema of the state database. Schema 1 had the tables for mirrored
// records, peaks and desktops or not, by its age.
const StateSchema = 2

const (
	stateFile    = "state.db"
	stateAppID   = 0x756e6474 // "undt"
	stateCreates = `
CREATE TABLE saved (
	key   TEXT PRIMARY KEY,
	value TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE events (
	id        INTEGER PRIMARY KEY AUTOINCREMENT,
	at        TEXT NOT NULL,
	code      INTEGER NOT NULL,
	name      TEXT NOT NULL,
	severity  TEXT NOT NULL,
	zone      TEXT NOT NULL,
	connector TEXT NOT NULL,
	reason    TEXT NOT NULL,
	fields    TEXT NOT NULL
);
CREATE TABLE journal (
	sequence INTEGER PRIMARY KEY AUTOINCREMENT,
	record   TEXT NOT NULL
);`
)

// StateOptions are what a state database needs.
type StateOptions struct {
	Env env.Env
	// Origin names the durable records that are written here.
	Origin site.FQDN
	// JournalLimit bounds the durable records; 0 means DefaultJournalLimit.
	JournalLimit int
}

func (o StateOptions) validate() error {
	if o.Origin == "" {
		return errors.New("localdb: Origin is missing")
	}
	if o.JournalLimit < 0 {
		return fmt.Errorf("localdb: JournalLimit %d is negative", o.JournalLimit)
	}
	return o.Env.Validate()
}

// State is the state database: the zone record, the connector list, the events,
// and the journal of durable records. Every write is on the disk before its call
// returns.
type State struct {
	options StateOptions
	path    string
	reads   *sql.DB
	writes  *sql.DB // nil when opened for reading only
	writer  *writer[change]
	journal string
	reach   reach
	held    atomic.Int64 // records in the journal, those under way included
	closing sync.Once
}

// change is one write, as part of a commit that may hold others.
type change func(ctx context.Context, tx *sql.Tx) error

// OpenState opens the state database of a data folder, or creates it. One that is
// damaged is refused, never replaced: it may hold launches that nobody else knows.
func OpenState(dir string, o StateOptions) (*State, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, stateFile)
	if err := checkStamp(path, stateAppID, StateSchema, remedyState); err != nil {
		return nil, err
	}
	if err := createState(path, o.Env); err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	if o.JournalLimit == 0 {
		o.JournalLimit = DefaultJournalLimit
	}
	s := &State{options: o, path: path}
	err := s.open(context.Background())
	if err == nil {
		err = s.countJournal(context.Background())
	}
	if err != nil {
		return nil, errors.Join(err, s.closeDBs())
	}
	s.writer = startWriter(s.commit)
	return s, nil
}

// OpenStateReadOnly opens the state database of a connector, running or not, for
// reading.
func OpenStateReadOnly(dir string) (*State, error) {
	path := filepath.Join(dir, stateFile)
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("open the state database: %w", err)
	}
	if err := checkStamp(path, stateAppID, StateSchema, remedyState); err != nil {
		return nil, err
	}
	s := &State{path: path}
	if err := s.openReads(context.Background()); err != nil {
		return nil, errors.Join(err, s.closeDBs())
	}
	return s, nil
}

// openReads opens the file for reading and refuses what we did not write, or
// cannot read; it changes nothing.
func (s *State) openReads(ctx context.Context) error {
	var err error
	s.reads, err = openDB(s.path, 2, url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(2000)"}})
	if err != nil {
		return err
	}
	return s.check(ctx, s.reads)
}

func (s *State) open(ctx context.Context) error {
	if err := s.openReads(ctx); err != nil {
		return err
	}
	var err error
	s.writes, err = openDB(s.path, 1, url.Values{
		"mode": {"rw"}, "_txlock": {"immediate"},
		"_pragma": {"busy_timeout(2000)", "journal_mode(WAL)", "synchronous(FULL)"},
	})
	if err != nil {
		return err
	}
	if err := checkDurable(ctx, s.writes); err != nil {
		return fmt.Errorf("open %s: %w", s.path, err)
	}
	if err := migrate(ctx, s.writes); err != nil {
		return fmt.Errorf("open %s: %w", s.path, err)
	}
	return s.learnReach(ctx)
}

// check reads what identifies the file, and looks it over.
func (s *State) check(ctx context.Context, db *sql.DB) error {
	err := checkState(ctx, db)
	if err == nil {
		s.journal, err = readSaved(ctx, db, keyJournal, "")
	}
	if err == nil && s.journal == "" {
		err = errors.New("it has no journal")
	}
	switch {
	case err == nil:
		return nil
	case !isDamage(err):
		return fmt.Errorf("open state database %s: %w", s.path, err)
	}
	return fmt.Errorf("state database %s is %w: %w; it is not replaced, because it may hold records that exist nowhere else: "+
		"restore it, or move it away to start without them", s.path, ErrDamaged, err)
}

// isDamage tells a file whose content is wrong from a disk that does not answer.
func isDamage(err error) bool {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return true
	}
	switch e.Code() & 0xff { // the low byte is the primary code
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR:
		return true
	}
	return false
}

func checkState(ctx context.Context, db *sql.DB) error {
	id, err := pragma(ctx, db, "application_id")
	if err != nil {
		return err
	}
	if id != fmt.Sprint(stateAppID) {
		return errors.New("it is not a state database")
	}
	return quickCheck(ctx, db)
}

// checkDurable reads back the settings that durability hangs on.
func checkDurable(ctx context.Context, db *sql.DB) error {
	for name, want := range map[string]string{"journal_mode": "wal", "synchronous": "2"} {
		if got, err := pragma(ctx, db, name); err != nil || got != want {
			return errors.Join(err, fmt.Errorf("%s is %q, not %q", name, got, want))
		}
	}
	return nil
}

// roomProbed is what ProbeRoom writes: more than any write of a decision or a launch.
const roomProbed = 256 << 10

// Probe reports whether the disk takes the least of writes.
func (s *State) Probe(ctx context.Context) error {
	return s.save(ctx, keyProbe, "ok")
}

// ProbeRoom reports whether the disk has room again. On one that is all but full
// the least of writes goes through where a record does not.
func (s *State) ProbeRoom(ctx context.Context) error {
	if err := s.save(ctx, keyProbe, strings.Repeat("x", roomProbed)); err != nil {
		return err
	}
	return s.Probe(ctx)
}

// write hands one change to the writer and waits until it is on the disk.
func (s *State) write(ctx context.Context, what string, c change) error {
	if s.writer == nil {
		return fmt.Errorf("%s: the state database was %w", what, ErrReadOnly)
	}
	if err := s.writer.do(ctx, c); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// commit makes a group of changes durable. When one of them fails, each is tried
// alone, so that none suffers from another.
func (s *State) commit(group []change) []error {
	// The callers' contexts do not reach here: a commit serves several callers.
	ctx := context.Background()
	errs := make([]error, len(group))
	err := s.commitOnce(ctx, group)
	if err == nil {
		return errs
	}
	if len(group) == 1 {
		errs[0] = err
		return errs
	}
	for i, c := range group {
		errs[i] = s.commitOnce(ctx, []change{c})
	}
	return errs
}

// commitOnce passes the gate before it takes SQLite's lock: nobody waits for that
// while the process is paused.
func (s *State) commitOnce(ctx context.Context, group []change) error {
	if err := s.options.Env.Gate(ctx); err != nil {
		return err
	}
	tx, err := s.writes.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, c := range group {
		if err := c(ctx, tx); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// Close commits what is queued and closes the database. It may be called twice.
func (s *State) Close() error {
	var err error
	s.closing.Do(func() {
		if s.writer != nil {
			s.writer.stop()
		}
		err = s.closeDBs()
	})
	return err
}

func (s *State) closeDBs() error {
	var errs []error
	for _, db := range []*sql.DB{s.reads, s.writes} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}
