//go:build linux

package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"understudy/events"
	"understudy/wire"
	"understudy/zone"
)

// "A corrupted snapshot file at start: fallback, event." Without a generation that
// can be used the connector says so, and its next sync mends it.
func TestCorruptedSnapshotAtStart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		damage func(t *testing.T, file string)
	}{
		{"truncated", func(t *testing.T, file string) { t.Helper(); must(t, os.Truncate(file, 5000)) }},
		{"empty", func(t *testing.T, file string) { t.Helper(); must(t, os.Truncate(file, 0)) }},
		{"a byte", flipByte},
		{"removed", func(t *testing.T, file string) { t.Helper(); must(t, os.Remove(file)) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newPlainStand(t, 1)
			m := newImpostor(t, s)
			s.up()
			cc := s.zone[0]
			older := cc.version()
			s.apply()
			cc.takes(t, older)
			newest := cc.newest(t)

			cc.Kill()
			c.damage(t, filepath.Join(cc.data(), newest.File))
			m.misbehave(fail500) // nothing is to be had from the cloud broker
			cc.start()
			cc.raised(events.SnapshotFallback, newest.File)
			if got := cc.version(); got != older {
				t.Errorf("got version %s, want the one before, %s", got, older)
			}
			m.misbehave(configured(fail500))
			s.launches("alice", "desktop:office")
			m.behave()
			cc.takes(t, older)
		})
	}
}

// NEW-06, LHC-02: what changed is not applied to a file that was damaged since it was
// verified; the whole configuration is fetched, and the one after it is a delta again.
func TestDeltaToACorruptedSnapshot(t *testing.T) {
	t.Parallel()
	s := newPlainStand(t, 1)
	s.up()
	cc := s.zone[0]
	used := cc.newest(t)
	spoil(t, filepath.Join(cc.data(), used.File))
	s.apply()
	cc.takes(t, used.Version)
	cc.raised(events.DeltaRefused, used.File)
	used = cc.newest(t)
	s.apply()
	cc.takes(t, used.Version)
	cc.raised(events.SyncStarted, "what changed since "+used.Version.String())
	if r := understudy(t, "events", "-o", "json", "-n", "1000", "--connector", "unix:"+cc.socket()); findEvent(r.Out, events.DeltaRefused, used.File) == nil {
		t.Error("what changed was not applied to a good file")
	}
	s.launches("alice", "desktop:office")
}

// TestNoSnapshotAtStart: with every generation damaged the connector runs, says
// what is missing, cannot be elected, and mends itself.
func TestNoSnapshotAtStart(t *testing.T) {
	t.Parallel()
	s := newPlainStand(t, 1)
	m := newImpostor(t, s)
	s.up()
	cc := s.zone[0]
	cc.Kill()
	must(t, os.Truncate(filepath.Join(cc.data(), cc.onlySnapshot(t)), 5000))
	m.misbehave(fail500)
	cc.start()
	cc.raised(events.NoSnapshot, "")
	_, err := ask(t, http.DefaultClient, "GET", cc.url(7480)+frontPath+"heartbeat", "")
	must(t, err) // and the gate is open (LHC-06)
	cc.admin().Reaches(step, zone.PendingHA)
	throughout(t, 3*time.Second, "PendingHA without a snapshot (LHC-12)", func() error {
		v, err := cc.admin().Status()
		if err == nil && (v.State != zone.PendingHA || v.Election.CanServe || v.Snapshot != nil) {
			return fmt.Errorf("state %s, can serve %t, snapshot %v", v.State, v.Election.CanServe, v.Snapshot)
		}
		return err
	})
	m.behave()
	s.isNormal()
	s.launches("alice", "desktop:office")
}

// newest is the snapshot in use.
func (u *unit) newest(t *testing.T) wire.SnapshotStatus {
	t.Helper()
	list, err := u.admin().client().Snapshots(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range list.Items {
		if one.State == "current" {
			return one
		}
	}
	t.Fatalf("none is current of %+v", list.Items)
	return wire.SnapshotStatus{}
}

func (u *unit) onlySnapshot(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(u.data(), "site-*.db"))
	if err != nil || len(files) != 1 {
		t.Fatalf("got snapshots %v (%v), want one", files, err)
	}
	return filepath.Base(files[0])
}

func flipByte(t *testing.T, file string) {
	t.Helper()
	content, err := os.ReadFile(file)
	must(t, err)
	content[len(content)/2] ^= 0x01
	must(t, os.WriteFile(file, content, 0o600))
}

// spoil changes a byte in the middle of a file that is in use.
func spoil(t *testing.T, file string) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	must(t, err)
	info, err := f.Stat()
	must(t, err)
	var b [1]byte
	_, err = f.ReadAt(b[:], info.Size()/2)
	must(t, err)
	b[0] ^= 0x01
	_, err = f.WriteAt(b[:], info.Size()/2)
	must(t, err)
	must(t, f.Close())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
