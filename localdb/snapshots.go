package localdb

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"understudy/env"
	"understudy/wire"
)

// Snapshots are the generations of the site in one data folder: the current one,
// which any number of readers hold, and the one before it. Only one process may
// use a folder (see Lock).
type Snapshots struct {
	dir     string
	env     env.Env
	disk    disk
	current atomic.Pointer[Snapshot]
	// turn is held by whoever changes the folder.
	turn chan struct{}

	mu       sync.Mutex      // guards what follows, never held across I/O
	inUse    map[string]bool // files that are open
	previous *wire.SnapshotStatus
	prevGen  generation
	prevHas  []wire.ContainedRecord // the records that it contains
	damaged  []wire.SnapshotStatus
	closed   bool
}

func newSnapshots(dir string, e env.Env, d disk) *Snapshots {
	return &Snapshots{dir: dir, env: e, disk: d, turn: make(chan struct{}, 1), inUse: map[string]bool{}}
}

// Current returns the snapshot in use, which the caller must release; false where
// there is none.
func (s *Snapshots) Current() (*Snapshot, bool) {
	for {
		snapshot := s.current.Load()
		if snapshot == nil {
			return nil, false
		}
		// The last reference can go between the two steps; then there is a newer one.
		if snapshot.acquire() {
			return snapshot, true
		}
	}
}

// Swap takes a built snapshot into use: it gets its name, CURRENT names it, readers
// that come from now on see it, and the one before it is retired when its last
// reader leaves. After an error nothing has changed for any reader.
func (s *Snapshots) Swap(b *Built) error {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	if s.isClosed() {
		return fmt.Errorf("swap to snapshot %s: %w", b.Version(), ErrClosed)
	}
	if !b.done.CompareAndSwap(false, true) {
		return fmt.Errorf("swap to snapshot %s: it was swapped or discarded before", b.Version())
	}
	if err := s.publish(b); err != nil {
		return fmt.Errorf("swap to snapshot %s: %w", b.Version(), err)
	}
	s.sweep()
	return nil
}

func (s *Snapshots) publish(b *Built) error {
	existing, err := siteFiles(s.dir)
	if err != nil {
		return errors.Join(err, s.disk.remove(b.path))
	}
	b.gen.File = b.fileName(func(name string) bool { return slices.Contains(existing, name) })
	path := filepath.Join(s.dir, b.gen.File)
	if err := s.disk.rename(b.path, path); err != nil {
		return errors.Join(err, s.disk.remove(b.path))
	}
	if err := s.take(b, path); err != nil {
		s.sweep() // the file goes, unless CURRENT names it after all
		return err
	}
	return nil
}

// take opens the file under its name, writes CURRENT and swaps the pointer.
func (s *Snapshots) take(b *Built, path string) error {
	if err := s.disk.syncFolder(s.dir); err != nil {
		return err
	}
	db, err := openSnapshotFile(path)
	if err != nil {
		return err
	}
	if err := db.Ping(); err != nil {
		return errors.Join(err, db.Close())
	}
	next := newSnapshot(db, b.content, b.index, b.gen, s.close)
	generations := []generation{b.gen}
	if old := s.current.Load(); old != nil {
		generations = append(generations, old.gen)
	}
	if err := writeCurrent(s.disk, s.dir, generations); err != nil {
		return errors.Join(err, db.Close())
	}
	s.replace(next)
	return nil
}

func (s *Snapshots) replace(next *Snapshot) {
	old := s.current.Load()
	s.mu.Lock()
	s.inUse[next.gen.File] = true
	s.damaged, s.previous = nil, nil
	if old != nil {
		status := old.status // by itself: a pointer into the snapshot would keep its whole site in memory
		s.previous, s.prevGen, s.prevHas = &status, old.gen, old.Records
	}
	s.mu.Unlock()
	s.current.Store(next)
	if old != nil {
		old.Release()
	}
}

// close ends a snapshot that has no reader any more. Its file goes at the next
// sweep, unless it is the generation that is kept.
func (s *Snapshots) close(old *Snapshot) {
	_ = old.db.Close() // nothing was written
	s.mu.Lock()
	delete(s.inUse, old.gen.File)
	s.mu.Unlock()
	select {
	case s.turn <- struct{}{}:
		s.sweep()
		<-s.turn
	default: // a swap is under way, which sweeps when it is done
	}
}

// sweep removes the snapshot files that nothing names and nobody reads. What it
// cannot remove now, a later one does.
func (s *Snapshots) sweep() {
	named, err := readCurrent(s.dir)
	if err != nil {
		return
	}
	files, err := siteFiles(s.dir)
	if err != nil {
		return
	}
	for _, file := range files {
		if !s.keeps(file) && !slices.ContainsFunc(named, func(g generation) bool { return g.File == file }) {
			_ = s.disk.remove(filepath.Join(s.dir, file))
		}
	}
}

// keeps reports whether a file is open, one of the generations, or was found
// damaged at the start: that one stays until there is a newer good one.
func (s *Snapshots) keeps(file string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inUse[file] || s.previous != nil && s.prevGen.File == file ||
		slices.ContainsFunc(s.damaged, func(d wire.SnapshotStatus) bool { return d.File == file })
}

func (s *Snapshots) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// List describes the generations: the current one, the one before it, and what
// was found damaged at the start.
func (s *Snapshots) List() []wire.SnapshotStatus {
	now := s.env.Now()
	var list []wire.SnapshotStatus
	if current, ok := s.Current(); ok {
		list = append(list, describe(current.status, "current", now))
		current.Release()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.previous != nil {
		list = append(list, describe(*s.previous, "previous", now))
	}
	for _, d := range s.damaged {
		list = append(list, describe(d, "damaged", now))
	}
	return list
}

// Contained are the records that each kept generation contains: what is safe also
// after a roll-back.
func (s *Snapshots) Contained() []wire.ContainedRecord {
	current, ok := s.Current()
	if !ok {
		return nil
	}
	defer current.Release()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.previous == nil {
		return current.Records
	}
	var list []wire.ContainedRecord
	for _, c := range current.Records {
		for _, p := range s.prevHas {
			if p.Journal == c.Journal {
				c.Sequence = min(c.Sequence, p.Sequence)
				list = append(list, c)
			}
		}
	}
	return list
}

// Close ends the use of the folder; readers keep what they hold until they
// release it.
func (s *Snapshots) Close() error {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	if old := s.current.Swap(nil); old != nil {
		old.Release()
	}
	return nil
}
