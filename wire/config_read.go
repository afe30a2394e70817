package wire

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"

	"understudy/site"
)

// SchemaError says that a configuration stream has a newer major schema than this
// version reads.
type SchemaError struct{ Schema string }

func (e *SchemaError) Error() string {
	return fmt.Sprintf("the configuration has schema %s; this version reads %d.x", e.Schema, schemaMajor)
}

// ConfigReader reads a configuration stream object by object. Nothing that it
// returned may be trusted before Next has returned io.EOF.
type ConfigReader struct {
	lines   *bufio.Reader
	header  ConfigHeader
	newer   bool // a newer minor schema: may hold what we do not know
	sum     hash.Hash
	content *digester
	quick   *quickReader
	left    map[string]int // of the objects that the header announces
	digest  string
	ignored int
	objects int
	source  *boundedReader
}

// NewConfigReader reads the header of a stream. It returns a *SchemaError when
// the schema is too new.
func NewConfigReader(r io.Reader) (*ConfigReader, error) {
	source := &boundedReader{r: r, left: MaxStream}
	z, err := zstd.NewReader(
		source,
		zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(32<<20),
	)
	if err != nil {
		return nil, fmt.Errorf("open the configuration stream: %w", unexpected(err))
	}
	c := &ConfigReader{
		lines:  bufio.NewReaderSize(&boundedReader{r: z, left: MaxStream}, MaxObject),
		sum:    sha256.New(),
		source: source,
	}
	if err := c.readHeader(); err != nil {
		return nil, ClipError(fmt.Errorf("read the header of the configuration: %w", err))
	}
	return c, nil
}

func (c *ConfigReader) readHeader() error {
	line, err := c.line()
	if err != nil {
		return err
	}
	// The schema alone first: the rest of a newer one may have any form.
	var head struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(line, &head); err != nil {
		return err
	}
	if c.newer, err = checkSchema(head.Schema); err != nil {
		return err
	}
	if err := c.decode(line, &c.header); err != nil {
		return err
	}
	c.sum.Write(line)
	c.quick, c.left = newQuickReader(c.header), maps.Clone(c.header.Counts)
	if !c.IsDelta() {
		c.content = newDigester(c.header.Bare(), c.header.Records, c.header.Counts)
	}
	return nil
}

// checkSchema reports whether the schema is a newer minor one.
func checkSchema(schema string) (newer bool, err error) {
	before, after, _ := strings.Cut(schema, ".")
	major, err1 := strconv.Atoi(before)
	minor, err2 := strconv.Atoi(after)
	if err1 != nil || err2 != nil || major < 1 || minor < 0 {
		return false, fmt.Errorf("schema %q is not a version such as %s", schema, ConfigSchema)
	}
	if major > schemaMajor {
		return false, &SchemaError{Schema: schema}
	}
	return minor > schemaMinor, nil
}

// Header returns the first line.
func (c *ConfigReader) Header() ConfigHeader { return c.header }

// Digest returns the content digest, once Next has returned io.EOF. It is the
// trailer's, unless a newer minor schema holds what this version does not know;
// then it is that of what was understood.
func (c *ConfigReader) Digest() string { return c.digest }

// Ignored counts the objects of unknown kinds in a stream of a newer minor schema.
func (c *ConfigReader) Ignored() int { return c.ignored }

// Objects counts the objects that were decoded.
func (c *ConfigReader) Objects() int { return c.objects }

// Bytes counts what was read of the stream, compressed.
func (c *ConfigReader) Bytes() int64 { return MaxStream - c.source.left }

// Next returns the next object. It returns io.EOF only after the trailer, the
// counts and the end of the stream have been verified.
func (c *ConfigReader) Next() (ConfigObject, error) {
	if c.IsDelta() {
		return ConfigObject{}, errors.New("read the configuration: the stream is a delta and not a whole site")
	}
	o, err := c.next()
	if err != nil && !errors.Is(err, io.EOF) {
		return ConfigObject{}, ClipError(fmt.Errorf("read the configuration: %w", err))
	}
	return o.ConfigObject, err
}

