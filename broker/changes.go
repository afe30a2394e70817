package broker

import "sort"

// maxEnds bounds how many ends are remembered for who mirrors the engine. Who is
// further behind copies the state anew.
const maxEnds = 10000

// changes is what has changed, in order, each thing once: by its latest change. So
// the whole state is what changed after 0, the tail is what changed after a
// position, and who reads slowly makes nothing grow.
type changes struct {
	on   bool
	head uint64
	// horizon is the latest end that is forgotten: who has not read it cannot go on.
	horizon uint64
	log     []logged // in order of version; one that was replaced is still there
	valid   int      // entries that were not replaced
	ends    int      // of the valid ones
	news    chan struct{}
}

// logged is a change: the thing was changed with this version.
type logged struct {
	version uint64
	of      mirrored
}

// mirrored is a thing that others get a copy of.
type mirrored interface {
	stamped() *stamp
	// item fills in the thing as it is sent; false: it is not for others.
	item(e *Engine, now instant, i *Item) bool
}

// stamp is the version of a thing's latest change; 0: it is not in the log.
type stamp struct{ version uint64 }

func (s *stamp) stamped() *stamp { return s }

// note enters a change.
func (c *changes) note(m mirrored) {
	if !c.on {
		return
	}
	if m.stamped().version == 0 {
		c.valid++
	}
	c.head++
	m.stamped().version = c.head
	c.log = append(c.log, logged{c.head, m})
	if _, end := m.(*ended); end {
		c.ends++
	}
	c.tell()
	if len(c.log) > 2*c.valid+1024 || c.ends > 2*maxEnds {
		c.compact()
	}
}

// tell wakes who waits for a change.
func (c *changes) tell() {
	if c.news != nil {
		close(c.news)
		c.news = nil
	}
}

// noteAll enters a change of each.
func (c *changes) noteAll(list []*tally) {
	for _, t := range list {
		c.note(t)
	}
}

// gone takes a thing out of the log; with an end, who has a copy hears of it.
func (c *changes) gone(m mirrored, end *ended) {
	if m.stamped().version == 0 {
		return
	}
	m.stamped().version = 0
	c.valid--
	if end != nil {
		c.note(end)
	}
}

// compact drops what was replaced, and the oldest ends above the bound.
func (c *changes) compact() {
	drop := max(0, c.ends-maxEnds)
	kept := make([]logged, 0, c.valid-drop)
	for _, l := range c.log {
		if l.of.stamped().version != l.version {
			continue
		}
		if _, end := l.of.(*ended); end && drop > 0 {
			drop--
			c.ends--
			c.valid--
			c.horizon = l.version
			continue
		}
		kept = append(kept, l)
	}
	c.log = kept
}

// after returns where in the log to go on from a position.
func (c *changes) after(position uint64) []logged {
	return c.log[sort.Search(len(c.log), func(i int) bool { return c.log[i].version > position }):]
}

// follows reports whether who has read up to the position can go on from there.
func (c *changes) follows(position uint64) bool {
	return position <= c.head && (position == 0 || position >= c.horizon)
}
