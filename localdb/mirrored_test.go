package localdb_test

import (
	"testing"

	"understudy/broker"
)

func record(journal string, sequence uint64, session string) broker.Record {
	return broker.Record{Origin: "cc2", Journal: journal, Sequence: sequence, Kind: broker.Launched, Session: session}
}

func sessionsOf(records []broker.Record) string {
	var all string
	for _, r := range records {
		all += r.Session + " "
	}
	return all
}

// NEW-04: records of other connectors are kept by their names, each once, also over
// a restart, and read in one order with the own ones.
func TestMirroredRecords(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	s := openState(t, dir)
	own := func(session string) {
		if err := s.Record(ctx, []broker.Record{{Kind: broker.Launched, Session: session}}); err != nil {
			t.Fatal(err)
		}
	}
	keep := func(records ...broker.Record) {
		if err := s.Mirror(ctx, records); err != nil {
			t.Fatal(err)
		}
	}
	keep(record("other", 1, "a"), record("other", 2, "b"))
	own("c")
	keep(record("other", 2, "b"), record("other", 3, "d"), record(s.JournalID(), 1, "c"))
	own("e")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openState(t, dir)
	all, err := s.Records(ctx)
	if got := sessionsOf(all); err != nil || got != "a b c d e " {
		t.Errorf("got %q, %v", got, err)
	}
	last, _ := s.Held()
	if last["other"] != 3 || last[s.JournalID()] != 2 {
		t.Errorf("held: %v", last)
	}
	missing, err := s.MissingFrom(ctx, map[string]uint64{"other": 2}, 10)
	if len(missing) != 3 || err != nil || missing[0].Journal == "" {
		t.Errorf("missing: %v, %v", missing, err)
	}
	if n, err := s.PruneMirrored(ctx, "other", 2, 10); n != 2 || err != nil {
		t.Errorf("pruned %d, %v", n, err)
	}
	if names, err := s.MirroredJournals(ctx); len(names) != 1 || err != nil {
		t.Errorf("journals: %v, %v", names, err)
	}
	if left, err := s.MirroredAfter(ctx, "other", 0, 10); sessionsOf(left) != "d " || err != nil {
		t.Errorf("left: %v, %v", left, err)
	}
}

// NEW-04: "nothing lost": a connector whose data folder was put back from a backup gets
// the records that it has lost from who has copies of them, gives none of their names
// again, and is not sent them for ever.
func TestOwnRecordsComeBack(t *testing.T) {
	ctx, s := t.Context(), openState(t, t.TempDir())
	own := func(session string) {
		if err := s.Record(ctx, []broker.Record{{Kind: broker.Launched, Session: session}}); err != nil {
			t.Fatal(err)
		}
	}
	own("a")
	lost := []broker.Record{record(s.JournalID(), 1, "another"), record(s.JournalID(), 2, "b"), record(s.JournalID(), 4, "d"), record(s.JournalID(), 1<<40, "absurd")}
	for range 2 {
		if err := s.Mirror(ctx, lost); err != nil {
			t.Fatal(err)
		}
	}
	if last, _ := s.Held(); last[s.JournalID()] != 4 {
		t.Errorf("held up to %d, want 4", last[s.JournalID()])
	}
	own("e")
	all, err := s.Journal(ctx)
	if got := sessionsOf(all); err != nil || got != "a b d e " || all[3].Sequence != 5 || s.JournalRecords() != 4 {
		t.Errorf("got %q, %v; %d records", got, err, s.JournalRecords())
	}
}

// REP-01: who waits for records hears of each that is on the disk.
func TestHeldTellsOfNews(t *testing.T) {
	s := openState(t, t.TempDir())
	_, next := s.Held()
	if err := s.Record(t.Context(), []broker.Record{{Kind: broker.Launched}}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-next:
	default:
		t.Error("nobody was told")
	}
}
