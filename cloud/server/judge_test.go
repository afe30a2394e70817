package server

import (
	"strings"
	"testing"
	"time"

	"understudy/site"
	"understudy/wire"
)

// NEW-04: "an assignment is applied unless the cloud changed that machine since,
// then the conflict is reported"; a record that is invalid is rejected.
func TestJudge(t *testing.T) {
	index := site.NewIndex(&site.Site{
		Name:   "s",
		Zones:  []site.Zone{{Name: "east"}, {Name: "west"}},
		Groups: []site.DeliveryGroup{{Name: "Own", Kind: site.Assigned}, {Name: "Pool", Kind: site.Pooled}},
		Machines: []site.Machine{
			{Name: "free.example", Group: "Own", Zone: "east"},
			{Name: "anns.example", Group: "Own", Zone: "east", AssignedUser: "Ann"},
			{Name: "pooled.example", Group: "Pool", Zone: "east"},
			{Name: "moved.example", Group: "Own", Zone: "west"},
		},
	})
	assignment := wire.OutageRecord{Kind: "assignment", Machine: "free.example", Zone: "east", Group: "Own", User: "ann", Session: "s1"}
	cases := []struct {
		name   string
		change func(*wire.OutageRecord)
		owner  string
		want   wire.RecordOutcome
		what   string
	}{
		{"free", func(*wire.OutageRecord) {}, "", wire.RecordApplied, ""},
		{"the user's already", func(r *wire.OutageRecord) { r.Machine = "anns.example" }, "", wire.RecordApplied, ""},
		{"the user's by a launch", func(*wire.OutageRecord) {}, "ANN", wire.RecordApplied, ""},
		{"another's by a launch", func(*wire.OutageRecord) {}, "bob", wire.RecordConflict, "belongs to bob"},
		{"another's", func(r *wire.OutageRecord) { r.Machine, r.User = "anns.example", "bob" }, "", wire.RecordConflict, "belongs to Ann"},
		{"gone", func(r *wire.OutageRecord) { r.Machine = "gone.example" }, "", wire.RecordConflict, "no longer in the site"},
		{"moved", func(r *wire.OutageRecord) { r.Machine = "moved.example" }, "", wire.RecordConflict, "zone west"},
		{"of another kind", func(r *wire.OutageRecord) { r.Machine, r.Group = "pooled.example", "Pool" }, "", wire.RecordConflict, "no assigned desktops"},
		{"launch on what is gone", func(r *wire.OutageRecord) { r.Kind, r.Machine = "launch", "gone.example" }, "", wire.RecordApplied, ""},
		{"soft", func(r *wire.OutageRecord) { r.Kind = "registration" }, "", wire.RecordRejected, "kind"},
		{"no machine", func(r *wire.OutageRecord) { r.Machine = "" }, "", wire.RecordRejected, "machine"},
		{"of another zone", func(r *wire.OutageRecord) { r.Zone = "west" }, "", wire.RecordRejected, "zone"},
		{"no user", func(r *wire.OutageRecord) { r.User = "" }, "", wire.RecordRejected, "user is missing"},
		{"long", func(r *wire.OutageRecord) { r.Session = strings.Repeat("s", 2000) }, "", wire.RecordRejected, "too long"},
		{"no session", func(r *wire.OutageRecord) { r.Kind, r.Session = "logoff", "" }, "", wire.RecordRejected, "session"},
	}
	for _, c := range cases {
		r := assignment
		c.change(&r)
		got, what := judge(r, "east", index, c.owner)
		if got != c.want || !strings.Contains(what, c.what) || (what == "") != (c.want == wire.RecordApplied) {
			t.Errorf("%s: %s %q, want %s %q", c.name, got, what, c.want, c.what)
		}
	}
}

// NEW-04: duplicates are reported: one user with two sessions at the same time,
// which one connector alone would not have given.
func TestTwice(t *testing.T) {
	at := func(second int) time.Time { return time.Date(2030, 1, 1, 0, 0, second, 0, time.UTC) }
	launch := func(second int, session, machine, journal string) wire.OutageRecord {
		return wire.OutageRecord{Kind: "launch", At: at(second), User: "ann", Group: "Pool", Session: session, Machine: site.FQDN(machine), Journal: journal}
	}
	logoff := func(second int, session string) wire.OutageRecord {
		return wire.OutageRecord{Kind: "logoff", At: at(second), Session: session}
	}
	other := launch(2, "s2", "d2", "b")
	other.Group = "Own"
	cases := map[string]struct {
		records []wire.OutageRecord
		heard   ends
		want    int
	}{
		"two connectors":       {[]wire.OutageRecord{launch(1, "s1", "d1", "a"), launch(2, "s2", "d2", "b")}, ends{}, 1},
		"in any order":         {[]wire.OutageRecord{launch(2, "s2", "d2", "b"), logoff(3, "s1"), launch(1, "s1", "d1", "a")}, ends{}, 1},
		"one after the other":  {[]wire.OutageRecord{launch(2, "s2", "d2", "b"), launch(0, "s1", "d1", "a"), logoff(1, "s1")}, ends{}, 0},
		"ended in Normal":      {[]wire.OutageRecord{launch(1, "s1", "d1", "a"), launch(3, "s2", "d2", "b")}, ends{of: map[string]time.Time{"s1": at(2)}}, 0},
		"end forgotten":        {[]wire.OutageRecord{launch(1, "s1", "d1", "a"), launch(3, "s2", "d2", "b")}, ends{since: at(2)}, 0},
		"end not forgotten":    {[]wire.OutageRecord{launch(1, "s1", "d1", "a"), launch(3, "s2", "d2", "b")}, ends{since: at(1)}, 1},
		"ended later":          {[]wire.OutageRecord{launch(1, "s1", "d1", "a"), launch(3, "s2", "d2", "b")}, ends{of: map[string]time.Time{"s1": at(4)}}, 1},
		"one connector":        {[]wire.OutageRecord{launch(1, "s1", "d1", "a"), launch(2, "s2", "d2", "a")}, ends{}, 0},
		"one desktop":          {[]wire.OutageRecord{launch(1, "s1", "d1", "a"), launch(2, "s2", "d1", "b")}, ends{}, 0},
		"one session":          {[]wire.OutageRecord{launch(1, "s1", "d1", "a"), launch(2, "s1", "d2", "b")}, ends{}, 0},
		"another group":        {[]wire.OutageRecord{launch(1, "s1", "d1", "a"), other}, ends{}, 0},
		"three, each with two": {[]wire.OutageRecord{launch(1, "s1", "d1", "a"), launch(2, "s2", "d2", "b"), launch(3, "s3", "d3", "c")}, ends{}, 3},
	}
	for name, c := range cases {
		if got := twice(c.records, c.heard); len(got) != c.want {
			t.Errorf("%s: %d findings, want %d: %+v", name, len(got), c.want, got)
		}
	}
}
