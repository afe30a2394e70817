package server

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver named sqlite

	"understudy/broker"
	"understudy/datadir"
	"understudy/env"
	"understudy/site"
	"understudy/wire"
)

// StoreSchema is the schema of the cloud broker's database. Schema 1 took no records of
// outages back.
const StoreSchema = 2

const (
	storeFile = "cloud.db"
	// keepVersions and keepRecords bound what the store holds of the past.
	keepVersions = 20
	keepRecords  = 100_000
)

const schema = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
-- One row for each version of the site: the configuration stream as connectors get it.
CREATE TABLE versions (
	number INTEGER PRIMARY KEY, digest TEXT NOT NULL, author TEXT NOT NULL, at TEXT NOT NULL, document BLOB NOT NULL
) STRICT;
-- Owners that launches made. They hold until the site names another one.
CREATE TABLE assignments (machine TEXT PRIMARY KEY, user TEXT NOT NULL, at TEXT NOT NULL) STRICT;
-- Pooled desktops that were used since their reset.
CREATE TABLE used (machine TEXT PRIMARY KEY, at TEXT NOT NULL) STRICT;
-- What happened: launches, logoffs, used marks, assignments.
CREATE TABLE history (
	id INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, kind TEXT NOT NULL, machine TEXT NOT NULL,
	user TEXT NOT NULL, session TEXT NOT NULL, resource TEXT NOT NULL, used INTEGER NOT NULL, reason TEXT NOT NULL
) STRICT;
`

// store is the cloud broker's database. It is safe for concurrent use.
type store struct {
	db      *sql.DB
	newest  *sql.Stmt // the number of the newest version: every check of health asks for it
	now     func() time.Time
	gate    func(context.Context) error
	site    string
	history string     // of the versions
	turn    sync.Mutex // one writer at a time, so that nobody waits inside SQLite
	pulse   pulse
}

// published is one version of the site, ready to be served. It never changes.
type published struct {
	index   *site.Index
	version site.Version
	digest  string
	// contained are the durable records of outages that it contains.
	contained []wire.ContainedRecord
	document  []byte // the configuration stream; nil before the first version
	steps     []step // how the versions before led here, the oldest first
}

func openStore(ctx context.Context, o Options) (*store, error) {
	path := filepath.Join(o.Data, storeFile)
	if err := private(path); err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	db, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		return nil, fmt.Errorf("open the store %s: %w", path, err)
	}
	db.SetMaxOpenConns(4)
	st := &store{db: db, now: o.Env.Now, gate: o.Env.Gate, site: o.Site}
	err = st.prepare(ctx, o.Env)
	if err == nil && o.Restored {
		err = st.restore(ctx, o.Env)
	}
	if err == nil {
		st.newest, err = db.PrepareContext(ctx, "SELECT max(number) FROM versions")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the store %s: %w", path, err), db.Close())
	}
	return st, nil
}

// readable refuses a store that a newer version of this program has written. It only
// reads.
func readable(dir string) error {
	path := filepath.Join(dir, storeFile)
	stamp, err := datadir.ReadStamp(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, datadir.ErrNoStamp):
		return nil // a new one, or one that is said to be damaged when it is opened
	case err != nil:
		return fmt.Errorf("open the store: %w", err)
	case stamp.Version > StoreSchema:
		return &datadir.NewerError{
			File: path, Version: stamp.Version, Known: StoreSchema,
			Remedy: "put the copy of the folder back that was made before the upgrade and start once with --restored",
		}
	}
	return nil
}

// private makes the file readable for nobody else; SQLite gives the files beside
// it the same mode.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// dsn carries the settings, because a pragma that is executed reaches only one of
// the pool's connections.
func dsn(path string) string {
	full := filepath.ToSlash(path)
	if abs, err := filepath.Abs(path); err == nil {
		full = filepath.ToSlash(abs)
	}
	if !strings.HasPrefix(full, "/") {
		full = "/" + full // a drive letter
	}
	values := url.Values{
		"_pragma": {"busy_timeout(2000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)"},
		"_txlock": {"immediate"},
	}
	return (&url.URL{Scheme: "file", Path: full, RawQuery: values.Encode()}).String()
}

// prepare makes the tables of a new store, and checks that an old one is ours.
func (st *store) prepare(ctx context.Context, e env.Env) error {
	var version int
	if err := st.db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	switch version {
	case 0:
		if err := st.create(ctx, e); err != nil {
			return fmt.Errorf("create: %w", err)
		}
	case 1:
		if err := st.upgrade(ctx); err != nil {
			return fmt.Errorf("upgrade: %w", err)
		}
	}
	var name string
	err := st.db.QueryRowContext(ctx, "SELECT (SELECT value FROM meta WHERE key = 'site'), (SELECT value FROM meta WHERE key = 'history')").
		Scan(&name, &st.history)
	if err == nil && name != st.site {
		return fmt.Errorf("it holds site %q and not %q", name, st.site)
	}
	return err
}

// create names the history of the versions by its birth, so that a store that was
// made anew or restored is never taken for the same.
func (st *store) create(ctx context.Context, e env.Env) error {
	history := site.NewHistory(e, e.Now())
	return st.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, schema+recordTables); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO meta VALUES ('site', ?), ('history', ?)", st.site, history); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", StoreSchema))
		return err
	})
}

// upgrade adds what schema 2 has beyond schema 1.
func (st *store) upgrade(ctx context.Context) error {
	return st.write(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, recordTables+fmt.Sprintf("PRAGMA user_version = %d", StoreSchema))
		return err
	})
}

// Close closes the database.
func (st *store) Close() error { return errors.Join(st.newest.Close(), st.db.Close()) }

// Version reads the newest version from the disk: what a health check asks for.
func (st *store) Version(ctx context.Context) (site.Version, error) {
	var number sql.NullInt64
	if err := st.newest.QueryRowContext(ctx).Scan(&number); err != nil {
		return site.Version{}, fmt.Errorf("read the store: %w", err)
	}
	if !number.Valid {
		return site.Version{}, nil
	}
	return site.Version{History: st.history, Number: uint64(number.Int64)}, nil
}

// Current reads the newest version and verifies it; a new store has an empty site.
func (st *store) Current(ctx context.Context) (*published, error) {
	var p published
	err := st.db.QueryRowContext(ctx, "SELECT number, digest, document FROM versions ORDER BY number DESC LIMIT 1").
		Scan(&p.version.Number, &p.digest, &p.document)
	if errors.Is(err, sql.ErrNoRows) {
		return &published{index: site.NewIndex(&site.Site{Name: st.site})}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the site from the store: %w", err)
	}
	s, header, err := wire.ReadConfig(bytes.NewReader(p.document))
	if err != nil {
		return nil, fmt.Errorf("read version %d of the site from the store: %w", p.version.Number, err)
	}
	p.version, p.index, p.contained = header.Version, site.NewIndex(s), header.Records
	return &p, nil
}

// SaveVersion makes a new version of the site and forgets the assignments that it
// overrules.
func (st *store) SaveVersion(ctx context.Context, s *site.Site, number uint64, c change) (*published, error) {
	p, err := render(s, site.Version{History: st.history, Number: number}, c.digest, c.contained)
	if err != nil {
		return nil, err
	}
	if err := st.write(ctx, func(tx *sql.Tx) error { return st.insert(ctx, tx, p, c) }); err != nil {
		return nil, fmt.Errorf("save version %d of the site: %w", number, err)
	}
	return p, nil
}

// render writes a version as connectors will get it.
func render(s *site.Site, v site.Version, digest string, contained []wire.ContainedRecord) (*published, error) {
	var document bytes.Buffer
	if err := wire.WriteConfig(&document, s, v, contained...); err != nil {
		return nil, err
	}
	return &published{index: site.NewIndex(s), version: v, digest: digest, contained: contained, document: document.Bytes()}, nil
}

func (st *store) insert(ctx context.Context, tx *sql.Tx, p *published, c change) error {
	number := p.version.Number
	if _, err := tx.ExecContext(ctx, "INSERT INTO versions VALUES (?, ?, ?, ?, ?)", number, c.digest, c.author, st.stamp(), p.document); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM versions WHERE number <= ?", int64(number)-keepVersions); err != nil {
		return err
	}
	return forget(ctx, tx, c.stale)
}

// Forget drops assignments that the site overrules.
func (st *store) Forget(ctx context.Context, stale []site.FQDN) error {
	if len(stale) == 0 {
		return nil
	}
	return st.write(ctx, func(tx *sql.Tx) error { return forget(ctx, tx, stale) })
}

func forget(ctx context.Context, tx *sql.Tx, stale []site.FQDN) error {
	for _, machine := range stale {
		if _, err := tx.ExecContext(ctx, "DELETE FROM assignments WHERE machine = ?", string(machine)); err != nil {
			return err
		}
	}
	return nil
}

func (st *store) stamp() string { return st.now().UTC().Format(time.RFC3339Nano) }

// Record makes durable records durable, all or none.
func (st *store) Record(ctx context.Context, records []broker.Record) error {
	err := st.write(ctx, func(tx *sql.Tx) error {
		for _, r := range records {
			if err := st.record(ctx, tx, r); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM history WHERE id <= (SELECT max(id) FROM history) - ?", keepRecords)
		return err
	})
	if err != nil {
		return fmt.Errorf("write %d records: %w", len(records), err)
	}
	return nil
}

func (st *store) record(ctx context.Context, tx *sql.Tx, r broker.Record) error {
	at := st.stamp()
	_, err := tx.ExecContext(ctx,
		"INSERT INTO history (at, kind, machine, user, session, resource, used, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		at, string(r.Kind), string(r.Machine), r.User, r.Session, r.Resource, r.Used, r.Reason)
	switch {
	case err != nil:
		return err
	case r.Kind == broker.Assignment:
		_, err = tx.ExecContext(ctx, "INSERT OR REPLACE INTO assignments VALUES (?, ?, ?)", string(r.Machine), r.User, at)
	case r.Kind == broker.UsedMark && r.Used:
		_, err = tx.ExecContext(ctx, "INSERT OR REPLACE INTO used VALUES (?, ?)", string(r.Machine), at)
	case r.Kind == broker.UsedMark:
		_, err = tx.ExecContext(ctx, "DELETE FROM used WHERE machine = ?", string(r.Machine))
	}
	return err
}

// Marks returns what the engine starts from: assignments and used marks.
func (st *store) Marks(ctx context.Context) ([]broker.Record, error) {
	var records []broker.Record
	assigned, err := st.Assignments(ctx)
	if err != nil {
		return nil, err
	}
	for machine, user := range assigned {
		records = append(records, broker.Record{Kind: broker.Assignment, Machine: machine, User: user})
	}
	err = st.each(ctx, "SELECT machine, '' FROM used", func(machine site.FQDN, _ string) {
		records = append(records, broker.Record{Kind: broker.UsedMark, Machine: machine, Used: true})
	})
	return records, err
}

// Assignments returns the owners that launches made.
func (st *store) Assignments(ctx context.Context) (map[site.FQDN]string, error) {
	owners := map[site.FQDN]string{}
	err := st.each(ctx, "SELECT machine, user FROM assignments", func(machine site.FQDN, user string) { owners[machine] = user })
	return owners, err
}

func (st *store) each(ctx context.Context, query string, take func(machine site.FQDN, text string)) error {
	rows, err := st.db.QueryContext(ctx, query)
	if err != nil {
		return fmt.Errorf("read the store: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var machine, text string
		if err := rows.Scan(&machine, &text); err != nil {
			return fmt.Errorf("read the store: %w", err)
		}
		take(site.FQDN(machine), text)
	}
	return rows.Err()
}
