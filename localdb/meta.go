package localdb

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"understudy/site"
	"understudy/wire"
)

// meta is what a snapshot says of itself.
type meta struct {
	Header   wire.ConfigHeader
	Digest   string
	Imported time.Time
	From     string

	schema int // of the file
}

func writeMeta(ctx context.Context, tx *sql.Tx, m meta) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO meta VALUES ('snapshot', ?)", string(b))
	return err
}

func readMeta(ctx context.Context, db *sql.DB) (meta, error) {
	err := checkSnapshotSchema(ctx, db)
	if err != nil {
		return meta{}, err
	}
	var b []byte
	if err := db.QueryRowContext(ctx, "SELECT value FROM meta WHERE key = 'snapshot'").Scan(&b); err != nil {
		return meta{}, fmt.Errorf("read what the snapshot says of itself: %w", err)
	}
	var m meta
	if err := json.Unmarshal(b, &m); err != nil {
		return meta{}, fmt.Errorf("read what the snapshot says of itself: %w", err)
	}
	m.schema, err = schemaOf(ctx, db)
	return m, err
}

func checkSnapshotSchema(ctx context.Context, db *sql.DB) error {
	id, err := pragma(ctx, db, "application_id")
	if err != nil {
		return err
	}
	if id != strconv.Itoa(snapshotAppID) {
		return fmt.Errorf("the file is no snapshot")
	}
	return nil
}

// schemaOf is the number of the schema by which a database was made.
func schemaOf(ctx context.Context, db *sql.DB) (int, error) {
	text, err := pragma(ctx, db, "user_version")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(text)
}

// status describes a snapshot file to people.
func (m meta) status(g generation) wire.SnapshotStatus {
	return wire.SnapshotStatus{
		Version: m.Header.Version, Digest: m.Digest, File: g.File, Size: g.Size,
		Imported: m.Imported, Counts: m.Header.Counts,
	}
}

// content is a snapshot that was read back and compared: what is used of the site,
// and what is not.
type content struct {
	meta
	site *site.Site
	out  []outcast
	// hashes are those of all of it, where they are known.
	hashes *wire.Hashes
}

// quarantined describes what is not used.
func (c content) quarantined() []wire.QuarantinedObject { return statuses(c.out) }

func (c content) status(g generation) wire.SnapshotStatus {
	s := c.meta.status(g)
	s.Quarantined = len(c.out)
	s.QuarantinedObjects = c.quarantined()[:min(len(c.out), quarantinedShown)]
	return s
}

// quarantinedShown bounds what a status lists.
const quarantinedShown = 20
