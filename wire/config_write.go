package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"

	"github.com/klauspost/compress/zstd"

	"understudy/site"
)

// WriteConfig writes a site as a configuration stream: zstd over lines of JSON,
// the header first, then one object a line, the trailer last. contained are the
// durable records that the site contains.
func WriteConfig(w io.Writer, s *site.Site, v site.Version, contained ...ContainedRecord) error {
	z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return fmt.Errorf("start the configuration stream: %w", err)
	}
	return errors.Join(writeLines(z, s, v, contained), z.Close())
}

func writeLines(w io.Writer, s *site.Site, v site.Version, contained []ContainedRecord) error {
	sum := sha256.New()
	content := newDigester(s, contained, ConfigCounts(s))
	out := io.MultiWriter(w, sum)
	header, err := configJSON(headerOf(s, v, contained))
	if err != nil {
		return err
	}
	if err := writeLine(out, header); err != nil {
		return err
	}
	for o := range Objects(s) {
		line, err := o.canonical()
		if err != nil {
			return err
		}
		content.add(line)
		if err := writeLine(out, line); err != nil {
			return err
		}
	}
	return writeTrailer(w, sum, content.sum())
}

func writeTrailer(w io.Writer, sum hash.Hash, digest string) error {
	line, err := configJSON(configLine{Trailer: &configTrailer{
		SHA256: hex.EncodeToString(sum.Sum(nil)), Digest: digest,
	}})
	if err != nil {
		return err
	}
	return writeLine(w, line)
}

func writeLine(w io.Writer, line []byte) error {
	if len(line) > MaxObject {
		return fmt.Errorf("write the configuration: an object is larger than %d bytes", MaxObject)
	}
	if _, err := w.Write(line); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	return nil
}

// Digest names the content of a site: it is the same whatever the order of the
// lists in it, and is the entity tag of the configuration. The records that it
// contains are part of it, else nobody would fetch a configuration that only
// contains more of them.
func Digest(s *site.Site, contained ...ContainedRecord) string {
	d := newDigester(s, contained, ConfigCounts(s))
	var buffer []byte
	for o := range Objects(s) {
		line, quick := appendQuick(buffer[:0], o)
		buffer = line
		if !quick {
			var err error
			if line, err = o.ordinary(); err != nil {
				panic("wire: plain data does not encode: " + err.Error())
			}
		}
		d.add(line)
	}
	return d.sum()
}

// digester hashes the sorted hashes of all objects.
type digester struct {
	hashes [][sha256.Size]byte
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

func (d *digester) add(line []byte) { d.hashes = append(d.hashes, sha256.Sum256(line)) }

func (d *digester) sum() string {
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
