package pki

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"understudy/datadir"
	"understudy/site"
)

// Kind is what a record of the ledger tells.
type Kind string

// What the ledger tells.
const (
	Issued  Kind = "issued"
	Token   Kind = "token"
	Denied  Kind = "denied"
	Allowed Kind = "allowed"
)

// Record is one line of the ledger. Secrets are not in it: of tokens and keys it has
// digests.
type Record struct {
	// Version is that of the record's form.
	Version int       `json:"v"`
	Kind    Kind      `json:"kind"`
	At      time.Time `json:"at"`
	Name    site.FQDN `json:"name"`

	Names     []site.FQDN `json:"names,omitempty"`
	Serial    string      `json:"serial,omitempty"`
	NotBefore time.Time   `json:"not_before,omitzero"`
	NotAfter  time.Time   `json:"not_after,omitzero"`
	Key       string      `json:"key,omitempty"`
	How       string      `json:"how,omitempty"`
	From      string      `json:"from,omitempty"`

	// Token is the digest of the token: of a new one, which counts until Until, or of
	// the one that a certificate used up.
	Token string    `json:"token,omitempty"`
	Until time.Time `json:"until,omitzero"`
}

// LedgerVersion is the highest version of a record that is read, and that of what is written.
const LedgerVersion = 1

// maxRecord bounds a line of the ledger.
const maxRecord = 64 << 10

func parseRecord(line []byte) (Record, error) {
	var r Record
	if err := json.Unmarshal(line, &r); err != nil {
		return r, err
	}
	switch {
	case r.Version > LedgerVersion:
		return r, &datadir.NewerError{Version: r.Version, Known: LedgerVersion}
	case r.Version < 1:
		return r, errors.New("a record without a version")
	}
	switch r.Kind {
	case Issued:
		if len(r.Names) == 0 || r.Serial == "" || r.NotAfter.IsZero() {
			return r, errors.New("a certificate without names, number or end")
		}
	case Token:
		if len(r.Names) == 0 || r.Token == "" || r.Until.IsZero() {
			return r, errors.New("a token without name, digest or end")
		}
	case Denied, Allowed:
	default:
		return r, fmt.Errorf("a record of the unknown kind %q", r.Kind)
	}
	if r.Name == "" {
		return r, errors.New("a record without a name")
	}
	return r, nil
}

// ledger is the append-only file of what was signed and ordered. A last line without
// its end was never acknowledged: whoever writes next takes it away.
type ledger struct {
	path   string
	offset int64 // behind the last whole record that was read
	lines  int
}

// read hands all whole records behind the offset to take.
func (l *ledger) read(take func(Record)) error {
	file, err := os.Open(l.path)
	if errors.Is(err, fs.ErrNotExist) && l.offset == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open the ledger: %w", err)
	}
	defer file.Close()
	if err := l.whole(file); err != nil {
		return err
	}
	return l.scan(io.NewSectionReader(file, l.offset, 1<<62), take)
}

// whole refuses a ledger that is shorter than it was.
func (l *ledger) whole(file *os.File) error {
	info, err := file.Stat()
	if err == nil && info.Size() < l.offset {
		err = fmt.Errorf("it is shorter than it was: put it back from a backup and start again")
	}
	if err != nil {
		return fmt.Errorf("read the ledger %s: %w", l.path, err)
	}
	return nil
}

func (l *ledger) scan(r io.Reader, take func(Record)) error {
	lines := bufio.NewReaderSize(r, maxRecord)
	for {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		var record Record
		if err == nil {
			record, err = parseRecord(bytes.TrimSpace(line))
		}
		if newer, ok := errors.AsType[*datadir.NewerError](err); ok {
			newer.File = l.path
			return newer
		}
		if err != nil {
			return fmt.Errorf("line %d of the ledger %s is damaged: %w; put it back from a backup", l.lines+1, l.path, err)
		}
		take(record)
		l.offset, l.lines = l.offset+int64(len(line)), l.lines+1
	}
}

// append adds a record durably, or leaves the ledger as it is. All of it has been read.
func (l *ledger) append(r Record) error {
	r.Version = LedgerVersion
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("write a record: %w", err)
	}
	line = append(line, '\n')
	if len(line) > maxRecord {
		return fmt.Errorf("a record of %d bytes is too long for the ledger", len(line))
	}
	if err := l.write(line); err != nil {
		return fmt.Errorf("write the ledger: %w", err)
	}
	l.offset, l.lines = l.offset+int64(len(line)), l.lines+1
	return nil
}

func (l *ledger) write(line []byte) (err error) {
	file, err := os.OpenFile(l.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := file.Truncate(l.offset); err != nil {
		return err
	}
	if _, err := file.WriteAt(line, l.offset); err != nil {
		return errors.Join(err, file.Truncate(l.offset))
	}
	if err := file.Sync(); err != nil {
		return err
	}
	return datadir.Sync(filepath.Dir(l.path))
}
