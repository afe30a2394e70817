//go:build linux

package e2e_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"understudy/broker"
	"understudy/cloud"
	"understudy/env"
	"understudy/localdb"
	"understudy/site"
	"understudy/zone"
)

// killsEnv sets how many processes the crash tests kill, each of them so many.
const killsEnv = "UNDERSTUDY_E2E_KILLS"

// kills is how many processes this test kills; long says that someone asked for a
// number.
func kills(t testing.TB, usual int) (n int, long bool) {
	t.Helper()
	text := os.Getenv(killsEnv)
	if text == "" {
		return usual, false
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", killsEnv, err)
	}
	return n, true
}

// editions are the sites that a test has published, by their versions.
type editions struct {
	operator *cloud.Client
	site     func(edition int) *site.Site

	mu        sync.Mutex // guards what follows
	published map[site.Version]string
	count     int
}

// newEditions publishes variants of the cast's site.
func newEditions(t testing.TB, c *cast, users int) *editions {
	t.Helper()
	operator, err := cloud.New(cloud.Options{
		Env: env.Real(), URL: "http://" + c.cloudAt, Site: "e2e", Token: env.Always("operator-secret-0001"), Timeout: act,
	})
	must(t, err)
	return &editions{
		operator: operator, published: map[site.Version]string{},
		site: func(edition int) *site.Site { return c.edition(edition, users) },
	}
}

// publish gives the next edition to the cloud broker.
func (e *editions) publish(ctx context.Context) (site.Version, error) {
	e.count++
	p, err := e.operator.PutSite(ctx, e.site(e.count), site.Version{})
	if err != nil {
		return p.Version, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.published[p.Version] = fmt.Sprintf("Pool %d", e.count)
	return p.Version, nil
}

// title is what the pool is called in a version.
func (e *editions) title(v site.Version) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.published[v]
}

// edition is a site whose pool has the edition's number in its name.
func (c *cast) edition(number, users int) *site.Site {
	s := &site.Site{
		Name: "e2e", ReuseInOutage: true,
		Zones: []site.Zone{{Name: c.zone, Settings: site.Settings{
			HealthInterval: site.Duration(300 * time.Millisecond), Detection: site.Duration(time.Second),
			InitialHA: site.Duration(time.Second), Recovery: site.Duration(time.Second), Deadline: site.Duration(time.Second),
			JoinWait: site.Duration(1500 * time.Millisecond), VDAInterval: site.Duration(time.Second),
			ReservationLife: site.Duration(5 * time.Second), PreemptAfter: site.Duration(time.Second),
		}}},
		Groups: []site.DeliveryGroup{{
			Name: "pool", Kind: site.Pooled, Zones: []string{c.zone}, Desktop: fmt.Sprintf("Pool %d", number), ReuseInOutage: true,
		}},
		Entitlements: []site.Entitlement{{UserGroup: "staff", Desktop: "pool"}},
	}
	for _, p := range c.players {
		s.Connectors = append(s.Connectors, site.Connector{
			FQDN: site.FQDN(p.fqdn()), Zone: c.zone, ClientURL: p.url(clientPort), PeerURL: p.url(peerPort),
		})
	}
	for i := range c.desktops {
		s.Machines = append(s.Machines, site.Machine{Name: site.FQDN(fmt.Sprintf("ws%03d.example.test", i+1)), Group: "pool", Zone: c.zone})
	}
	for i := range users {
		s.Users = append(s.Users, site.User{Name: fmt.Sprintf("user%05d", i), Groups: []string{"staff"}})
	}
	return s
}

// kept is what a data folder holds of what must outlive a crash.
type kept struct {
	Version site.Version // of the snapshot that CURRENT names; zero without CURRENT
	Title   string       // of the pool, in that snapshot
	Saved   localdb.Saved
	Journal []broker.Record
}

// readKept reads the folder of a connector that does not run, and says what is
// wrong in it. It changes nothing but what SQLite does to recover.
func readKept(ctx context.Context, dir string) (kept, error) {
	var k kept
	errs := []error{k.readSnapshot(ctx, dir)}
	if _, err := os.Stat(filepath.Join(dir, "state.db")); err == nil {
		errs = append(errs, k.readState(ctx, dir))
	}
	return k, errors.Join(errs...)
}

