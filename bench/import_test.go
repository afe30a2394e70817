//go:build linux

package bench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"understudy/env"
	"understudy/localdb"
	"understudy/site"
	"understudy/wire"
)

// measureImport compares the whole pipeline with the sqlite3 command that reads the
// same rows.
func measureImport(l *lab) {
	name, limit := "import: stream → decoded, built, verified, fsynced, swapped, indexed", atMost(0.6)
	const against = "sqlite3 command, json_each(readfile())"
	sqlite, lacks := installed("sqlite3", "sqlite3")
	s := bigSite(*options.machines, site.Connector{FQDN: "cc01.bench.test", Zone: "berlin", ClientURL: "http://127.0.0.1:7480", PeerURL: "http://127.0.0.1:7489"})
	dir := l.folder()
	streamed := filepath.Join(dir, "stream")
	must(os.WriteFile(streamed, stream(s, 1), 0o600))
	writeJSON(dir, "site.json", s)
	must(os.WriteFile(filepath.Join(dir, "import.sql"), []byte(importSQL), 0o600))
	var p pairs
	var more []float64
	for range *options.rounds {
		got := l.importOnce(streamed)
		more = append(more, got.Memory)
		if lacks != "" {
			p.ours = append(p.ours, got.Seconds)
			continue
		}
		p.add(got.Seconds, importSQLite(sqlite, dir))
	}
	if lacks == "" {
		l.table.add(row{Name: name, Value: median(p.ours), Unit: "s", Against: fmt.Sprintf("%s: %.2f s", against, median(p.peer)), Ratio: p.ratio()}, limit)
	} else {
		l.table.missing(name, against, lacks, limit)
	}
	l.table.add(row{Name: "import: more memory", Value: median(more), Unit: "MB", Against: "the process before it"}, noMoreThan(100, "MB"))
}

func (l *lab) importOnce(streamed string) imported {
	cmd := exec.Command(need(os.Executable()), streamed, l.folder())
	cmd.Env = append(os.Environ(), roleEnv+"=import")
	cmd.Stderr = os.Stderr
	var got imported
	must(json.Unmarshal(need(cmd.Output()), &got))
	return got
}

func importSQLite(sqlite, dir string) float64 {
	_ = os.Remove(filepath.Join(dir, "peer.db"))
	cmd := exec.Command(sqlite, "peer.db", ".read import.sql")
	cmd.Dir = dir
	began := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		panic(stop{fmt.Errorf("sqlite3: %w: %s", err, out)})
	}
	return time.Since(began).Seconds()
}

// importSQL makes our tables from the site as one JSON document, without verifying
// or syncing anything.
const importSQL = `PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;
BEGIN;
CREATE TABLE doc(j);
INSERT INTO doc VALUES (readfile('site.json'));
CREATE TABLE delivery_groups(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, desktop TEXT NOT NULL);
INSERT INTO delivery_groups SELECT key, value->>'name', value->>'kind', value->>'desktop' FROM doc, json_each(doc.j, '$.groups');
CREATE TABLE machines(id INTEGER PRIMARY KEY, name TEXT NOT NULL, delivery_group TEXT NOT NULL, zone TEXT NOT NULL, assigned_user TEXT, capacity INTEGER, weight INTEGER, maintenance INTEGER);
INSERT INTO machines SELECT key, value->>'name', value->>'group', value->>'zone', value->>'assigned_user', value->>'capacity', value->>'weight', value->>'maintenance' FROM doc, json_each(doc.j, '$.machines');
CREATE TABLE applications(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, command TEXT NOT NULL);
INSERT INTO applications SELECT key, value->>'name', value->>'command' FROM doc, json_each(doc.j, '$.applications');
CREATE TABLE application_groups(owner INTEGER, position INTEGER, name TEXT, PRIMARY KEY(owner, position)) WITHOUT ROWID;
INSERT INTO application_groups SELECT a.key, g.key, g.value FROM doc, json_each(doc.j, '$.applications') a, json_each(a.value, '$.groups') g;
CREATE TABLE users(id INTEGER PRIMARY KEY, name TEXT NOT NULL, member_of TEXT NOT NULL);
INSERT INTO users SELECT key, value->>'name', value->'groups' FROM doc, json_each(doc.j, '$.users');
CREATE TABLE entitlements(id INTEGER PRIMARY KEY, user TEXT, user_group TEXT, desktop TEXT, application TEXT);
INSERT INTO entitlements SELECT key, value->>'user', value->>'user_group', value->>'desktop', value->>'application' FROM doc, json_each(doc.j, '$.entitlements');
DROP TABLE doc;
COMMIT;
`

// measureReaders reads without a pause while another version is imported and
// swapped.
func measureReaders(l *lab) {
	s := bigSite(*options.machines, site.Connector{FQDN: "cc01.bench.test", Zone: "berlin", ClientURL: "http://127.0.0.1:7480", PeerURL: "http://127.0.0.1:7489"})
	snapshots, _, err := localdb.OpenSnapshots(l.folder(), env.Real())
	must(err)
	defer func() { _ = snapshots.Close() }()
	swap := func(number uint64) {
		reader := need(wire.NewConfigReader(bytes.NewReader(stream(s, number))))
		must(snapshots.Swap(need(snapshots.Build(context.Background(), reader, "bench"))))
	}
	swap(1)
	var stopped atomic.Bool
	var failed, reads atomic.Int64
	var stalls []time.Duration
	var readers sync.WaitGroup
	readers.Go(func() {
		for i := 0; !stopped.Load(); i++ {
			began := time.Now()
			current, ok := snapshots.Current()
			if !ok {
				failed.Add(1)
				continue
			}
			if _, ok := current.Index.Machine(machineName(i % *options.machines)); !ok {
				failed.Add(1)
			}
			current.Release()
			reads.Add(1)
			stalls = append(stalls, time.Since(began))
		}
	})
	for range *options.rounds {
		s.Machines[0].Capacity++
		swap(uint64(s.Machines[0].Capacity))
	}
	stopped.Store(true)
	readers.Wait()
	slices.Sort(stalls)
	against := fmt.Sprintf("%d reads during %d imports and swaps, the longest %s ms", reads.Load(), *options.rounds, short(ms(stalls[len(stalls)-1])))
	l.table.add(row{Name: "readers during import and swap: failed reads", Value: float64(failed.Load()), Unit: "reads", Against: against}, noMoreThan(0, "reads"))
	l.table.add(row{Name: "readers during import and swap: p99 stall", Value: float64(stalls[len(stalls)*99/100].Nanoseconds()) / 1e6, Unit: "ms", Against: against}, noMoreThan(1, "ms"))
}
