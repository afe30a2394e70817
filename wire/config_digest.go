package wire

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"

	"understudy/site"
)

// digester hashes the sorted hashes of all objects.
type digester struct {
	hashes [][sha256.Size]byte
	beside *hasher // nil: lines are hashed at once
}

// newDigester begins with the site's own settings.
func newDigester(s *site.Site, contained []ContainedRecord, counts map[string]int) *digester {
	room := 1 + len(contained)
	for _, n := range counts {
		room = min(room+max(n, 0), maxRoom)
	}
	d := &digester{hashes: make([][sha256.Size]byte, 0, room)}
	d.addOwn(s, contained)
	return d
}

// addOwn adds what is the site's and no object's. Settings that are not set are left out:
// content that an older version knew has the digest that it gave it.
func (d *digester) addOwn(s *site.Site, contained []ContainedRecord) {
	line := fmt.Appendf(nil, "site %q %t", s.Name, s.ReuseInOutage)
	if s.MaxSessions != 0 {
		line = fmt.Appendf(line, " max_sessions %d", s.MaxSessions)
	}
	if s.STAFailover != "" {
		line = fmt.Appendf(line, " sta_failover %q", s.STAFailover)
	}
	d.add(line)
	for _, c := range contained {
		d.add(fmt.Appendf(nil, "contained %q %q %d", c.Origin, c.Journal, c.Sequence))
	}
}

// addObject adds an object. The buffer is returned for the next.
func (d *digester) addObject(o ConfigObject, buffer []byte) []byte {
	line, quick := appendQuick(buffer[:0], o)
	if quick {
		d.add(line)
		return line
	}
	ordinary, err := o.ordinary()
	if err != nil {
		panic("wire: plain data does not encode: " + err.Error())
	}
	d.add(ordinary)
	return line
}

func (d *digester) add(line []byte) {
	if d.beside != nil {
		d.beside.add(line)
		return
	}
	d.hashes = append(d.hashes, sha256.Sum256(line))
}

func (d *digester) sum() string { return d.sorted().Digest() }

func (d *digester) sorted() Hashes {
	d.stop()
	sortHashes(d.hashes, 0)
	return Hashes{d.hashes}
}

// sortHashes sorts what begins with the same so many bytes. Hashes are spread evenly,
// so each goes to its place by one byte after the other, until few are left together.
func sortHashes(list [][sha256.Size]byte, at int) {
	if len(list) < 64 || at == sha256.Size {
		slices.SortFunc(list, func(a, b [sha256.Size]byte) int { return bytes.Compare(a[:], b[:]) })
		return
	}
	var begin, end [257]int
	for i := range list {
		end[int(list[i][at])+1]++
	}
	for i := range 256 {
		end[i+1] += end[i]
	}
	begin = end
	for b := range 256 {
		for begin[b] < end[b+1] {
			place := &list[begin[b]]
			other := place[at]
			if int(other) != b {
				*place, list[begin[other]] = list[begin[other]], *place
			}
			begin[other]++
		}
	}
	for b := range 256 {
		sortHashes(list[end[b]:end[b+1]], at+1)
	}
}

// hashBeside has lines that end in a newline hashed beside their reader, until sum or
// stop.
func (d *digester) hashBeside() {
	h := &hasher{work: make(chan []byte, 1), free: make(chan []byte, 2), done: make(chan struct{})}
	h.free <- make([]byte, 0, hasherBatch)
	h.batch = make([]byte, 0, hasherBatch)
	go func() {
		defer close(h.done)
		for batch := range h.work {
			for line := range bytes.Lines(batch) {
				d.hashes = append(d.hashes, sha256.Sum256(line))
			}
			h.free <- batch[:0]
		}
	}()
	d.beside = h
}

// stop waits until all lines are hashed.
func (d *digester) stop() {
	if h := d.beside; h != nil {
		d.beside = nil
		h.work <- h.batch
		close(h.work)
		<-h.done
	}
}

// hasher passes lines on in batches.
type hasher struct {
	work, free chan []byte
	batch      []byte
	done       chan struct{}
}

const hasherBatch = 64 << 10

func (h *hasher) add(line []byte) {
	if len(h.batch) > 0 && len(h.batch)+len(line) > hasherBatch {
		h.work <- h.batch
		h.batch = <-h.free
	}
	h.batch = append(h.batch, line...)
}
