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

// Index answers look-ups in what is used of the site.
func (b *Built) Index() *site.Index { return b.index }

// Quarantined lists the objects that are not used, with the reasons.
func (b *Built) Quarantined() []wire.QuarantinedObject { return b.quarantined() }

// Discard removes a snapshot that is not wanted. It does nothing after a Swap.
func (b *Built) Discard() {
	if b.done.CompareAndSwap(false, true) {
		_ = b.disk.remove(b.path) // else the next start removes it
	}
}

// Build reads a configuration stream into a new file, verifies it and makes it
// durable. Nothing of it is visible before Swap; from says where it came from.
// Objects that are not valid, and what refers to them, are kept but not used.
func (s *Snapshots) Build(ctx context.Context, r *wire.ConfigReader, from string) (*Built, error) {
	m := meta{Header: r.Header(), Imported: s.env.Now().UTC(), From: from}
	b, err := s.build(ctx, m, func(b *Built) error {
		if err := fill(ctx, b.path, func(tx *sql.Tx) error { return insertStream(ctx, tx, r, m) }); err != nil {
			return err
		}
		return b.check(ctx, strict)
	})
	if !errors.Is(err, errNotValid) {
		return b, err
	}
	return s.buildParted(ctx, m, b.content)
}

// errNotValid says that a file is what was sent, but that not all of it can be used.
var errNotValid = errors.New("not all objects are valid")

// buildParted writes a file again, with what cannot be used put aside.
func (s *Snapshots) buildParted(ctx context.Context, m meta, c content) (*Built, error) {
	m.Digest = c.Digest
	return s.build(ctx, m, func(b *Built) error {
		good, out, err := part(all(c.site, c.out))
		if err != nil {
			return err
		}
		if err := fill(ctx, b.path, func(tx *sql.Tx) error { return insertParted(ctx, tx, good, out, m) }); err != nil {
			return err
		}
		return b.check(ctx, nil) // What is used was found valid above
	})
}

// build makes a scratch file and has it filled and checked. Without its error being
// errNotValid nothing is left of one that failed; then its content is returned too.
func (s *Snapshots) build(_ context.Context, m meta, make func(*Built) error) (*Built, error) {
	path := filepath.Join(s.dir, scratchPrefix+env.Short(s.env.Rand("snapshot"), 12)+siteSuffix)
	b := &Built{path: path, disk: s.disk}
	err := s.disk.create(path)
	if err == nil {
		err = make(b)
	}
	if err == nil {
		return b, nil
	}
	b.Discard()
	err = fmt.Errorf("build snapshot %s: %w", m.Header.Version, err)
	if errors.Is(err, errNotValid) {
		return b, err
	}
	return nil, err
}

// check reads back what was written. The index is built from what the file holds,
// not from what the stream held.
func (b *Built) check(ctx context.Context, judge func(content) error) error {
	db, c, err := verify(ctx, b.path, judge)
	b.content = c
	if err != nil {
		return err
	}
	// A file that is open cannot be renamed on Windows.
	if err := db.Close(); err != nil {
		return err
	}
	b.index = site.NewIndex(c.site)
	return b.settle()
}

// settle makes the file durable and takes its sum.
func (b *Built) settle() error {
	if err := b.disk.syncFile(b.path); err != nil {
		return err
	}
	if err := b.disk.syncFolder(filepath.Dir(b.path)); err != nil {
		return err
	}
	var err error
	b.gen.SHA256, b.gen.Size, err = hashFile(b.path)
	return err
}

// openScratch opens a scratch file for writing. It has no journal and does not wait
// for the disk: a file that is not finished is thrown away, one that is finished is
// synced.
func openScratch(path string) (*sql.DB, error) {
	return openDB(path, 1, url.Values{
		"mode":    {"rw"},
		"_pragma": {"journal_mode(OFF)", "synchronous(OFF)", "locking_mode(EXCLUSIVE)", "temp_store(MEMORY)", "cache_size(-8192)", "foreign_keys(0)"},
	})
}

// fill makes the tables of a scratch file and has their rows inserted.
func fill(ctx context.Context, path string, insert func(*sql.Tx) error) error {
	db, err := openScratch(path)
	if err != nil {
		return err
	}
	settings := fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", snapshotAppID, snapshotSchema)
	if _, err := db.ExecContext(ctx, settings+snapshotCreates); err != nil {
		return errors.Join(fmt.Errorf("create the tables: %w", err), db.Close())
	}
	return errors.Join(inTransaction(ctx, db, insert), db.Close())
}

func inTransaction(ctx context.Context, db *sql.DB, do func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := do(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// insertStream ends only after the stream's own sums were found right.
func insertStream(ctx context.Context, tx *sql.Tx, r *wire.ConfigReader, m meta) error {
	rows := newInserter(tx)
	for {
		o, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := errors.Join(ctx.Err(), rows.object(ctx, o)); err != nil {
			return fmt.Errorf("insert an object of %s: %w", o.Kind(), err)
		}
	}
	if err := rows.flush(ctx); err != nil {
		return err
	}
	m.Digest = r.Digest()
	return errors.Join(insertOutcasts(ctx, tx, rows.out), writeMeta(ctx, tx, m))
}

func insertParted(ctx context.Context, tx *sql.Tx, good *site.Site, out []outcast, m meta) error {
	rows := newInserter(tx)
	for o := range wire.Objects(good) {
		if err := errors.Join(ctx.Err(), rows.object(ctx, o)); err != nil {
			return fmt.Errorf("insert an object of %s: %w", o.Kind(), err)
		}
	}
	if err := rows.flush(ctx); err != nil {
		return err
	}
	return errors.Join(insertOutcasts(ctx, tx, out), writeMeta(ctx, tx, m))
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