// readSnapshot knows the format of its own, so that it shares no fault with the
// product.
func (k *kept) readSnapshot(ctx context.Context, dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, "CURRENT"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	line, sum, _ := bytes.Cut(text, []byte("\n"))
	if got := sha256.Sum256(line); hex.EncodeToString(got[:]) != strings.TrimSpace(string(sum)) {
		return fmt.Errorf("CURRENT is damaged: %q", text)
	}
	var current struct {
		Generations []struct {
			File, SHA256 string
			Size         int64
		}
	}
	if err := json.Unmarshal(line, &current); err != nil {
		return err
	}
	newest := current.Generations[0]
	content, err := os.ReadFile(filepath.Join(dir, newest.File))
	if err != nil {
		return err
	}
	if got := sha256.Sum256(content); hex.EncodeToString(got[:]) != newest.SHA256 || int64(len(content)) != newest.Size {
		return fmt.Errorf("%s, which CURRENT names, is not what it was: %d bytes of %d", newest.File, len(content), newest.Size)
	}
	return k.readSite(ctx, filepath.Join(dir, newest.File))
}

func (k *kept) readSite(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro&immutable=1")
	if err != nil {
		return err
	}
	defer db.Close()
	var said string
	err = db.QueryRowContext(ctx, "SELECT (SELECT value FROM meta), (SELECT desktop FROM delivery_groups WHERE name = 'pool')").Scan(&said, &k.Title)
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	var meta struct {
		Header struct{ Version site.Version }
	}
	err = json.Unmarshal([]byte(said), &meta)
	k.Version = meta.Header.Version
	return errors.Join(err, integrity(ctx, db))
}

func integrity(ctx context.Context, db *sql.DB) error {
	var answer string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check").Scan(&answer); err != nil || answer != "ok" {
		return fmt.Errorf("integrity_check says %q: %w", answer, err)
	}
	return nil
}

func (k *kept) readState(ctx context.Context, dir string) error {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "state.db")+"?mode=rw&_pragma=busy_timeout(2000)")
	if err != nil {
		return err
	}
	defer db.Close()
	if err := integrity(ctx, db); err != nil {
		return fmt.Errorf("state.db: %w", err)
	}
	state, err := localdb.OpenStateReadOnly(dir)
	if err != nil {
		return err
	}
	defer func() { _ = state.Close() }()
	if k.Saved, err = state.Load(ctx); err != nil {
		return err
	}
	k.Journal, err = state.Journal(ctx)
	return err
}

// since says what of an earlier content is gone or went back.
func (k kept) since(before kept) error {
	record, was := k.Saved.Record, before.Saved.Record
	switch {
	case k.Version.Compare(before.Version) < 0:
		return fmt.Errorf("the snapshot went back from %s to %s", before.Version, k.Version)
	case k.Saved.Highest < before.Saved.Highest:
		return fmt.Errorf("the highest number went back from %d to %d", before.Saved.Highest, k.Saved.Highest)
	case zone.Compare(record, was) < 0:
		return fmt.Errorf("the zone record went back from %d (term %d) to %d (term %d)", was.Number, was.Term, record.Number, record.Term)
	}
	for _, r := range before.Journal {
		if !slices.ContainsFunc(k.Journal, func(o broker.Record) bool { return sameLaunch(o, r) }) {
			return fmt.Errorf("the journal of %d records has lost the launch %+v", len(k.Journal), r)
		}
	}
	return nil
}

func sameLaunch(a, b broker.Record) bool {
	return a.Kind == b.Kind && a.Session == b.Session && a.User == b.User && a.Machine == b.Machine
}

// litter are the files in a data folder that a connector at rest does not need.
func litter(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var found, snapshots []string
	for _, e := range entries {
		switch name := e.Name(); {
		case strings.HasPrefix(name, "site-"):
			snapshots = append(snapshots, name)
		case !slices.Contains([]string{"CURRENT", "LOCK", "state.db", "state.db-wal", "state.db-shm", "admin.token"}, name):
			found = append(found, name)
		}
	}
	if len(snapshots) > 2 {
		found = append(found, snapshots...)
	}
	return found
}
