package wire

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"understudy/site"
)

// ConfigAsk is what a connector says when it asks for a configuration: what it
// has, so that no more is sent than it needs.
type ConfigAsk struct {
	// Digest is that of the snapshot in use; empty where there is none.
	Digest string
	// Since is the version in use: a delta from there will do. Zero asks for the
	// whole configuration.
	Since site.Version
	// Known are digests of configurations that the connector has seen and does not
	// take into use now: they need not be sent again either.
	Known []string
}

// Tags lists the digests that need no answer with a body.
func (a ConfigAsk) Tags() []string {
	if a.Digest == "" {
		return a.Known
	}
	return append([]string{a.Digest}, a.Known...)
}

// ConfigChange is one line of a delta: an object as it is now, or one that is gone,
// of which only what names it is set.
type ConfigChange struct {
	ConfigObject
	Deleted bool
	// Added says that there was no such object before. It is not on the wire.
	Added bool
}

// Name says which object of its kind it is.
func (o ConfigObject) Name() string {
	switch {
	case o.Zone != nil:
		return o.Zone.Name
	case o.Connector != nil:
		return string(o.Connector.FQDN)
	case o.Group != nil:
		return o.Group.Name
	case o.Machine != nil:
		return string(o.Machine.Name)
	case o.Application != nil:
		return o.Application.Name
	case o.User != nil:
		return o.User.Name
	case o.Entitlement != nil:
		e := o.Entitlement
		return cmp.Or(e.User, e.UserGroup) + " → " + cmp.Or(e.Desktop, e.Application)
	}
	return ""
}

// Delta is what leads from one version of a site to another.
type Delta struct {
	// Base is the version that the changes are to be applied to, Version the one that
	// results, and Digest that one's content.
	Base, Version site.Version
	Digest        string
	// Records are those that the result contains.
	Records []ContainedRecord
	Changes []ConfigChange
}

// WriteDelta writes a delta as a configuration stream whose header names its base.
// The site is the one that results.
func WriteDelta(w io.Writer, d Delta, s *site.Site) error {
	z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return fmt.Errorf("start the delta: %w", err)
	}
	return errors.Join(writeChanges(z, d, s), z.Close())
}

func writeChanges(w io.Writer, d Delta, s *site.Site) error {
	sum := sha256.New()
	out := io.MultiWriter(w, sum)
	h := headerOf(s, d.Version, d.Records)
	h.Base = d.Base
	header, err := configJSON(h)
	if err != nil {
		return err
	}
	if err := writeLine(out, header); err != nil {
		return err
	}
	for _, c := range d.Changes {
		line, err := c.line()
		if err != nil {
			return err
		}
		if err := writeLine(out, line); err != nil {
			return err
		}
	}
	return writeTrailer(w, sum, d.Digest)
}

func (c ConfigChange) line() ([]byte, error) {
	if c.Deleted {
		return configJSON(configLine{ConfigObject: c.bare(), Deleted: true})
	}
	return c.canonical()
}

// IsDelta reports whether the stream holds changes of the header's base and not a
// whole site.
func (c *ConfigReader) IsDelta() bool { return !c.header.Base.IsZero() }

// ReadChanges reads and verifies all of a delta. That its content is right is known
// only when it has been applied and the digest compared.
func (c *ConfigReader) ReadChanges() ([]ConfigChange, error) {
	if !c.IsDelta() || c.newer {
		return nil, fmt.Errorf("read the delta: schema %s with base %s is none that can be applied", Clip(c.header.Schema), c.header.Base)
	}
	var all []ConfigChange
	for {
		change, err := c.next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, ClipError(fmt.Errorf("read the delta: %w", err))
		}
		all = append(all, change)
	}
}
