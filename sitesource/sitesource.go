// Package sitesource reads the site from a file or from a command, for zones whose
// site comes from no cloud broker: it says what the site is now, or that it is still
// the one that is known. It gives no versions and imports nothing; agent does.
package sitesource

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"understudy/site"
	"understudy/wire"
)

// Bounds of a source.
const (
	DefaultTimeout = 30 * time.Second
	// MaxSize is the most that a source may give.
	MaxSize = 256 << 20
)

// Options say where the site comes from: File or Command, one of them.
type Options struct {
	File string
	// Command is a program with its arguments; no shell sees it.
	Command []string
	// Timeout bounds the command; 0 means DefaultTimeout.
	Timeout time.Duration
	// Parse reads what is given; the name is for faults.
	Parse func(name string, data []byte) (*site.Site, error)
}

func (o Options) validate() error {
	switch {
	case (o.File == "") == (len(o.Command) == 0):
		return errors.New("sitesource: either File or Command is needed")
	case len(o.Command) > 0 && o.Command[0] == "":
		return errors.New("sitesource: Command names no program")
	case o.Parse == nil:
		return errors.New("sitesource: Parse is missing")
	case o.Timeout < 0:
		return fmt.Errorf("sitesource: Timeout %s is negative", o.Timeout)
	}
	return nil
}

// Source is where the site comes from. Read is not to be called twice at once.
type Source struct {
	o Options
	// seen is the text that was read last, and digest what it came to.
	seen   [sha256.Size]byte
	digest string
}

// New checks the options; it reads nothing yet.
func New(o Options) (*Source, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	return &Source{o: o}, nil
}

// Read returns the site as it is now and its digest; the site is nil where that is
// one of those known.
func (s *Source) Read(ctx context.Context, known ...string) (*site.Site, string, error) {
	text, err := s.text(ctx)
	if err != nil {
		return nil, "", fmt.Errorf("read the site from %s: %w", s, err)
	}
	sum := sha256.Sum256(text)
	if sum == s.seen && slices.Contains(known, s.digest) {
		return nil, s.digest, nil
	}
	is, err := s.o.Parse(s.String(), text)
	if err != nil {
		return nil, "", err
	}
	s.seen, s.digest = sum, wire.Digest(is)
	if slices.Contains(known, s.digest) {
		return nil, s.digest, nil
	}
	return is, s.digest, nil
}

// String names the source for errors: a command without its arguments, which may
// hold a secret.
func (s *Source) String() string {
	if s.o.File != "" {
		return s.o.File
	}
	return "the command " + s.o.Command[0]
}

func (s *Source) text(ctx context.Context) ([]byte, error) {
	if s.o.File == "" {
		return run(ctx, s.o.Command, s.o.Timeout)
	}
	file, err := openFile(s.o.File)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return atMost(file)
}

// openFile opens what is a file: a pipe would hold up the sync.
func openFile(name string) (*os.File, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	return os.Open(name)
}

func atMost(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	if err == nil && len(text) > MaxSize {
		err = fmt.Errorf("it gives more than %d bytes", MaxSize)
	}
	return text, err
}
