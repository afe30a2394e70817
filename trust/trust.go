// Package trust holds the certificates, keys and tokens that a process has from files,
// and reads them again when the files change, so that they are replaced without a
// restart and without a dropped connection. What cannot be used is told of, and what was
// read before stays. It listens to nobody and dials nobody; config opens the files, and
// agent, desktop and cloud/server run the Store that it fills.
package trust

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"understudy/events"
)

// Every is how often the files are looked at; settle is for how long a file must have
// stayed as it is, so that none is read while it is written.
const (
	Every  = 30 * time.Second
	settle = time.Second
)

// Store holds what a process has from files.
type Store struct {
	now func() time.Time // the wall clock

	mu    sync.Mutex // guards items, what is in them, and told
	items []*item
	told  map[string]time.Time // of expiry, by certificate
}

// New returns an empty Store; a nil one is empty too. now is the wall clock, by which certificates expire.
func New(now func() time.Time) *Store {
	return &Store{now: now, told: map[string]time.Time{}}
}

// item is what some files hold together.
type item struct {
	what  string
	files []string
	// take parses what the files hold and, if that is good, takes it into use.
	take func(data [][]byte) error
	// holds are the certificates in use, if it is of such.
	holds func() []Certificate

	used    [sha256.Size]byte // what is in use
	seen    []os.FileInfo     // when that was read
	noticed []os.FileInfo     // a change that has to settle
	failed  int               // how many times in a row
	said    string            // of the failure
	since   time.Time         // of the first failure, by the wall clock
}

// Value is what a file holds, as of its latest good version.
type Value[T any] struct{ current atomic.Pointer[T] }

// Now returns it. Nobody changes it.
func (v *Value[T]) Now() T { return *v.current.Load() }

// Follow reads a file and keeps what parse makes of it up to date. what names it to
// people.
func Follow[T any](s *Store, what, file string, parse func([]byte) (T, error)) (*Value[T], error) {
	v := &Value[T]{}
	return v, s.add(&item{what: what, files: []string{file}, take: func(data [][]byte) error {
		parsed, err := parse(data[0])
		if err == nil {
			v.current.Store(&parsed)
		}
		return err
	}})
}

func (s *Store) add(i *item) error {
	seen := look(i.files)
	data, err := readAll(i.files)
	if err == nil {
		err = i.take(data)
	}
	if err != nil {
		return i.fault(err)
	}
	i.seen, i.used = seen, sum(data)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.items = append(s.items, i)
	return nil
}

func (i *item) fault(err error) error {
	return fmt.Errorf("read the %s of %s: %w", i.what, i.files[0], err)
}

// Reload reads all files now, whether they seem to have changed or not.
func (s *Store) Reload() Report {
	if s == nil {
		return Report{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var r Report
	for _, i := range s.items {
		i.reread(&r, s.now, true)
	}
	return r
}

// Watches reports whether there is any file to look at.
func (s *Store) Watches() bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.items) > 0
}

// Run looks at the files until ctx ends, and tells of what it finds; of certificates that
// expire also when nothing changes.
func (s *Store) Run(ctx context.Context, tell func(Report)) {
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		r, unsettled := s.round(time.Now())
		tell(r)
		if unsettled {
			next.Reset(settle)
		} else {
			next.Reset(Every)
		}
	}
}

// round looks at all files once. unsettled says that one has only just changed.
func (s *Store) round(now time.Time) (r Report, unsettled bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, i := range s.items {
		unsettled = i.poll(&r, s.now) || unsettled
	}
	s.expiring(now, &r)
	return r, unsettled
}

// poll reads the files again if they have changed and stayed so for a while.
func (i *item) poll(r *Report, now func() time.Time) (unsettled bool) {
	is := look(i.files)
	if same(is, i.seen) && i.failed == 0 {
		i.noticed = nil
		return false
	}
	if !same(is, i.noticed) {
		i.noticed = is
		return true
	}
	i.reread(r, now, false)
	return false
}

