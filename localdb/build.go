package localdb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"

	"understudy/env"
	"understudy/site"
	"understudy/wire"
)

// Built is a new snapshot that is complete, verified and on the disk, but not in
// use. It ends with a Swap or a Discard.
type Built struct {
	content
	index *site.Index
	path  string
	gen   generation // its name is given at the swap
	disk  disk
	done  atomic.Bool
}

// Version returns the version of the site that the snapshot holds.
func (b *Built) Version() site.Version { return b.Header.Version }

// Digest returns the content's digest.
func (b *Built) Digest() string { return b.meta.Digest }

// Discard removes a snapshot that is not wanted. It does nothing after a Swap.
func (b *Built) Discard() {
	if b.done.CompareAndSwap(false, true) {
		_ = b.disk.remove(b.path) // else the next start removes it
	}
}

// Build reads a configuration stream into a new file, verifies it and makes it
// durable. Nothing of it is visible before Swap; from says where it came from.
func (s *Snapshots) Build(ctx context.Context, r *wire.ConfigReader, from string) (*Built, error) {
	path := filepath.Join(s.dir, scratchPrefix+env.Short(s.env.Rand("snapshot"), 12)+siteSuffix)
	b := &Built{path: path, disk: s.disk}
	m := meta{Header: r.Header(), Imported: s.env.Now().UTC(), From: from}
	err := s.disk.create(path)
	if err == nil {
		err = fill(ctx, path, r, m)
	}
	if err == nil {
		err = b.check(ctx)
	}
	if err != nil {
		b.Discard()
		return nil, fmt.Errorf("build snapshot %s: %w", m.Header.Version, err)
	}
	return b, nil
}

// check reads back what was written. The index is built from what the file holds,
// not from what the stream held.
func (b *Built) check(ctx context.Context) error {
	db, c, err := verify(ctx, b.path, validate)
	if err != nil {
		return err
	}
	// A file that is open cannot be renamed on Windows.
	if err := db.Close(); err != nil {
		return err
	}
	b.content, b.index = c, site.NewIndex(c.site)
	if err := b.disk.syncFile(b.path); err != nil {
		return err
	}
	if err := b.disk.syncFolder(filepath.Dir(b.path)); err != nil {
		return err
	}
	b.gen.SHA256, b.gen.Size, err = hashFile(b.path)
	return err
}

// fill writes a scratch file. It has no journal and does not wait for the disk:
// a file that is not finished is thrown away, one that is finished is synced.
func fill(ctx context.Context, path string, r *wire.ConfigReader, m meta) error {
	db, err := openDB(path, 1, url.Values{
		"mode":    {"rw"},
		"_pragma": {"journal_mode(OFF)", "synchronous(OFF)", "locking_mode(EXCLUSIVE)", "temp_store(MEMORY)", "cache_size(-8192)", "foreign_keys(0)"},
	})
	if err != nil {
		return err
	}
	return errors.Join(fillDB(ctx, db, r, m), db.Close())
}

func fillDB(ctx context.Context, db *sql.DB, r *wire.ConfigReader, m meta) error {
	settings := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", snapshotAppID, snapshotSchema)
	if _, err := db.ExecContext(ctx, settings+snapshotCreates); err != nil {
		return fmt.Errorf("create the tables: %w", err)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := insertAll(ctx, newInserter(tx), r); err != nil {
		return err
	}
	m.Digest = r.Digest()
	if err := writeMeta(ctx, tx, m); err != nil {
		return err
	}
	return tx.Commit()
}

// insertAll ends only after the stream's own sums were found right.
func insertAll(ctx context.Context, rows *inserter, r *wire.ConfigReader) error {
	for {
		o, err := r.Next()
		if errors.Is(err, io.EOF) {
			return rows.flush(ctx)
		}
		if err != nil {
			return err
		}
		if err := errors.Join(ctx.Err(), rows.object(ctx, o)); err != nil {
			return fmt.Errorf("insert an object of %s: %w", o.Kind(), err)
		}
	}
}

// fileName is the first free name for a version. A name is taken when the same
// content is imported again, because a file that may be open is never replaced.
func (b *Built) fileName(taken func(string) bool) string {
	v := b.Version()
	stem := fmt.Sprintf("%s%s-%d-%s", sitePrefix, plain(v.History), v.Number, plain(b.meta.Digest)[:16])
	name := stem + siteSuffix
	for i := 2; taken(name); i++ {
		name = fmt.Sprintf("%s.%d%s", stem, i, siteSuffix)
	}
	return name
}

// plain keeps what is safe in a file name; the text came over the network.
func plain(s string) string {
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			return c
		}
		return '_'
	}, s[:min(len(s), 64)])
}
