package localdb_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"understudy/broker"
	"understudy/env"
	"understudy/localdb"
)

func launched(n int) []broker.Record {
	return []broker.Record{{Kind: broker.Launched, Session: fmt.Sprint(n)}}
}

// NEW-04: a full journal refuses launches; what follows from earlier ones is still
// taken, within a bound. Pruned, it takes launches again, also after a restart.
func TestJournalIsBounded(t *testing.T) {
	const limit = 5
	dir := t.TempDir()
	open := func() *localdb.State {
		s, err := localdb.OpenState(dir, localdb.StateOptions{Env: env.Real(), Origin: "cc01.example.test", JournalLimit: limit})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { closed(t, s, dir) })
		return s
	}
	s := open()
	for n := range limit {
		if err := s.Record(t.Context(), launched(n)); err != nil {
			t.Fatal(err)
		}
	}
	full := func() {
		t.Helper()
		if err := s.Record(t.Context(), launched(9)); !errors.Is(err, localdb.ErrJournalFull) {
			t.Errorf("a launch into the full journal: %v", err)
		}
	}
	full()
	for range limit {
		if err := s.Record(t.Context(), []broker.Record{{Kind: broker.LoggedOff}}); err != nil {
			t.Errorf("a logoff: %v", err)
		}
	}
	if err := s.Record(t.Context(), []broker.Record{{Kind: broker.LoggedOff}}); !errors.Is(err, localdb.ErrJournalFull) {
		t.Errorf("a logoff beyond twice the limit: %v", err)
	}
	closed(t, s, dir)
	s = open()
	full()
	if n, err := s.PruneJournal(t.Context(), 7, 4); n != 4 || err != nil {
		t.Errorf("pruned %d (%v), want 4 at once", n, err)
	}
	if n, err := s.PruneJournal(t.Context(), 7, 4); n != 3 || err != nil {
		t.Errorf("pruned %d (%v), want the other 3", n, err)
	}
	if err := s.Record(t.Context(), launched(10)); err != nil || s.JournalRecords() != 4 {
		t.Errorf("after pruning: %v, %d records", err, s.JournalRecords())
	}
}

// NEW-04: numbers go on after everything was pruned; pages are bounded; how far the
// journal was handed back survives.
func TestJournalPagesAndMarks(t *testing.T) {
	dir := t.TempDir()
	s := openState(t, dir)
	for n := range 5 {
		if err := s.Record(t.Context(), launched(n)); err != nil {
			t.Fatal(err)
		}
	}
	page, err := s.JournalAfter(t.Context(), 2, 2)
	if err != nil || len(page) != 2 || page[0].Sequence != 3 || page[1].Sequence != 4 || page[0].Journal != s.JournalID() {
		t.Errorf("the page after 2 is %+v (%v)", page, err)
	}
	mark := localdb.Handback{History: "h", Done: map[string]uint64{s.JournalID(): 5}, Rejected: 1, Conflicts: 2}
	if err := s.SaveHandback(t.Context(), mark); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PruneJournal(t.Context(), 5, 100); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := s.JournalFirst(t.Context()); ok || err != nil {
		t.Errorf("a pruned journal has a first record (%v)", err)
	}
	s = openState(t, crashed(t, dir))
	if err := s.Record(t.Context(), launched(6)); err != nil {
		t.Fatal(err)
	}
	if first, ok, err := s.JournalFirst(t.Context()); first != 6 || !ok || err != nil {
		t.Errorf("the next record is %d (%t, %v), want 6", first, ok, err)
	}
	if got, err := s.LoadHandback(t.Context()); !cmp.Equal(got, mark) || err != nil {
		t.Errorf("remembered %+v (%v), want %+v", got, err, mark)
	}
}

// NEW-04: "idempotent by name": a folder that was put back from a backup gives no name
// twice once it knows how far its journal went.
func TestSurpass(t *testing.T) {
	for _, before := range []int{0, 3} {
		dir := t.TempDir()
		open := func() *localdb.State {
			s, err := localdb.OpenState(dir, localdb.StateOptions{Env: env.Real(), Origin: "cc01.example.test"})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { closed(t, s, dir) })
			return s
		}
		s := open()
		for n := range before {
			if err := s.Record(t.Context(), launched(n)); err != nil {
				t.Fatal(err)
			}
		}
		for _, to := range []uint64{100, 40} {
			if err := s.Surpass(t.Context(), to); err != nil {
				t.Fatal(err)
			}
		}
		if s.Surpass(t.Context(), 1<<60) == nil {
			t.Error("the numbers are used up by one word")
		}
		if err := s.Record(t.Context(), launched(9)); err != nil {
			t.Fatal(err)
		}
		closed(t, s, dir)
		s = open()
		all, err := s.Journal(t.Context())
		if err != nil || len(all) != before+1 || all[before].Sequence != 101 {
			t.Errorf("the journal is %+v (%v), want its last record to be 101", all, err)
		}
		if held, _ := s.Held(); held[s.JournalID()] != 101 || s.JournalRecords() != before+1 {
			t.Errorf("it counts %d records and is held up to %v", s.JournalRecords(), held)
		}
	}
}
