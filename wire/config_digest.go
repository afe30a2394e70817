package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"understudy/site"
)

// digester hashes the sorted hashes of all objects.
type digester struct {
	hashes [][sha256.Size]byte
	beside *hasher // nil: lines are hashed at once
}

// newDigester begins with the site's own settings. Those that are not set are left
// out: content that an older version knew has the digest that it gave it.
func newDigester(s *site.Site, contained []ContainedRecord, counts map[string]int) *digester {
	room := 1 + len(contained)
	for _, n := range counts {
		room = min(room+max(n, 0), maxRoom)
	}
	d := &digester{hashes: make([][sha256.Size]byte, 0, room)}
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
	return d
}

func (d *digester) add(line []byte) {
	if d.beside != nil {
		d.beside.add(line)
		return
	}
	d.hashes = append(d.hashes, sha256.Sum256(line))
}

func (d *digester) sum() string {
	d.stop()
	sortHashes(d.hashes, 0)
	all := sha256.New()
	for i := range d.hashes {
		all.Write(d.hashes[i][:])
	}
	return hex.EncodeToString(all.Sum(nil))
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