func (c *ConfigReader) next() (ConfigChange, error) {
	if c.digest != "" {
		return ConfigChange{}, io.EOF
	}
	for {
		line, err := c.line()
		if err != nil {
			return ConfigChange{}, err
		}
		if o, ok := c.quick.read(line); ok {
			c.sum.Write(line)
			if c.objects++; !c.IsDelta() {
				err = c.count(o, line)
			}
			return ConfigChange{ConfigObject: o}, err
		}
		var l configLine
		if err := c.decode(line, &l); err != nil {
			return ConfigChange{}, err
		}
		if l.Trailer != nil && (l.ConfigObject != (ConfigObject{}) || l.Deleted) {
			return ConfigChange{}, errors.New("the trailer's line holds an object too")
		}
		if l.Trailer != nil {
			return ConfigChange{}, c.finish(*l.Trailer)
		}
		c.sum.Write(line)
		if ok, err := c.accept(l); ok || err != nil {
			return ConfigChange{ConfigObject: l.ConfigObject, Deleted: l.Deleted}, err
		}
	}
}

// accept counts an object; it reports false for one to be ignored.
func (c *ConfigReader) accept(l configLine) (bool, error) {
	o := l.ConfigObject
	kind := o.Kind()
	if kind == "" && c.newer {
		c.ignored++
		return false, nil
	}
	if kind == "" {
		return false, errors.New("a line holds no object, or several")
	}
	if c.objects++; c.IsDelta() {
		return true, nil
	}
	if l.Deleted {
		return false, errors.New("an object is deleted, but the stream is no delta")
	}
	canonical, err := o.canonical()
	if err != nil {
		return false, err
	}
	return true, c.count(o, canonical)
}

// count takes an object in, by its canonical line. One more than there should be ends a
// stream that might never end.
func (c *ConfigReader) count(o ConfigObject, canonical []byte) error {
	kind := o.Kind()
	c.content.add(canonical)
	left := c.left[kind] - 1
	if left < 0 {
		return fmt.Errorf("the stream holds %d %s or more, the header says %d", c.header.Counts[kind]+1, kind, c.header.Counts[kind])
	}
	c.left[kind] = left
	return nil
}

func (c *ConfigReader) finish(t configTrailer) error {
	if sum := hex.EncodeToString(c.sum.Sum(nil)); sum != t.SHA256 {
		return fmt.Errorf("the stream's SHA-256 is %s, the trailer says %q", sum, t.SHA256)
	}
	if c.IsDelta() {
		return c.finishDelta(t)
	}
	for _, f := range (ConfigObject{}).fields() {
		if left, want := c.left[f.kind], c.header.Counts[f.kind]; left != 0 {
			return fmt.Errorf("the stream holds %d %s, the header says %d", want-left, f.kind, want)
		}
	}
	digest := c.content.sum()
	if digest != t.Digest && !c.newer {
		return fmt.Errorf("the content's digest is %s, the trailer says %q", digest, t.Digest)
	}
	if err := c.end(); err != nil {
		return err
	}
	c.digest = digest
	return io.EOF
}

// finishDelta: what the digest names is there only when the delta is applied.
func (c *ConfigReader) finishDelta(t configTrailer) error {
	if len(t.Digest) != hex.EncodedLen(sha256.Size) {
		return fmt.Errorf("the digest %q is none", t.Digest)
	}
	if err := c.end(); err != nil {
		return err
	}
	c.digest = t.Digest
	return io.EOF
}

// end reads on to the end, so that a cut in the last bytes is noticed.
func (c *ConfigReader) end() error {
	switch _, err := c.lines.ReadByte(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	default:
		return errors.New("the stream goes on after the trailer")
	}
}

// line returns the next line with its end, valid until the next call.
func (c *ConfigReader) line() ([]byte, error) {
	line, err := c.lines.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return nil, fmt.Errorf("an object is larger than %d bytes", MaxObject)
	}
	if err != nil {
		return nil, unexpected(err)
	}
	return line, nil
}

func (c *ConfigReader) decode(line []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(line))
	if !c.newer {
		d.DisallowUnknownFields()
	}
	if err := d.Decode(v); err != nil {
		return unexpected(err)
	}
	if len(bytes.TrimSpace(line[d.InputOffset():])) > 0 {
		return errors.New("a line holds more than one JSON value")
	}
	return nil
}

// unexpected makes an end of the data an error that nobody takes for success.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// boundedReader fails, instead of ending, where there is more than left bytes.
type boundedReader struct {
	r    io.Reader
	left int64
}

func (b *boundedReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("the stream is larger than %d bytes", MaxStream)
	}
	return n, err
}

// ReadConfig reads and verifies a whole configuration stream.
func ReadConfig(r io.Reader) (*site.Site, ConfigHeader, error) {
	c, err := NewConfigReader(r)
	if err != nil {
		return nil, ConfigHeader{}, err
	}
	s, err := c.ReadSite(context.Background(), func(*site.Site) {})
	if err != nil {
		return nil, ConfigHeader{}, err
	}
	return s, c.header, nil
}