// reread takes what the files hold if it is another thing than before, and good. A first
// failure is not told of by itself: whoever replaces a certificate may be about to
// replace its key.
func (i *item) reread(r *Report, now func() time.Time, asked bool) {
	is := look(i.files)
	data, err := readAll(i.files)
	changed := err == nil && sum(data) != i.used
	if changed {
		err = i.take(data)
	}
	if err != nil {
		i.failed++
		if text := i.fault(err).Error(); asked || i.failed > 1 && text != i.said {
			i.said = text
			if i.since.IsZero() {
				i.since = now()
			}
			r.Unreadable = once(r.Unreadable, Finding{File: i.files[0], Text: text})
		}
		return
	}
	i.seen, i.noticed, i.failed, i.said, i.since = is, nil, 0, "", time.Time{}
	if changed {
		i.used = sum(data)
		r.Changed = once(r.Changed, Finding{File: i.files[0], Text: "the " + i.what + " of " + i.files[0]})
	}
}

// Fault is why a file is not used as it is now, and since when that is known. What was read
// before stays in use.
type Fault struct {
	File, Text string
	Since      time.Time
}

// Faults are those that have been told of and not been mended, each file once.
func (s *Store) Faults() []Fault {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Fault
	for _, i := range s.items {
		known := slices.ContainsFunc(all, func(f Fault) bool { return f.File == i.files[0] && f.Text == i.said })
		if i.said != "" && !known {
			all = append(all, Fault{i.files[0], i.said, i.since})
		}
	}
	return all
}

// once: several listeners and clients may use the same files.
func once(list []Finding, f Finding) []Finding {
	if slices.Contains(list, f) {
		return list
	}
	return append(list, f)
}

func look(files []string) []os.FileInfo {
	infos := make([]os.FileInfo, len(files))
	for n, file := range files {
		infos[n], _ = os.Stat(file) // nil: reading it says why
	}
	return infos
}

func same(a, b []os.FileInfo) bool {
	return slices.EqualFunc(a, b, func(x, y os.FileInfo) bool {
		if x == nil || y == nil {
			return x == nil && y == nil
		}
		return os.SameFile(x, y) && x.ModTime().Equal(y.ModTime()) && x.Size() == y.Size()
	})
}

// maxFile is more than any bundle of authorities has.
const maxFile = 8 << 20

func readAll(files []string) ([][]byte, error) {
	data := make([][]byte, len(files))
	for n, file := range files {
		text, err := os.ReadFile(file)
		switch {
		case err != nil:
			return nil, err
		case len(bytes.TrimSpace(text)) == 0:
			return nil, fmt.Errorf("%s is empty", file)
		case len(text) > maxFile:
			return nil, fmt.Errorf("%s has more than %d bytes", file, maxFile)
		}
		data[n] = text
	}
	return data, nil
}

func sum(data [][]byte) [sha256.Size]byte {
	h := sha256.New()
	for _, d := range data {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(d))))
		h.Write(d)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// Finding is a sentence about a file; where that is of a certificate's end, with the end.
type Finding struct {
	File, Text string
	NotAfter   time.Time
}

// Report is what a look at the files found.
type Report struct {
	// Changed are in use now; Unreadable could not be used, and what was read before is.
	Changed, Unreadable []Finding
	// Expiring are certificates that end soon or have ended.
	Expiring []Certificate
}

// Tell raises each thing that was found, as an event of the catalogue.
func (r Report) Tell(raise func(events.Name, Finding)) {
	for _, f := range r.Changed {
		f.Text = "in use now: " + f.Text
		raise(events.TrustReloaded, f)
	}
	for _, f := range r.Unreadable {
		raise(events.TrustUnreadable, f)
	}
	for _, c := range r.Expiring {
		name := events.CertificateExpires
		if c.Urgent() {
			name = events.CertificateExpired
		}
		raise(name, Finding{File: c.File, Text: c.Reason(), NotAfter: c.NotAfter.UTC()})
	}
}

// Err is what could not be used, as one error.
func (r Report) Err() error {
	var faults []string
	for _, f := range r.Unreadable {
		faults = append(faults, f.Text)
	}
	if len(faults) == 0 {
		return nil
	}
	return errors.New(strings.Join(faults, "; ") + "; what was read before stays in use")
}
