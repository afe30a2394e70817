package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const (
	// slowest is how long a write may take until it is on the disk.
	slowest = 100 * time.Millisecond
	// leastRoom is for two copies of a site that nobody has seen yet.
	leastRoom = 64 << 20
	// recordBytes is what a record of an outage takes in the state database, with room to spare.
	recordBytes = 1 << 10
	// probeName begins the name of the file that is written and removed; what a crash
	// leaves of it is swept by the process with what is left of imports.
	probeName = "building-probe-doctor-"
)

// diskFacts are those of a data folder.
type diskFacts struct {
	dir    string
	exists bool
	mode   fs.FileMode
	// free is the room on its disk; sized says that it is known.
	free  uint64
	sized bool
	// system is the kind of file system, if it is one that makes a difference.
	system   fileSystem
	snapshot int64 // the largest there is
	err      error // of the probe
	synced   time.Duration
}

// fileSystem is a kind of file system that makes a difference.
type fileSystem struct {
	name             string
	remote, volatile bool
}

func (p *patient) disk(journal int) look {
	return func(context.Context) []Finding { return judgeDisk(gatherDisk(p.data), journal) }
}

// gatherDisk looks at the folder, or, before the first start, at where it will be made.
func gatherDisk(dir string) diskFacts {
	f := diskFacts{dir: dir}
	info, err := os.Stat(dir)
	switch {
	case err == nil:
		f.exists, f.mode = true, info.Mode()
		f.snapshot = largest(dir)
		f.synced, f.err = probe(dir)
	case !errors.Is(err, fs.ErrNotExist):
		f.err = err
	default:
		dir = nearest(dir)
		f.err = mayWrite(dir)
	}
	f.free, f.system, f.sized = volumeOf(dir)
	return f
}

// nearest is the folder above that exists.
func nearest(dir string) string {
	for {
		parent := filepath.Dir(dir)
		if _, err := os.Stat(parent); err == nil || parent == dir {
			return parent
		}
		dir = parent
	}
}

func largest(dir string) int64 {
	files, _ := filepath.Glob(filepath.Join(dir, "site-*.db")) // the pattern is good
	var most int64
	for _, name := range files {
		if info, err := os.Stat(name); err == nil {
			most = max(most, info.Size())
		}
	}
	return most
}

// probe writes a small file to the disk and removes it.
func probe(dir string) (synced time.Duration, err error) {
	f, err := os.CreateTemp(dir, probeName+"*")
	if err != nil {
		return 0, err
	}
	began := time.Now()
	_, err = f.Write(make([]byte, 4096))
	err = errors.Join(err, f.Sync())
	synced = time.Since(began)
	return synced, errors.Join(err, f.Close(), os.Remove(f.Name()))
}

func judgeDisk(f diskFacts, journal int) []Finding {
	at := places{"path": f.dir}
	if !f.exists && f.err != nil {
		return []Finding{found("folder_missing", f.dir, f.err.Error(), at)}
	}
	var out []Finding
	add := func(name, format string, args ...any) {
		out = append(out, found(name, f.dir, fmt.Sprintf(format, args...), at))
	}
	if f.exists && modesCount && f.mode.Perm()&0o077 != 0 {
		add("folder_open", "its mode is %04o", f.mode.Perm())
	}
	if f.system.remote {
		add("disk_remote", "it is on %s", f.system.name)
	}
	if f.system.volatile {
		add("disk_volatile", "it is on %s", f.system.name)
	}
	out = append(out, f.room(journal)...)
	switch {
	case f.err != nil:
		add("not_writable", "%v", f.err)
	case f.synced > slowest:
		add("disk_slow", "4 KiB took %s", f.synced.Round(time.Millisecond))
	}
	if len(out) == 0 {
		out = append(out, f.good())
	}
	return out
}

func (f diskFacts) good() Finding {
	if !f.exists {
		return fine(checkDisk, f.dir, "it does not exist yet and is made at the first start; %s free", size(int64(f.free)))
	}
	return fine(checkDisk, f.dir, "%s free, a write takes %s, nobody else gets in", size(int64(f.free)), f.synced.Round(100*time.Microsecond))
}

// room compares what is free with twice the snapshot, and with that and a full journal.
func (f diskFacts) room(journal int) []Finding {
	if !f.sized {
		return []Finding{skipped(checkDisk, f.dir, "how much room there is cannot be seen on this system")}
	}
	need := max(leastRoom, 2*f.snapshot)
	most := need + int64(journal)*recordBytes
	at := places{"path": f.dir}
	switch free := int64(min(f.free, 1<<62)); {
	case free < need:
		return []Finding{found("disk_full", f.dir, fmt.Sprintf("%s free, %s are needed for two copies of the site", size(free), size(need)), at)}
	case free < most:
		return []Finding{found("disk_small", f.dir, fmt.Sprintf("%s free, %s are needed with %d records of an outage", size(free), size(most), journal), at)}
	}
	return nil
}

func size(bytes int64) string {
	switch {
	case bytes >= 10<<30:
		return fmt.Sprintf("%d GiB", bytes>>30)
	case bytes >= 10<<20:
		return fmt.Sprintf("%d MiB", bytes>>20)
	}
	return fmt.Sprintf("%d KiB", bytes>>10)
}
