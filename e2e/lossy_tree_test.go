//go:build linux

package e2e_test

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
)

// diskStep is one thing that was done to a disk. A disk is what its steps make of
// an empty one, so that a power failure after any of them can be looked at later.
type diskStep struct {
	kind stepKind
	node uint64 // what it is done to, a folder where names are
	name string
	// child is what a made name leads to.
	child  uint64
	folder bool
	// into and as are where a rename leads.
	into uint64
	as   string

	offset int64 // or the new size
	data   []byte
}

type stepKind string

const (
	stepMake   stepKind = "make"
	stepWrite  stepKind = "write"
	stepResize stepKind = "resize"
	stepRename stepKind = "rename"
	stepRemove stepKind = "remove"
	stepSync   stepKind = "sync"
)

// rootNode is the number of the disk's root.
const rootNode = 1

// tree is a disk after some steps: what processes see, and what a power failure
// leaves of it.
type tree map[uint64]*treeNode

type treeNode struct {
	folder bool
	live   treeContent
	// durable is what live was at the latest sync; pending leads from there to live.
	durable treeContent
	pending []diskStep
}

type treeContent struct {
	bytes []byte
	names map[string]uint64
}

func newTree() tree {
	return tree{rootNode: {folder: true, live: treeContent{names: map[string]uint64{}}}}
}

// grow returns the tree that the steps make.
func grow(steps []diskStep) tree {
	t := newTree()
	for _, s := range steps {
		t.apply(s)
	}
	return t
}

func (t tree) apply(s diskStep) {
	n := t[s.node]
	switch s.kind {
	case stepSync:
		n.durable, n.pending = n.live.clone(), nil
		return
	case stepMake:
		t[s.child] = &treeNode{folder: s.folder}
		if s.folder {
			t[s.child].live.names = map[string]uint64{}
		}
	case stepRename:
		s.child = n.live.names[s.name]
		if s.into != s.node {
			t.note(s.into, diskStep{kind: stepMake, node: s.into, name: s.as, child: s.child})
			s = diskStep{kind: stepRemove, node: s.node, name: s.name}
		}
	}
	t.note(s.node, s)
}

func (t tree) note(node uint64, s diskStep) {
	t[node].live.apply(s, len(s.data))
	t[node].pending = append(t[node].pending, s)
}

// apply changes the content as the step does, of a write only the first bytes.
func (c *treeContent) apply(s diskStep, first int) {
	switch s.kind {
	case stepWrite:
		c.resize(max(len(c.bytes), int(s.offset)+first))
		copy(c.bytes[s.offset:], s.data[:first])
	case stepResize:
		c.resize(int(s.offset))
	case stepMake:
		c.names[s.name] = s.child
	case stepRemove:
		delete(c.names, s.name)
	case stepRename:
		delete(c.names, s.name)
		c.names[s.as] = s.child
	}
}

func (c *treeContent) resize(size int) {
	if grown := size - len(c.bytes); grown > 0 {
		c.bytes = append(c.bytes, make([]byte, grown)...)
	}
	c.bytes = c.bytes[:size]
}

func (c treeContent) clone() treeContent {
	return treeContent{bytes: bytes.Clone(c.bytes), names: maps.Clone(c.names)}
}

// files are those that a power failure leaves, by their paths; a folder has a path
// with a slash at its end. Without luck all is lost that was not synced. With it
// some of the writes are there nonetheless, one may be torn, and some of the names:
// file systems keep the order of those in one folder.
func (t tree) files(luck *rand.Rand) map[string][]byte {
	out := map[string][]byte{}
	t.collect(rootNode, "", luck, out)
	return out
}

func (t tree) collect(node uint64, at string, luck *rand.Rand, out map[string][]byte) {
	left := t[node].left(luck)
	for _, name := range slices.Sorted(maps.Keys(left.names)) {
		child, full := left.names[name], path.Join(at, name)
		if t[child].folder {
			out[full+"/"] = nil
			t.collect(child, full, luck, out)
			continue
		}
		out[full] = t[child].left(luck).bytes
	}
}

// left is what a power failure leaves of the node.
func (n *treeNode) left(luck *rand.Rand) treeContent {
	c := n.durable.clone()
	if n.folder && c.names == nil {
		c.names = map[string]uint64{}
	}
	if luck == nil || len(n.pending) == 0 {
		return c
	}
	if n.folder {
		for _, s := range n.pending[:luck.IntN(len(n.pending)+1)] {
			c.apply(s, 0)
		}
		return c
	}
	share := luck.Float64()
	for _, s := range n.pending {
		if luck.Float64() < share {
			c.apply(s, torn(s, luck))
		}
	}
	return c
}

// torn is how many of the bytes of a write are there: mostly all, else some of its
// sectors.
func torn(s diskStep, luck *rand.Rand) int {
	const sector = 512
	if len(s.data) == 0 || luck.IntN(4) > 0 {
		return len(s.data)
	}
	return min(len(s.data), sector*luck.IntN(len(s.data)/sector+1))
}
