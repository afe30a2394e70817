package localdb

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"understudy/env"
	"understudy/events"
	"understudy/site"
	"understudy/wire"
)

// OpenSnapshots loads the generation that CURRENT names. Where that does not
// verify it falls back to the one before it, or to any other file that does, and
// its findings say so; with none it starts empty. What crashed builds left is
// removed.
func OpenSnapshots(dir string, e env.Env) (*Snapshots, []Finding, error) {
	if err := e.Validate(); err != nil {
		return nil, nil, err
	}
	return openSnapshots(newSnapshots(dir, e, gatedDisk{realDisk{}, e.Gate}))
}

func openSnapshots(s *Snapshots) (*Snapshots, []Finding, error) {
	if err := checkSnapshots(s.dir); err != nil {
		return nil, nil, err
	}
	scratch, err := scratchFiles(s.dir)
	if err != nil {
		return nil, nil, fmt.Errorf("open the snapshots: %w", err)
	}
	for _, name := range scratch {
		_ = s.disk.remove(filepath.Join(s.dir, name))
	}
	o := &opening{Snapshots: s, ctx: context.Background()}
	if err := o.run(); err != nil {
		return nil, nil, fmt.Errorf("open the snapshots: %w", err)
	}
	s.sweep()
	return s, o.findings, nil
}

// opening is the search for a generation that can be used.
type opening struct {
	*Snapshots
	ctx      context.Context
	findings []Finding
	tried    []string
}

func (o *opening) run() error {
	generations, err := readCurrent(o.dir)
	if err != nil {
		o.lose(currentFile, err.Error())
	}
	for i, g := range generations {
		if o.load(g) {
			o.remember(generations[i+1:])
			return nil
		}
	}
	others, listErr := o.others()
	if listErr != nil {
		return listErr
	}
	for i, g := range others {
		if o.load(g) {
			o.remember(others[i+1:])
			if err != nil {
				o.rewrite()
			}
			return nil
		}
	}
	o.none()
	return nil
}

// lose notes why something newer than what will be used cannot be.
func (o *opening) lose(file, reason string) {
	o.findings = append(o.findings, Finding{Event: events.SnapshotFallback, File: file, Reason: reason})
}

func (o *opening) load(g generation) bool {
	o.tried = append(o.tried, g.File)
	snapshot, err := o.open(g)
	if err != nil {
		o.lose(g.File, err.Error())
		o.damaged = append(o.damaged, wire.SnapshotStatus{File: g.File, Size: g.Size, Fault: err.Error()})
		return false
	}
	o.inUse[g.File] = true
	o.current.Store(snapshot)
	return true
}

func (o *opening) open(g generation) (*Snapshot, error) {
	path := filepath.Join(o.dir, g.File)
	sum, size, err := hashFile(path)
	if err != nil {
		return nil, err
	}
	if g.SHA256 != "" && (sum != g.SHA256 || size != g.Size) {
		return nil, fmt.Errorf("the file %s is not what was written: it has %d bytes with SHA-256 %s, not %d with %s",
			g.File, size, sum, g.Size, g.SHA256)
	}
	// It was found valid when it was built, perhaps by rules of an older version.
	db, c, err := o.read(path, g)
	if err != nil {
		return nil, err
	}
	g.SHA256, g.Size = sum, size
	return newSnapshot(db, c, site.NewIndex(c.site), g, o.close), nil
}

// read trusts a file whose sum is the one that CURRENT names.
func (o *opening) read(path string, g generation) (*sql.DB, content, error) {
	if g.SHA256 != "" {
		return reread(o.ctx, path)
	}
	return verify(o.ctx, path)
}

// others lists the files that CURRENT does not name, the highest version first:
// what is left when CURRENT or all that it names is damaged.
func (o *opening) others() ([]generation, error) {
	files, err := siteFiles(o.dir)
	if err != nil {
		return nil, err
	}
	type candidate struct {
		generation
		version site.Version
	}
	var found []candidate
	for _, file := range files {
		if slices.Contains(o.tried, file) {
			continue
		}
		g := generation{File: file}
		m, _ := o.peek(g) // what cannot be read comes last, and its load says why
		found = append(found, candidate{g, m.Header.Version})
	}
	slices.SortFunc(found, func(a, b candidate) int { return b.version.Compare(a.version) })
	list := make([]generation, len(found))
	for i, c := range found {
		list[i] = c.generation
	}
	return list, nil
}

// peek reads what a file says of itself.
func (o *opening) peek(g generation) (meta, error) {
	db, err := openSnapshotFile(filepath.Join(o.dir, g.File))
	if err != nil {
		return meta{}, err
	}
	defer db.Close()
	return readMeta(o.ctx, db)
}

// remember keeps the generation before the one in use.
func (o *opening) remember(older []generation) {
	if len(older) == 0 {
		return
	}
	g := older[0]
	m, err := o.peek(g)
	if err == nil && g.SHA256 == "" {
		g.SHA256, g.Size, err = hashFile(filepath.Join(o.dir, g.File))
	}
	if err != nil {
		o.damaged = append(o.damaged, wire.SnapshotStatus{File: g.File, Size: g.Size, Fault: err.Error()})
		return
	}
	st := m.status(g)
	o.previous, o.prevGen, o.prevHas = &st, g, m.Header.Records
}

// rewrite names the generation in use again, after CURRENT was of no help.
func (o *opening) rewrite() {
	generations := []generation{o.current.Load().gen}
	if o.previous != nil {
		generations = append(generations, o.prevGen)
	}
	if err := writeCurrent(o.disk, o.dir, generations); err != nil {
		o.findings = append(o.findings, Finding{Event: events.DiskFailed, File: currentFile, Reason: err.Error()})
	}
}

// none says that nothing was usable, where there had been something.
func (o *opening) none() {
	if len(o.findings) == 0 {
		return
	}
	reasons := make([]string, len(o.findings))
	for i, f := range o.findings {
		reasons[i] = f.Reason
	}
	o.findings = []Finding{{
		Event: events.NoSnapshot, File: o.findings[0].File,
		Reason: "no snapshot in the data folder can be used: " + strings.Join(reasons, "; "),
	}}
}
