package localdb_test

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"understudy/broker"
	"understudy/datadir"
	"understudy/env"
	"understudy/events"
	"understudy/localdb"
	"understudy/zone"
)

// released is a copy of a folder that an earlier release left.
func released(t testing.TB, release string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), release)
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "testdata", "releases", release, "connector"))); err != nil {
		t.Fatal(err)
	}
	return dir
}

func releases(t testing.TB) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join("..", "testdata", "releases"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	if len(names) < 3 {
		t.Fatalf("there are folders of %v only", names)
	}
	return names
}

func stampOf(t testing.TB, dir string) int {
	t.Helper()
	s, err := datadir.ReadStamp(filepath.Join(dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	return s.Version
}

// "Configuration and on-disk formats carry versions; an older one is migrated": what
// connectors of earlier releases left, killed in an outage, is used with all that is
// in it.
func TestFoldersOfEarlierReleases(t *testing.T) {
	for _, release := range releases(t) {
		t.Run(release, func(t *testing.T) {
			dir := released(t, release)
			if was := stampOf(t, dir); was != 1 {
				t.Fatalf("the folder has schema %d, want 1", was)
			}
			if err := localdb.CheckFolder(dir); err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second time there is nothing to migrate
				s := openState(t, dir)
				knowsOutage(t, s)
				if err := s.SavePeaks(t.Context(), []broker.Peak{{Day: "2026-11-22", Sessions: 2}}); err != nil {
					t.Error(err)
				}
				closed(t, s, dir)
				if got := stampOf(t, dir); got != localdb.StateSchema {
					t.Errorf("the state database has schema %d now, want %d", got, localdb.StateSchema)
				}
			}
			snapshots, findings := open(t, dir)
			c, ok := snapshots.Current()
			if !ok || len(findings) > 0 {
				t.Fatalf("there is no snapshot, or something about it: %v", findings)
			}
			defer c.Release()
			if n := len(c.Index.Site().Machines); n != 3 {
				t.Errorf("the snapshot has %d machines, want 3", n)
			}
		})
	}
}

// knowsOutage looks for the outage in which the folder was left.
func knowsOutage(t testing.TB, s *localdb.State) {
	t.Helper()
	saved, err := s.Load(t.Context())
	if err != nil || saved.Record.Mode != zone.ExtendedHA || saved.Highest < 3 {
		t.Errorf("record %+v with highest %d (%v), want that of the outage", saved.Record, saved.Highest, err)
	}
	records, err := s.Records(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var users []string
	for _, r := range records {
		if r.Kind == broker.Launched {
			users = append(users, r.User)
		}
	}
	if diff := cmp.Diff([]string{"bob", "carol"}, slices.Compact(slices.Sorted(slices.Values(users)))); diff != "" {
		t.Errorf("launches of the outage (-want +got):\n%s", diff)
	}
}

// A migration that is cut off after any part of what it writes leaves the old file or
// the new one, and the next start goes on from there.
func TestInterruptedMigration(t *testing.T) {
	dir := released(t, "d22c306")
	before := len(readFile(t, filepath.Join(dir, "state.db-wal")))
	s := openState(t, dir)
	killed := crashed(t, dir)
	closed(t, s, dir)
	log := readFile(t, filepath.Join(killed, "state.db-wal"))
	found := map[int]int{}
	for size := before; size <= len(log)+511; size += 512 {
		cut := filepath.Join(t.TempDir(), "cut")
		if err := os.CopyFS(cut, os.DirFS(killed)); err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(cut, "state.db-wal"), log[:min(size, len(log))])
		found[stampOf(t, cut)]++
		s := openState(t, cut)
		knowsOutage(t, s)
		if err := s.SaveDesktops(t.Context(), nil); err != nil {
			t.Errorf("cut at %d: %v", size, err)
		}
		closed(t, s, cut)
		if got := stampOf(t, cut); got != localdb.StateSchema {
			t.Errorf("cut at %d: schema %d after the next start, want %d", size, got, localdb.StateSchema)
		}
	}
	if found[1] == 0 || found[localdb.StateSchema] == 0 || len(found) != 2 {
		t.Errorf("cuts left schemas %v, want 1 and %d", found, localdb.StateSchema)
	}
}

// "A newer one is refused with a clear message and nothing is touched".
func TestNewerFoldersAreRefused(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, dir string) (file string, version, known int){
		"state database":             newerState,
		"state database, in its log": newerLog,
		"CURRENT":                    newerCurrent,
		"snapshot":                   newerSnapshot,
	} {
		t.Run(name, func(t *testing.T) {
			dir := folderOfNow(t)
			file, version, known := change(t, dir)
			before := content(t, dir)
			open := map[string]func() error{"check": func() error { return localdb.CheckFolder(dir) }}
			if strings.HasPrefix(name, "state") {
				open["to use"] = func() error {
					_, err := localdb.OpenState(dir, localdb.StateOptions{Env: env.Real(), Origin: "a"})
					return err
				}
				open["to read"] = func() error { _, err := localdb.OpenStateReadOnly(dir); return err }
			} else {
				open["snapshots"] = func() error { _, _, err := localdb.OpenSnapshots(dir, env.Real()); return err }
			}
			for how, try := range open {
				err := try()
				newer, ok := errors.AsType[*datadir.NewerError](err)
				if !ok || newer.File != filepath.Join(dir, file) || newer.Version != version || newer.Known != known || newer.Remedy == "" {
					t.Errorf("%s: error %v, want a refusal of %s with versions %d and %d and a remedy", how, err, file, version, known)
				}
				if diff := cmp.Diff(before, content(t, dir)); diff != "" {
					t.Errorf("%s: the folder is not as it was (-want +got):\n%s", how, diff)
				}
			}
		})
	}
}

