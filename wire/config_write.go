package wire

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

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
	return HashesOf(s, contained...).Digest()
}
