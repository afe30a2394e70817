package localdb_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"understudy/broker"
	"understudy/localdb"
)

func savePeaks(t *testing.T, s *localdb.State, peaks ...broker.Peak) {
	t.Helper()
	if err := s.SavePeaks(t.Context(), peaks); err != nil {
		t.Fatal(err)
	}
}

// VPN-05: "with the daily peak recorded": it outlives a restart, and no clock that is
// set back takes it down again.
func TestPeaksAreKept(t *testing.T) {
	dir := t.TempDir()
	s := openState(t, dir)
	savePeaks(t, s, broker.Peak{Day: "2026-01-02", Sessions: 7}, broker.Peak{Day: "2026-01-02", Group: "farm", Sessions: 5})
	savePeaks(t, s, broker.Peak{Day: "2026-01-01", Sessions: 9})
	savePeaks(t, s, broker.Peak{Day: "2026-01-02", Sessions: 3}, broker.Peak{Day: "2026-01-02", Group: "farm", Sessions: 6})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := openState(t, dir).Peaks(t.Context(), 10)
	want := []broker.Peak{{Day: "2026-01-02", Sessions: 7}, {Day: "2026-01-02", Group: "farm", Sessions: 6}, {Day: "2026-01-01", Sessions: 9}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v; peaks (-want +got):\n%s", err, diff)
	}
}

// VPN-05: the history is bounded by days, not by the clock: one that runs years ahead
// for a moment costs one day of it.
func TestPeaksAreBounded(t *testing.T) {
	s := openState(t, t.TempDir())
	first := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for n := range localdb.MaxPeakDays + 10 {
		savePeaks(t, s, broker.Peak{Day: first.AddDate(0, 0, n).Format(time.DateOnly), Sessions: n + 1})
	}
	savePeaks(t, s, broker.Peak{Day: "2099-01-01", Sessions: 1})
	got, err := s.Peaks(t.Context(), 1000)
	if err != nil || len(got) != localdb.MaxPeakDays || got[1].Sessions != localdb.MaxPeakDays+10 {
		t.Errorf("%v; %d peaks, the latest %+v", err, len(got), got[:2])
	}
	if got, err := s.Peaks(t.Context(), 3); err != nil || len(got) != 3 {
		t.Errorf("%v; of three days there are %d", err, len(got))
	}
}
