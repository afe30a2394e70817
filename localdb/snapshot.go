package localdb

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"understudy/site"
	"understudy/wire"
)

// Snapshot is one generation of the site in use. Who got it from Current calls
// Release when done with it, once.
type Snapshot struct {
	Version  site.Version
	Digest   string
	Imported time.Time
	// From says where the snapshot was fetched.
	From string
	// Index answers look-ups from memory.
	Index *site.Index
	// Records names the durable records that the configuration contains.
	Records []wire.ContainedRecord
	// Quarantined are the objects of the configuration that are not used.
	Quarantined []wire.QuarantinedObject

	out    []outcast
	hashes func() wire.Hashes // of all that it holds
	schema int
	gen    generation
	status wire.SnapshotStatus
	db     *sql.DB
	retire func(*Snapshot)
	// refs counts the readers and, while it is the current one, the pointer to it.
	refs atomic.Int64
}

func newSnapshot(db *sql.DB, c content, index *site.Index, g generation, retire func(*Snapshot)) *Snapshot {
	s := &Snapshot{
		Version: c.Header.Version, Digest: c.Digest, Imported: c.Imported, From: c.From,
		Index: index, Records: c.Header.Records,
		out: c.out, schema: c.schema, Quarantined: c.quarantined(),
		gen: g, status: c.status(g), db: db, retire: retire,
	}
	s.hashes = sync.OnceValue(func() wire.Hashes {
		if c.hashes != nil {
			return *c.hashes
		}
		return wire.HashesOf(s.Site(), s.Records...)
	})
	s.refs.Store(1)
	return s
}

// acquire takes a reference, unless the last one is gone already.
func (s *Snapshot) acquire() bool {
	for {
		n := s.refs.Load()
		if n == 0 {
			return false
		}
		if s.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Release gives the snapshot back. The last reader of a snapshot that was
// replaced closes it.
func (s *Snapshot) Release() {
	switch n := s.refs.Add(-1); {
	case n == 0:
		s.retire(s)
	case n < 0:
		panic("localdb: a snapshot was released more often than acquired")
	}
}

// Counts counts the objects of each kind in the file.
func (s *Snapshot) Counts(ctx context.Context) (map[string]int, error) { return countRows(ctx, s.db) }

func countRows(ctx context.Context, db *sql.DB) (map[string]int, error) {
	counts := map[string]int{}
	for kind, table := range objectTables {
		var n int
		if err := db.QueryRowContext(ctx, "SELECT count(*) FROM "+table).Scan(&n); err != nil {
			return nil, fmt.Errorf("count the %s: %w", kind, err)
		}
		counts[kind] = n
	}
	return counts, nil
}

// Site is everything that the configuration held, also what is not used.
func (s *Snapshot) Site() *site.Site { return all(s.Index.Site(), s.out) }

// Stream writes the configuration stream again, for a peer that is behind.
func (s *Snapshot) Stream(ctx context.Context, w io.Writer) error {
	if err := wire.WriteConfig(&contextWriter{ctx: ctx, w: w}, s.Site(), s.Version, s.Records...); err != nil {
		return fmt.Errorf("stream snapshot %s: %w", s.Version, err)
	}
	return nil
}

// contextWriter stops writing when the context ends.
type contextWriter struct {
	ctx context.Context
	w   io.Writer
}

func (c *contextWriter) Write(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.w.Write(p)
}

// describe returns the snapshot's status as of now.
func describe(st wire.SnapshotStatus, state string, now time.Time) wire.SnapshotStatus {
	st.State = state
	st.Counts = maps.Clone(st.Counts)
	if !st.Imported.IsZero() {
		st.Age = site.Duration(max(0, now.Sub(st.Imported))) // the clock may have been set back
	}
	return st
}
