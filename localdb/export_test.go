package localdb

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"understudy/env"
	"understudy/site"
)

// ErrCrash is what a CrashingDisk answers after its end.
var ErrCrash = errors.New("the power is gone")

// CrashingDisk does Left steps and then nothing any more, as after a crash. With
// Half set it writes half of a file at the step at which it stops.
type CrashingDisk struct {
	Left  int
	Half  bool
	Steps []string
}

func (d *CrashingDisk) step(name, path string, do func() error) error {
	d.Steps = append(d.Steps, name+" "+filepath.Base(path))
	if d.Left--; d.Left < 0 {
		return ErrCrash
	}
	return do()
}

func (d *CrashingDisk) create(path string) error {
	return d.step("create", path, func() error { return realDisk{}.create(path) })
}

func (d *CrashingDisk) copy(from, to string) (sum string, err error) {
	err = d.step("copy to", to, func() error {
		sum, err = realDisk{}.copy(from, to)
		return err
	})
	if d.Half && d.Left == -1 {
		whole, readErr := os.ReadFile(from)
		err = errors.Join(err, readErr, realDisk{}.write(to, whole[:len(whole)/2]))
	}
	return sum, err
}

func (d *CrashingDisk) write(path string, content []byte) error {
	err := d.step("write", path, func() error { return realDisk{}.write(path, content) })
	if d.Half && d.Left == -1 {
		err = errors.Join(err, realDisk{}.write(path, content[:len(content)/2]))
	}
	return err
}

func (d *CrashingDisk) syncFile(path string) error {
	return d.step("sync file", path, func() error { return realDisk{}.syncFile(path) })
}

func (d *CrashingDisk) syncFolder(dir string) error {
	return d.step("sync folder", dir, func() error { return realDisk{}.syncFolder(dir) })
}

func (d *CrashingDisk) rename(from, to string) error {
	return d.step("rename to", to, func() error { return realDisk{}.rename(from, to) })
}

func (d *CrashingDisk) remove(path string) error {
	return d.step("remove", path, func() error { return realDisk{}.remove(path) })
}

// OpenSnapshotsOn is OpenSnapshots over such a disk.
func OpenSnapshotsOn(dir string, e env.Env, d *CrashingDisk) (*Snapshots, []Finding, error) {
	return openSnapshots(newSnapshots(dir, e, d))
}

// Group commits strings, to test the writer without a database.
type Group struct{ w *writer[string] }

// StartGroup starts a writer.
func StartGroup(commit func([]string) []error) Group { return Group{startWriter(commit)} }

// Do writes one string.
func (g Group) Do(ctx context.Context, s string) error { return g.w.do(ctx, s) }

// Queued is how many wait for the next commit.
func (g Group) Queued() int { return len(g.w.queue) }

// Stop ends the writer.
func (g Group) Stop() { g.w.stop() }

// SettingsOf reads back settings of the state database.
func SettingsOf(s *State, names ...string) (map[string]string, error) {
	got := map[string]string{}
	for _, name := range names {
		v, err := pragma(context.Background(), s.writes, name)
		if err != nil {
			return nil, err
		}
		got[name] = v
	}
	return got, nil
}

// CompareLong holds the long tables of a file to a site.
func CompareLong(ctx context.Context, path string, s *site.Site) error {
	db, err := openWritten(path)
	if err != nil {
		return err
	}
	return errors.Join(sameLong(ctx, db, s), db.Close())
}

// CompareTouched holds some rows of a file to a site, and the number of all.
func CompareTouched(ctx context.Context, path string, s *site.Site, touched map[string][]int) error {
	db, err := openWritten(path)
	if err != nil {
		return err
	}
	return errors.Join(sameTouched(ctx, db, step{next: s, touched: touched}), db.Close())
}

// VerifyFile looks over a file as one of which nothing is known, and returns its site.
func VerifyFile(ctx context.Context, path string) (*site.Site, error) {
	db, c, err := verify(ctx, path)
	if err != nil {
		return nil, err
	}
	return all(c.site, c.out), db.Close()
}
