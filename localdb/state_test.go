package localdb_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"understudy/broker"
	"understudy/env"
	"understudy/localdb"
	"understudy/site"
	"understudy/wire"
	"understudy/zone"
)

func openState(t testing.TB, dir string) *localdb.State {
	t.Helper()
	s, err := localdb.OpenState(dir, localdb.StateOptions{Env: env.Real(), Origin: "cc01.example.test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, s, dir) })
	return s
}

// crashed copies a data folder as a kill -9 leaves it: with the log that was not
// yet copied into the database.
func crashed(t testing.TB, dir string) string {
	t.Helper()
	to := t.TempDir()
	for _, name := range files(t, dir, "state.db") {
		if !strings.HasSuffix(name, "-shm") {
			writeFile(t, filepath.Join(to, name), readFile(t, filepath.Join(dir, name)))
		}
	}
	return to
}

func TestSavedSurvives(t *testing.T) {
	dir := t.TempDir()
	s := openState(t, dir)
	if got, err := s.Load(t.Context()); err != nil || !cmp.Equal(got, localdb.Saved{}) {
		t.Fatalf("a new database holds %+v (%v)", got, err)
	}
	at := time.Date(2026, 3, 4, 5, 6, 7, 8, time.UTC)
	want := localdb.Saved{
		Record: zone.Record{
			Number: 12, Term: 9, Writer: "cc01.example.test", Outage: "o1", Mode: zone.ExtendedHA, Since: at,
			Reason: "forced", Force: &zone.Force{By: "ann", Reason: "drill", At: at},
		},
		Highest: 40, FrontActivity: at.Add(time.Hour),
		Connectors: wire.ConnectorList{Version: version(3), Connectors: []site.Connector{{FQDN: "cc01.example.test", Zone: "berlin"}}},
	}
	for _, err := range []error{
		s.SaveRecord(t.Context(), want.Record, 40),
		s.SaveFrontActivity(t.Context(), want.FrontActivity),
		s.SaveConnectors(t.Context(), want.Connectors),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, folder := range map[string]string{"killed": crashed(t, dir), "closed": closed(t, s, dir)} {
		got, err := openState(t, folder).Load(t.Context())
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v, -want +got:\n%s", name, err, diff)
		}
	}
}

func closed(t testing.TB, s *localdb.State, dir string) string {
	t.Helper()
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// The highest number ever seen never goes down (design 4).
func TestHighestNeverFalls(t *testing.T) {
	s := openState(t, t.TempDir())
	steps := []struct {
		do   func() error
		want uint64
	}{
		{func() error { return s.SaveHighest(t.Context(), 10) }, 10},
		{func() error { return s.SaveHighest(t.Context(), 5) }, 10},
		{func() error { return s.SaveRecord(t.Context(), zone.Record{Number: 3}, 4) }, 10},
		{func() error { return s.SaveRecord(t.Context(), zone.Record{Number: 11}, 4) }, 11},
		{func() error { return s.SaveRecord(t.Context(), zone.Record{Number: 11, Term: 12}, 0) }, 12},
		{func() error { return s.SaveHighest(t.Context(), 1<<64-1) }, 1<<64 - 1},
	}
	for i, step := range steps {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Load(t.Context()); err != nil || got.Highest != step.want {
			t.Errorf("step %d: highest %d (%v), want %d", i, got.Highest, err, step.want)
		}
	}
}

// Design 7: a durable record is on the disk before Record returns, and has a name.
func TestJournalSurvives(t *testing.T) {
	dir := t.TempDir()
	s := openState(t, dir)
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	launch := broker.Record{Kind: broker.Launched, At: at, Machine: "vda1.example.test", User: "ann", Session: "s1", Resource: "desktop:Staff"}
	used := broker.Record{Kind: broker.UsedMark, At: at, Machine: "vda1.example.test", Used: true}
	soft := broker.Record{Kind: broker.Registered, At: at, Machine: "vda1.example.test"}
	if err := s.Record(t.Context(), []broker.Record{launch, soft, used}); err != nil {
		t.Fatal(err)
	}
	if err := s.Record(t.Context(), []broker.Record{soft}); err != nil {
		t.Fatal(err)
	}
	for i, r := range []*broker.Record{&launch, &used} {
		r.Origin, r.Journal, r.Sequence = "cc01.example.test", s.JournalID(), uint64(i)+1
	}
	want := []broker.Record{launch, used}
	for name, folder := range map[string]string{"killed": crashed(t, dir), "closed": closed(t, s, dir)} {
		again := openState(t, folder)
		got, err := again.Journal(t.Context())
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v, -want +got:\n%s", name, err, diff)
		}
		if err := again.Record(t.Context(), []broker.Record{{Kind: broker.LoggedOff, Session: "s1"}}); err != nil {
			t.Fatal(err)
		}
		got, err = again.Journal(t.Context())
		if err != nil || len(got) != 3 || got[2].Sequence != 3 || got[2].Journal != again.JournalID() || got[2].At.IsZero() {
			t.Errorf("%s: the next record is %+v (%v)", name, got, err)
		}
	}
	if other := openState(t, t.TempDir()); other.JournalID() == s.JournalID() || len(s.JournalID()) < 16 {
		t.Errorf("journals %q and %q, want two long random names", s.JournalID(), other.JournalID())
	}
}

// Many callers at once each get their own records recorded, in their order.
func TestConcurrentRecords(t *testing.T) {
	const callers, each = 32, 10
	s := openState(t, t.TempDir())
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			for n := range each {
				r := broker.Record{Kind: broker.Launched, User: fmt.Sprint(caller), Session: fmt.Sprint(n)}
				if err := s.Record(t.Context(), []broker.Record{r}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	got, err := s.Journal(t.Context())
	if err != nil || len(got) != callers*each {
		t.Fatalf("%d records (%v), want %d", len(got), err, callers*each)
	}
	next := map[string]int{}
	for i, r := range got {
		if r.Sequence != uint64(i)+1 || r.Session != fmt.Sprint(next[r.User]) {
			t.Fatalf("record %d is %+v, want session %d of its caller", i, r, next[r.User])
		}
		next[r.User]++
	}
}

func TestStateSettings(t *testing.T) {
	dir := t.TempDir()
	s := openState(t, dir)
	got, err := localdb.SettingsOf(s, "journal_mode", "synchronous", "busy_timeout", "user_version")
	want := map[string]string{"journal_mode": "wal", "synchronous": "2", "busy_timeout": "2000", "user_version": "2"}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
	if err := errors.Join(s.Probe(t.Context()), s.ProbeRoom(t.Context())); err != nil {
		t.Errorf("probe: %v", err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	for _, name := range files(t, dir, "") {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v (%v), want 0600", name, info.Mode(), err)
		}
	}
}

// A database that is not ours or cut is refused, and left as it is.
func TestStateRefused(t *testing.T) {
	good := t.TempDir()
	s := openState(t, good)
	for n := range 300 {
		if err := s.Record(t.Context(), []broker.Record{{Kind: broker.Launched, Session: fmt.Sprint(n), Reason: strings.Repeat("x", 200)}}); err != nil {
			t.Fatal(err)
		}
	}
	closed(t, s, good)
	whole := readFile(t, filepath.Join(good, "state.db"))
	hole := append([]byte{}, whole...)
	copy(hole[8192:], make([]byte, 8192))
	cases := map[string]struct {
		content []byte
		want    error
	}{
		"empty":           {nil, localdb.ErrDamaged},
		"text":            {[]byte("hello"), localdb.ErrDamaged},
		"header only":     {whole[:100], localdb.ErrDamaged},
		"cut":             {whole[:len(whole)/2], localdb.ErrDamaged},
		"a hole":          {hole, localdb.ErrDamaged},
		"another program": {otherProgram(t), localdb.ErrDamaged},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "state.db")
			writeFile(t, path, c.content)
			for how, open := range map[string]func() (*localdb.State, error){
				"to use": func() (*localdb.State, error) {
					return localdb.OpenState(dir, localdb.StateOptions{Env: env.Real(), Origin: "a"})
				},
				"to read": func() (*localdb.State, error) { return localdb.OpenStateReadOnly(dir) },
			} {
				_, err := open()
				if !errors.Is(err, c.want) || !strings.Contains(err.Error(), path) {
					t.Errorf("%s: error %v, want %v with the file's name", how, err, c.want)
				}
			}
			if got := readFile(t, path); len(got) != len(c.content) {
				t.Errorf("the file has %d bytes now, had %d", len(got), len(c.content))
			}
		})
	}
}

func otherProgram(t *testing.T) []byte {
	t.Helper()
	return edited(t, nil, "PRAGMA application_id = 7; CREATE TABLE saved (key TEXT, value TEXT)")
}

// edited returns a database after a statement.
func edited(t *testing.T, content []byte, statement string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "edited.db")
	writeFile(t, path, content)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return readFile(t, path)
}

func TestReadOnlyState(t *testing.T) {
	dir := t.TempDir()
	if _, err := localdb.OpenStateReadOnly(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an empty folder: %v, want that the file does not exist", err)
	}
	s := openState(t, dir)
	if err := s.Record(t.Context(), []broker.Record{{Kind: broker.Launched}}); err != nil {
		t.Fatal(err)
	}
	killed := crashed(t, dir)
	for name, folder := range map[string]string{"running": dir, "killed": killed} {
		r, err := localdb.OpenStateReadOnly(folder)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got, err := r.Journal(t.Context()); err != nil || len(got) != 1 {
			t.Errorf("%s: journal %v (%v), want one record", name, got, err)
		}
		if err := r.SaveHighest(t.Context(), 1); !errors.Is(err, localdb.ErrReadOnly) {
			t.Errorf("%s: a write: %v, want that it is refused", name, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestStateAfterClose(t *testing.T) {
	s := openState(t, t.TempDir())
	closed(t, s, "")
	if err := s.SaveHighest(t.Context(), 1); !errors.Is(err, localdb.ErrClosed) {
		t.Errorf("error %v, want closed", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := openState(t, t.TempDir()).SaveHighest(ended, 1); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want none or cancelled", err)
	}
}

func TestStateOptions(t *testing.T) {
	if _, err := localdb.OpenState(t.TempDir(), localdb.StateOptions{Env: env.Real()}); err == nil || !strings.Contains(err.Error(), "Origin") {
		t.Errorf("error %v, want one that names Origin", err)
	}
}
