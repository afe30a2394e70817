package localdb

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync/atomic"

	"understudy/site"
	"understudy/wire"
)

// Built is a new snapshot that is complete, verified and on the disk, but not in
// use. It ends with a Swap or a Discard.
type Built struct {
	content
	index *site.Index
	path  string
	gen   generation // its name is given at the swap
	disk  disk
	done  atomic.Bool
}

// Version returns the version of the site that the snapshot holds.
func (b *Built) Version() site.Version { return b.Header.Version }

// Digest returns the content's digest.
func (b *Built) Digest() string { return b.meta.Digest }

// Index answers look-ups in what is used of the site.
func (b *Built) Index() *site.Index { return b.index }

// Quarantined lists the objects that are not used, with the reasons.
func (b *Built) Quarantined() []wire.QuarantinedObject { return b.quarantined() }

// Discard removes a snapshot that is not wanted. It does nothing after a Swap.
func (b *Built) Discard() {
	if b.done.CompareAndSwap(false, true) {
		_ = b.disk.remove(b.path) // else the next start removes it
	}
}

// Build reads a configuration stream into a new file, verifies it and makes it
// durable. Nothing of it is visible before Swap; from says where it came from.
// Objects that are not valid, and what refers to them, are kept but not used.
func (s *Snapshots) Build(ctx context.Context, r *wire.ConfigReader, from string) (*Built, error) {
	m := meta{Header: r.Header(), Imported: s.env.Now().UTC(), From: from, schema: SnapshotSchema}
	c := newComing(m.Header.Counts)
	d := s.startDraft(ctx, c)
	full, err := r.ReadSite(ctx, c.show)
	c.end(full, err)
	if err != nil {
		d.abandon()
		return nil, fmt.Errorf("build snapshot %s: %w", m.Header.Version, err)
	}
	m.Digest = r.Digest()
	if len(full.Machines)+len(full.Users)+len(full.Entitlements) > manyObjects {
		// What the reader leaves is half of all memory in use now. Given back, the
		// index and what is read back fit in where it was.
		debug.FreeOSMemory()
	}
	return s.assemble(ctx, d, content{meta: m, site: full}, func() *site.Index { return indexOf(full) }, nil)
}

// manyObjects are so many that it is worth while to tidy up between them.
const manyObjects = 50_000

// assemble makes a draft the file of a site. It is written while the site is judged:
// hardly ever is that for nothing. indexed returns the index of the site if all of it can be
// used. wrong, where there is one, says that the site is not what was sent.
func (s *Snapshots) assemble(ctx context.Context, d *draft, c content, indexed func() *site.Index, wrong func() error) (*Built, error) {
	var b *Built
	var index *site.Index
	var buildErr, wrongErr error
	_ = together(
		func() error { b, buildErr = d.complete(ctx, c); return nil },
		func() error { index = indexed(); return nil },
		func() error {
			if wrong != nil {
				wrongErr = wrong()
			}
			return nil
		},
	)
	if buildErr == nil && wrongErr == nil && index != nil {
		b.index = index
		return b, nil
	}
	if buildErr == nil {
		b.Discard()
	}
	switch {
	case wrongErr != nil:
		return nil, fmt.Errorf("build snapshot %s: %w", c.Header.Version, wrongErr)
	case index == nil:
		return s.buildParted(ctx, c.meta, c.site)
	}
	return nil, buildErr
}

// indexOf is the index of a site of which all can be used, nil for another.
func indexOf(s *site.Site) *site.Index {
	if len(s.Validate()) > 0 {
		return nil
	}
	return site.NewIndex(s)
}

// buildParted makes a file in which what cannot be used is put aside.
func (s *Snapshots) buildParted(ctx context.Context, m meta, full *site.Site) (*Built, error) {
	good, out, err := part(full)
	if err == nil {
		parted := all(good, out)
		err = compare(m, parted, wire.Digest(parted, m.Header.Records...))
	}
	if err != nil {
		return nil, fmt.Errorf("build snapshot %s: %w", m.Header.Version, err)
	}
	b, err := s.startDraft(ctx, arrived(good)).complete(ctx, content{meta: m, site: good, out: out})
	if err == nil {
		b.index = site.NewIndex(good)
	}
	return b, err
}

// settle makes the file durable and takes its sum.
func (b *Built) settle() error {
	if err := b.disk.syncFile(b.path); err != nil {
		return err
	}
	if err := b.disk.syncFolder(filepath.Dir(b.path)); err != nil {
		return err
	}
	var err error
	b.gen.SHA256, b.gen.Size, err = hashFile(b.path)
	return err
}

// fileName is the first free name for a version. A name is taken when the same
// content is imported again, because a file that may be open is never replaced.
func (b *Built) fileName(taken func(string) bool) string {
	v := b.Version()
	stem := fmt.Sprintf("%s%s-%d-%s", sitePrefix, plain(v.History), v.Number, plain(b.meta.Digest)[:16])
	name := stem + siteSuffix
	for i := 2; taken(name); i++ {
		name = fmt.Sprintf("%s.%d%s", stem, i, siteSuffix)
	}
	return name
}

// plain keeps what is safe in a file name; the text came over the network.
func plain(s string) string {
	return strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			return c
		}
		return '_'
	}, s[:min(len(s), 64)])
}
