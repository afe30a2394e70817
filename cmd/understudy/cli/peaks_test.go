package cli_test

import (
	"strings"
	"testing"

	"understudy/wire"
)

func sessionPeaks(days int) []wire.SessionPeak {
	list := []wire.SessionPeak{{Day: "2030-01-02", Sessions: 12}, {Day: "2030-01-02", Group: "farm", Sessions: 9}, {Day: "2030-01-01", Sessions: 8}}
	return list[:min(len(list), 2*days)]
}

// VPN-05: operators see the peak of each day, and of today at one look.
func TestPeaks(t *testing.T) {
	st := status()
	st.PeakToday = 12
	at := "--connector=" + (&connector{status: st}).serve(t, "unix")
	code, out, _ := run(t, at, "sessions", "peaks")
	for _, want := range []string{"2030-01-02  (all)        12", "2030-01-02  farm          9", "2030-01-01  (all)         8"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("exit %d, no %q in\n%s", code, want, out)
		}
	}
	if code, out, _ = run(t, at, "sessions", "peaks", "--days", "1", "-o", "json"); code != 0 || strings.Contains(out, "2030-01-01") || !strings.Contains(out, `"group": "farm"`) {
		t.Errorf("exit %d:\n%s", code, out)
	}
	if code, out, _ = run(t, at, "status"); code != 0 || !strings.Contains(out, "at most 12 sessions at a time in HA mode today") {
		t.Errorf("exit %d:\n%s", code, out)
	}
	if code, _, problems := run(t, at, "sessions", "peaks", "--days", "401"); code != 2 || !strings.Contains(problems, "--days 401") {
		t.Errorf("exit %d: %s", code, problems)
	}
}
