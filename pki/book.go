package pki

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"understudy/site"
)

// book is what the ledger says now, by name and by token.
type book struct {
	ledger ledger
	latest map[site.FQDN]Record
	denied map[site.FQDN]bool
	tokens map[string]ticket
}

// ticket is a token: its record, and the digest of the key that used it.
type ticket struct {
	Record
	usedBy string
}

func newBook(path string) *book {
	return &book{ledger: ledger{path: path}, latest: map[site.FQDN]Record{}, denied: map[site.FQDN]bool{}, tokens: map[string]ticket{}}
}

func (b *book) catchUp() error { return b.ledger.read(b.take) }

func (b *book) append(r Record) error {
	if err := b.ledger.append(r); err != nil {
		return err
	}
	b.take(r)
	return nil
}

func (b *book) take(r Record) {
	switch r.Kind {
	case Issued:
		b.latest[r.Name] = r
		if used, known := b.tokens[r.Token]; known {
			used.usedBy = r.Key
			b.tokens[r.Token] = used
		}
	case Token:
		b.tokens[r.Token] = ticket{Record: r}
	case Denied:
		b.denied[r.Name] = true
	case Allowed:
		delete(b.denied, r.Name)
	}
}

// State is how a certificate, or a name, is.
type State string

// States of what is listed.
const (
	Valid    State = "valid"
	Expiring State = "expiring"
	Expired  State = "expired"
	Revoked  State = "denied"
)

// Entry is what the ledger says of a name.
type Entry struct {
	Record
	State State `json:"state"`
}

// List returns the latest certificate of each name, or all that were ever issued, in
// order of name and time. Names that are denied are listed even without one.
func (a *Authority) List(ctx context.Context, all bool) ([]Entry, error) {
	var records []Record
	now := a.env.Now()
	seen := newBook(a.book.ledger.path)
	err := a.locked(ctx, func() error {
		return seen.ledger.read(func(r Record) {
			seen.take(r)
			if all && r.Kind == Issued {
				records = append(records, r)
			}
		})
	})
	if !all {
		records = slices.Collect(maps.Values(seen.latest))
	}
	return seen.entries(records, now), err
}

func (b *book) entries(records []Record, now time.Time) []Entry {
	entries := make([]Entry, 0, len(records))
	for _, r := range records {
		entries = append(entries, Entry{Record: r, State: stateOf(r, b.denied[r.Name], now)})
	}
	for name := range b.denied {
		if _, issued := b.latest[name]; !issued {
			entries = append(entries, Entry{Record: Record{Kind: Denied, Name: name}, State: Revoked})
		}
	}
	slices.SortStableFunc(entries, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), a.At.Compare(b.At))
	})
	return entries
}

// stateOf: a certificate is expiring when the time at which it should have been
// renewed is past.
func stateOf(r Record, denied bool, now time.Time) State {
	switch {
	case !now.Before(r.NotAfter):
		return Expired
	case denied:
		return Revoked
	case !now.Before(RenewAt(r.NotBefore, r.NotAfter)):
		return Expiring
	}
	return Valid
}

// Latest returns the last certificate of a name.
func (a *Authority) Latest(ctx context.Context, name site.FQDN) (r Record, known bool, err error) {
	err = a.locked(ctx, func() error {
		r, known = a.book.latest[name]
		return nil
	})
	return r, known, err
}

// Deny lets a name get no more certificates; undo lets it again. What it has counts
// until its end.
func (a *Authority) Deny(ctx context.Context, name site.FQDN, undo bool) error {
	kind := Denied
	if undo {
		kind = Allowed
	}
	if err := a.checkNames([]site.FQDN{name}); err != nil {
		return err
	}
	return a.locked(ctx, func() error {
		return a.book.append(Record{Kind: kind, At: a.env.Now().UTC(), Name: name})
	})
}