// folderOfNow has a state database and a snapshot of the present formats.
func folderOfNow(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	snapshots, _ := open(t, dir)
	if err := snapshots.Swap(build(t, snapshots, version(1))); err != nil {
		t.Fatal(err)
	}
	closed(t, openState(t, dir), dir)
	return dir
}

func newerState(t *testing.T, dir string) (string, int, int) {
	t.Helper()
	path := filepath.Join(dir, "state.db")
	writeFile(t, path, edited(t, readFile(t, path), fmt.Sprintf("PRAGMA user_version = %d", localdb.StateSchema+1)))
	return "state.db", localdb.StateSchema + 1, localdb.StateSchema
}

// newerLog leaves the version in the log only, as a kill of the newer version does.
func newerLog(t *testing.T, dir string) (string, int, int) {
	t.Helper()
	writer := t.TempDir()
	path := filepath.Join(writer, "state.db")
	writeFile(t, path, readFile(t, filepath.Join(dir, "state.db")))
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(t.Context(), fmt.Sprintf("PRAGMA journal_mode = WAL; PRAGMA user_version = %d; CREATE TABLE later (a)", localdb.StateSchema+2)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"state.db", "state.db-wal"} {
		writeFile(t, filepath.Join(dir, name), readFile(t, filepath.Join(writer, name)))
	}
	if b := readFile(t, filepath.Join(dir, "state.db")); b[63] != localdb.StateSchema {
		t.Fatalf("the database itself has version %d already", b[63])
	}
	return "state.db", localdb.StateSchema + 2, localdb.StateSchema
}

func newerCurrent(t *testing.T, dir string) (string, int, int) {
	t.Helper()
	line := []byte(`{"format":2,"files":{"later":true}}`)
	sum := sha256.Sum256(line)
	writeFile(t, filepath.Join(dir, "CURRENT"), append(append(line, '\n'), hex.EncodeToString(sum[:])+"\n"...))
	return "CURRENT", 2, localdb.CurrentFormat
}

// newerSnapshot is one that CURRENT does not name yet.
func newerSnapshot(t *testing.T, dir string) (string, int, int) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "site-*.db"))
	if err != nil || len(found) != 1 {
		t.Fatalf("snapshots %v (%v), want one", found, err)
	}
	b := edited(t, readFile(t, found[0]), fmt.Sprintf("PRAGMA user_version = %d", localdb.SnapshotSchema+1))
	writeFile(t, filepath.Join(dir, "site-20270101T000000Z-abcd-1-later.db"), b)
	return "site-20270101T000000Z-abcd-1-later.db", localdb.SnapshotSchema + 1, localdb.SnapshotSchema
}

// A damaged file is not taken for a newer one: the generation before it serves.
func TestDamageIsNoNewerVersion(t *testing.T) {
	dir := t.TempDir()
	s, _ := open(t, dir)
	for n := range uint64(2) {
		if err := s.Swap(build(t, s, version(n+1))); err != nil {
			t.Fatal(err)
		}
	}
	shut(t, s)
	found, err := filepath.Glob(filepath.Join(dir, "site-*-2-*.db"))
	if err != nil || len(found) != 1 {
		t.Fatalf("snapshots of version 2: %v (%v), want one", found, err)
	}
	path := found[0]
	b := readFile(t, path)
	b[60] = 1 // of the version in the header
	writeFile(t, path, b)
	again, findings := open(t, dir)
	c, ok := again.Current()
	if !ok || c.Version != version(1) || len(findings) != 1 || findings[0].Event != events.SnapshotFallback {
		t.Fatalf("got findings %v, want the generation before", findings)
	}
	c.Release()
}

// content is all that is in a folder.
func content(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		all[path] = bytes.Clone(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
