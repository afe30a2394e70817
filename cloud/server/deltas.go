package server

import (
	"bytes"
	"slices"

	"understudy/site"
	"understudy/wire"
)

// Bounds of what is remembered of earlier versions: whoever is further behind gets
// the whole configuration.
const (
	keepDeltas  = 50
	keepChanges = 200_000
)

// step is what changed from one version to the next.
type step struct {
	from    site.Version
	changes []wire.ConfigChange
}

// follow remembers what led from the version before to this one.
func (p *published) follow(before *published) {
	if before.document == nil || before.version.History != p.version.History {
		return
	}
	p.steps = append(slices.Clone(before.steps), step{before.version, wire.Changes(before.index.Site(), p.index.Site())})
	held := 0
	for i, s := range slices.Backward(p.steps) {
		if held += len(s.changes); held > keepChanges || len(p.steps)-i > keepDeltas {
			p.steps = slices.Clone(p.steps[i+1:])
			return
		}
	}
}

// delta writes what changed since a version; nil where that is not remembered, or
// where it is no less than the whole.
func (p *published) delta(since site.Version) ([]byte, error) {
	at := slices.IndexFunc(p.steps, func(s step) bool { return s.from == since })
	if at < 0 {
		return nil, nil
	}
	var parts [][]wire.ConfigChange
	for _, s := range p.steps[at:] {
		parts = append(parts, s.changes)
	}
	d := wire.Delta{Base: since, Version: p.version, Digest: p.digest, Records: p.contained, Changes: wire.JoinChanges(parts...)}
	var out bytes.Buffer
	if err := wire.WriteDelta(&out, d, p.index.Site()); err != nil {
		return nil, err
	}
	if out.Len() >= len(p.document) {
		return nil, nil
	}
	return out.Bytes(), nil
}
