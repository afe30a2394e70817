package localdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"

	"understudy/site"
	"understudy/wire"
)

// openSnapshotFile opens a finished file, which nobody will ever change, so that
// SQLite takes no locks and reads it through the page cache.
func openSnapshotFile(path string) (*sql.DB, error) {
	return openDB(path, runtime.NumCPU(), url.Values{
		"mode": {"ro"}, "immutable": {"1"},
		"_pragma": {"mmap_size(268435456)", "query_only(1)"},
	})
}

// openWritten opens a file to look it over once. It is not mapped: pages that are read
// once would stay in memory.
func openWritten(path string) (*sql.DB, error) {
	return openDB(path, 4, url.Values{"mode": {"ro"}, "immutable": {"1"}, "_pragma": {"query_only(1)", "cache_size(-256)"}})
}

// verify opens a file of which nothing is known and compares what it holds with what
// it says of itself. The database is returned open.
func verify(ctx context.Context, path string) (*sql.DB, content, error) {
	return open(path, func(db *sql.DB) (content, error) { return verifyDB(ctx, db, path) })
}

// reread opens a file of which its sum says that it is what was verified when it was
// built: it only has to be read.
func reread(ctx context.Context, path string) (*sql.DB, content, error) {
	return open(path, func(db *sql.DB) (content, error) {
		c, err := readContent(ctx, db, path)
		if err != nil {
			return content{}, err
		}
		return c, compare(c.meta, all(c.site, c.out), c.Digest)
	})
}

func open(path string, read func(*sql.DB) (content, error)) (*sql.DB, content, error) {
	db, err := openSnapshotFile(path)
	if err != nil {
		return nil, content{}, err
	}
	c, err := read(db)
	if err != nil {
		return nil, c, fmt.Errorf("verify %s: %w", filepath.Base(path), errors.Join(err, db.Close()))
	}
	return db, c, nil
}

func verifyDB(ctx context.Context, db *sql.DB, path string) (content, error) {
	if err := quickCheck(ctx, db); err != nil {
		return content{}, err
	}
	c, err := readContent(ctx, db, path)
	if err != nil {
		return content{}, err
	}
	return c, together(
		func() error {
			full := all(c.site, c.out)
			return compare(c.meta, full, wire.Digest(full, c.Header.Records...))
		},
		func() error { return checkReferences(ctx, db) },
	)
}

func readContent(ctx context.Context, db *sql.DB, path string) (content, error) {
	m, err := readMeta(ctx, db)
	if err != nil {
		return content{}, err
	}
	s, err := readSite(ctx, db, path, m.Header)
	if err != nil {
		return content{}, err
	}
	out, err := readOutcasts(ctx, db)
	return content{meta: m, site: s, out: out}, err
}

// compare holds a site to the header's counts and the digest that was sent.
func compare(m meta, s *site.Site, digest string) error {
	got := wire.ConfigCounts(s)
	for kind := range got {
		if got[kind] != m.Header.Counts[kind] {
			return fmt.Errorf("there are %d %s, the header says %d", got[kind], kind, m.Header.Counts[kind])
		}
	}
	if digest != m.Digest {
		return fmt.Errorf("the content's digest is %s, the stream's was %s", digest, m.Digest)
	}
	return nil
}

// checkReferences finds rows that refer to nothing.
func checkReferences(ctx context.Context, db *sql.DB) error {
	type dangling struct {
		table, parent string
		row, key      sql.NullInt64
	}
	found, err := collect(ctx, db, "PRAGMA foreign_key_check",
		func(r *sql.Rows, d *dangling) error { return r.Scan(&d.table, &d.row, &d.parent, &d.key) })
	if err != nil {
		return err
	}
	if len(found) > 0 {
		return fmt.Errorf("row %d of %s refers to %s that do not exist (%d such references)",
			found[0].row.Int64, found[0].table, found[0].parent, len(found))
	}
	return nil
}

// faultsShown bounds the text of an error; the cloud broker shows them all.
const faultsShown = 5

func validate(s *site.Site) error {
	faults := s.Validate()
	if len(faults) == 0 {
		return nil
	}
	texts := make([]string, 0, faultsShown+1)
	for _, f := range faults[:min(len(faults), faultsShown)] {
		texts = append(texts, f.String())
	}
	if more := len(faults) - faultsShown; more > 0 {
		texts = append(texts, fmt.Sprintf("and %d more faults", more))
	}
	return fmt.Errorf("the site is not valid: %s", wire.Clip(strings.Join(texts, "; ")))
}
