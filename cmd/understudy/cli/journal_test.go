package cli_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"understudy/console"
	"understudy/site"
	"understudy/wire"
)

func journalStatus() wire.JournalStatus {
	return wire.JournalStatus{ID: "j1", Records: 812, HandedBack: 640, Rejected: 2, Limit: 1000}
}

// journalPage has two records.
func journalPage(_ context.Context, after uint64, limit int) (wire.JournalPage, error) {
	page := wire.JournalPage{Journal: journalStatus(), Items: []wire.JournalItem{}}
	for n := after + 1; n <= 2 && len(page.Items) < limit; n++ {
		page.Items = append(page.Items, wire.JournalItem{HandedBack: n == 1, OutageRecord: wire.OutageRecord{
			Origin: "cc01.example.test", Journal: "j1", Sequence: n, At: noon().Add(-time.Hour), Kind: "launch", User: "ada", Machine: "ws1", Session: "s-1",
		}})
	}
	if len(page.Items) == limit {
		page.Next = page.Items[limit-1].Sequence
	}
	return page, nil
}

// NEW-04: operators see the records and how far the hand-back is, in pages.
func TestJournalCommands(t *testing.T) {
	at := "--connector=" + (&connector{status: status()}).serve(t, "unix")
	code, out, _ := run(t, at, "journal", "list", "-n", "1")
	for _, want := range []string{"812 records, 640 handed back, 2 rejected", "ada", "There are more: --after 1"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("journal list: %d, no %q in\n%s", code, want, out)
		}
	}
	code, out, _ = run(t, at, "journal", "export")
	if lines := strings.Split(strings.TrimSpace(out), "\n"); code != 0 || len(lines) != 2 || !strings.Contains(lines[1], `"sequence":2`) {
		t.Errorf("journal export: %d\n%s", code, out)
	}
}

// NEW-04: whose own journal is empty still says that it keeps what another one recorded.
func TestJournalOfCopies(t *testing.T) {
	c := &connector{status: status(), change: func(o *console.Options) {
		o.Journal = func(context.Context, uint64, int) (wire.JournalPage, error) {
			return wire.JournalPage{Journal: wire.JournalStatus{ID: "j2", Copies: 1}}, nil
		}
	}}
	c.status.Journal = wire.JournalStatus{ID: "j2", Copies: 1}
	at := "--connector=" + c.serve(t, "unix")
	for _, args := range [][]string{{"journal", "list"}, {"status"}} {
		if code, out, _ := run(t, append(args, at)...); code != 0 || !strings.Contains(out, "0 records; copies of the records of 1 other connector") {
			t.Errorf("%v: %d\n%s", args, code, out)
		}
	}
}

// Issue 4: what cannot be asked for is refused before anybody is asked.
func TestPagesAreBounded(t *testing.T) {
	for _, args := range []string{
		"journal", "handback", "journal list -n 0", "journal list -n 1001",
		"handback list --cloud http://127.0.0.1:9 --site example -n 501",
	} {
		if code, _, problems := run(t, strings.Fields(args)...); code != 2 {
			t.Errorf("%s: exit %d: %s", args, code, problems)
		}
	}
}

// NEW-04: duplicates and conflicts are reported by a command.
func TestHandbackList(t *testing.T) {
	cloud := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/cloud/v1/sites/example/findings" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		wire.WriteJSON(w, http.StatusOK, wire.Findings{
			Items:    []wire.Finding{{ID: 7, At: noon(), Kind: wire.FindingConflict, What: "ws1 belongs to bob now"}},
			Journals: []wire.JournalSummary{{Origin: "cc01.example.test", Journal: "j1", Last: 812, At: noon()}},
		})
	}))
	defer cloud.Close()
	code, out, _ := run(t, "handback", "list", "--cloud", cloud.URL, "--site", "example")
	for _, want := range []string{"conflict", "ws1 belongs to bob now", "cc01.example.test", "812"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("handback list: %d, no %q in\n%s", code, want, out)
		}
	}
	if code, _, _ := run(t, "handback", "list"); code != 2 {
		t.Errorf("without a cloud broker: exit code %d, want 2", code)
	}
}

// LHC-34: pooled desktops are "counted and forecast in `status`"; those that have not
// come yet are told apart from those that are used up.
func TestStatusOfPools(t *testing.T) {
	st := status()
	st.Pools = append(st.Pools, wire.PoolStatus{Group: "C", Machines: 9, Left: 2, Away: 7})
	code, out, _ := run(t, "--connector="+(&connector{status: st}).serve(t, "unix"), "status")
	for _, want := range []string{
		"pool A: 12 of 40 left, at this rate empty in 2h0m\n", "pool B: 0 of 3 left\n", "pool C: 2 of 9 left (7 not registered)\n",
	} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("exit %d, no %q in\n%s", code, want, out)
		}
	}
}

// pools are as LHC-34 has them: counted and forecast.
func pools() []wire.PoolStatus {
	in := site.Duration(2 * time.Hour)
	return []wire.PoolStatus{{Group: "A", Machines: 40, Left: 12, EmptyIn: &in}, {Group: "B", Machines: 3}}
}
